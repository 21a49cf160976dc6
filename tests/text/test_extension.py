"""More pieces for a tokenizer: the old ids stay, the text gets shorter, and what is written can be read."""

import random

import pytest

from mtkit.errors import DataError
from mtkit.text.extension import extended
from mtkit.text.tokenizer import Tokenizer, train

OLD = ["the cat sees a tree", "a dog sees the sea", "the tree and the sea", "a cat and a dog"] * 8
NEW = ["the catamaran sees λάμδα", "a catamaran and λάμδα", "sea ✓ λάμδα", "catamaran ✓ trees"] * 6


def made(kind: str, **settings: object) -> Tokenizer:
    usual = {"kind": kind, "vocab_size": 0, "normalization": "identity", "byte_fallback": kind != "word"}
    return Tokenizer(train(OLD, **(usual | settings)))  # type: ignore[arg-type]


def length(tokenizer: Tokenizer, lines: list[str]) -> int:
    return sum(map(len, tokenizer.encode(lines)))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_what_was_written_badly_is_written_in_fewer_pieces(kind: str) -> None:
    before = made(kind)
    after = Tokenizer(extended(before, NEW, 30))
    assert before.vocab_size < after.vocab_size <= before.vocab_size + 30
    assert after.names[: before.vocab_size] == before.names
    assert len(set(after.names)) == after.vocab_size
    assert (after.eos, after.bos, after.unknown) == (before.eos, before.bos, before.unknown)
    assert length(after, NEW) < 0.5 * length(before, NEW)
    assert after.byte_pieces([i for ids in after.encode(NEW) for i in ids]) == 0
    for text in (*NEW, *OLD, "λάμδατree ✗ catamarans", "an unseen ßentence"):
        assert after.decode(after.encode([text])[0]) == text
    assert length(after, OLD) <= length(before, OLD)
    again = Tokenizer(extended(after, [*NEW, *["a λάμδα✓"] * 9], 5))  # and once more
    assert again.names[: after.vocab_size] == after.names


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_no_more_than_asked_for_and_none_that_is_rare(kind: str) -> None:
    before = made(kind)
    assert Tokenizer(extended(before, NEW, 3)).vocab_size == before.vocab_size + 3
    assert extended(before, NEW[:4], 30) == before.model  # nothing came five times
    assert extended(before, [], 30) == before.model


def test_many_new_pieces_are_used() -> None:
    """Of a text in which words were drawn from many."""
    rng = random.Random(0)
    words = ["".join(rng.choices("aeidstrghn", k=rng.randint(3, 8))) for _ in range(40)]
    lines = [" ".join(rng.choices(words, k=6)) for _ in range(100)]
    for kind in ("unigram", "bpe"):
        before = made(kind)
        after = Tokenizer(extended(before, lines, 60))
        used = {i for ids in after.encode(lines) for i in ids}
        new = set(range(before.vocab_size, after.vocab_size))
        assert len(new) == 60
        assert len(new & used) >= 15
        assert length(after, lines) < 0.7 * length(before, lines)


@pytest.mark.parametrize("kind", ["char", "word"])
def test_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(DataError, match="source.model is one of characters or words, which has no room for more"):
        extended(made(kind), NEW, 3, "source.model")
