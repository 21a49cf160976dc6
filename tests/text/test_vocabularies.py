"""How the pieces of one vocabulary are written in another."""

from mtkit.text.tokenizer import Tokenizer, train
from mtkit.text.vocabularies import Spelling, written_in


def made(text: str, kind: str = "char", vocab_size: int = 200, byte_fallback: bool = False) -> Tokenizer:
    settings = {"normalization": "identity", "byte_fallback": byte_fallback}
    return Tokenizer(train(text.split("|"), kind=kind, vocab_size=vocab_size, **settings))  # type: ignore[arg-type]


def test_a_piece_is_the_same_or_is_spelled() -> None:
    words, letters = made("the cat|the act", "word"), made("the act")
    rows = written_in(words, letters)
    named = {name: [letters.names[i] for i in ids] for name, ids in zip(words.names, rows, strict=True)}
    assert named["▁cat"] == ["▁", "c", "a", "t"]
    assert named["</s>"] == ["</s>"]
    assert named["<mtkit:7>"] == ["<mtkit:7>"]
    assert written_in(letters, letters) == [[i] for i in range(letters.vocab_size)]


def test_what_the_other_cannot_spell_has_nothing() -> None:
    own = made("a dog", "word")
    for other in (made("a cat"), made("a cat|a cat a cat", "unigram", 0, byte_fallback=True)):
        rows = dict(zip(own.names, written_in(own, other), strict=True))
        assert rows["▁dog"] == []
        assert rows["▁a"] != []


def test_as_few_pieces_as_can_be() -> None:
    tokenizer = made("aaa aaa aaa bb|aaa bb", "bpe", 0)
    spelled = Spelling(tokenizer)
    assert tokenizer.id("▁aaa") is not None
    assert [tokenizer.names[i] for i in spelled("▁aaab")] == ["▁aaa", "b"]
    assert spelled("x") == []
