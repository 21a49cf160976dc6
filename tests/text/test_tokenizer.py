"""The tokenizer: four kinds, what is reserved, what search may not produce, and errors that name a way out."""

import io
import random
import re
from collections.abc import Iterator

import pytest
import sentencepiece

from mtkit.errors import ConfigError, DataError
from mtkit.text.reserved import SYMBOLS
from mtkit.text.tokenizer import Tokenizer, train

LINES = [f"the {a} sees the {b} ." for a in ("cat", "dog", "bird", "man") for b in ("house", "tree", "moon", "sea")] * 4


def lines() -> Iterator[str]:
    return iter(LINES)


def make(
    kind: str = "unigram", vocab_size: int = 343, byte_fallback: bool = True, text: list[str] = LINES
) -> Tokenizer:
    return Tokenizer(
        train(text, kind=kind, vocab_size=vocab_size, normalization="identity", byte_fallback=byte_fallback)
    )


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_every_kind_reserves_symbols_and_comes_back(kind: str) -> None:
    made = make(kind, byte_fallback=kind != "word")
    ids = made.encode(["the cat sees the sea ."])[0]
    assert made.decode(ids) == "the cat sees the sea ."
    for symbol in SYMBOLS:
        pieces = [piece.lstrip("▁") for piece in made.pieces(made.encode([symbol])[0])]
        assert [piece for piece in pieces if piece] == [symbol]
    assert made.vocab_size >= 64 + 4


def test_bytes_spell_anything_and_line_breaks_are_never_produced() -> None:
    made = make()
    for text in ("日本 😀", "a\u2028b\x00c", "\rx", "ünïcode"):
        ids = made.encode([text])[0]
        assert made.decode(ids) == text
        assert made.byte_pieces(ids) > 0
    assert {*SYMBOLS} < {*made.pieces(made.never)}
    never = {*made.pieces(made.never)} - {*SYMBOLS}
    assert {"<0x0A>", "<0x0D>", "<0x09>", "<0x7F>", "<0xC0>", "<0xF5>", "<pad>", "<s>", "<unk>"} < never
    assert not never & {"<0x20>", "<0x41>", "<0x7E>", "<0x80>", "<0xC2>", "<0xBF>", "<0xF4>"}
    assert len(never) == 3 + 32 + 1 + 2 + 11  # special pieces, control characters, what no character has
    assert made.eos not in made.never


def test_a_ready_made_model_without_pad_and_bos() -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines(), model_writer=model, vocab_size=22, bos_id=-1, pad_id=-1, minloglevel=3
    )
    made = Tokenizer(model.getvalue())
    assert made.bos == made.eos
    assert made.pieces(made.never) == ["<unk>"]
    assert made.decode(made.encode(["the dog ."])[0]) == "the dog ."


def test_pieces_that_are_no_text_are_never_produced() -> None:
    """A ready-made model has what its training text had."""
    model = io.BytesIO()
    symbols = ["a\tb", "\x07", "\ufffd", "\u2028", "<0x41>", "\ue000"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines(),
        model_writer=model,
        vocab_size=28,
        bos_id=-1,
        user_defined_symbols=symbols,
        minloglevel=3,
    )
    made = Tokenizer(model.getvalue())
    assert made.pieces(made.never) == ["<unk>", *symbols[:4]]


def test_no_model_and_no_end() -> None:
    with pytest.raises(DataError, match=r"x.model is not a SentencePiece model"):
        Tokenizer(b"nonsense", "x.model")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines(), model_writer=model, vocab_size=22, eos_id=-1, minloglevel=3
    )
    with pytest.raises(DataError, match="no end-of-sentence piece"):
        Tokenizer(model.getvalue(), "x.model")


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_too_large_a_vocabulary_names_the_largest_that_works(kind: str) -> None:
    with pytest.raises(ConfigError, match=r"one from \d+ on: the largest that works is \d+$") as caught:
        make(kind, 5000)
    smallest, largest = map(int, re.findall(r"\d+", str(caught.value))[1:])
    for size in (largest, smallest):
        assert make(kind, size).vocab_size == size
    with pytest.raises(ConfigError, match=f"the largest that works is {largest}"):
        make(kind, largest + 1)
    with pytest.raises(ConfigError, match=f"alone make {smallest}, which is the smallest that works"):
        make(kind, smallest - 1)


@pytest.mark.parametrize("kind", ["unigram", "bpe", "word"])
@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("size", [1, 67, 69])
def test_too_small_a_vocabulary_names_the_smallest_that_works(kind: str, byte_fallback: bool, size: int) -> None:
    if kind == "word" and byte_fallback:
        pytest.skip("words are not spelled in bytes")
    with pytest.raises(ConfigError, match=r"alone make (\d+), which is the smallest") as caught:
        make(kind, size, byte_fallback)
    smallest = int(re.findall(r"\d+", str(caught.value))[1])
    assert make(kind, smallest, byte_fallback).vocab_size == smallest
    with pytest.raises(ConfigError, match=f"alone make {smallest}"):
        make(kind, smallest - 1, byte_fallback)


TEXTS = [["a"], ["a b", "c"], ["개 고양이", "日本 語"], LINES]


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_size_that_nobody_asked_for_fits_the_text(kind: str, text: list[str]) -> None:
    for byte_fallback in (True, False):
        if kind == "word" and byte_fallback:
            continue
        made = make(kind, 0, byte_fallback, text)
        assert [made.decode(ids) for ids in made.encode(text)] == text


def test_it_grows_with_the_text_and_is_what_it_was_for_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    words = ["".join(rng.choice("abcdefghij") for _ in range(rng.randint(2, 8))) for _ in range(9000)]
    few = [" ".join(rng.choice(words) for _ in range(9)) for _ in range(100)]
    sizes = [make(vocab_size=0, text=few[:count]).vocab_size for count in (1, 10, 100)]
    assert 334 < sizes[0] < sizes[1] < sizes[2] < 1500
    monkeypatch.setattr("mtkit.text.tokenizer.USUAL", 600)
    assert make(vocab_size=0, text=few).vocab_size == 600


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError, match="could not train"):
        train(iter([]), kind="unigram", vocab_size=400, normalization="identity", byte_fallback=True)


def test_training_is_repeatable() -> None:
    assert make().model == make().model


def test_words_of_pieces() -> None:
    made = make()
    text = "the  cat 日 sees"
    ids = made.encode([text])[0]
    words = made.words(ids, text)
    assert len(words) == len(ids)
    for number, word in enumerate(text.split()):
        own = [i for i, owner in zip(ids, words, strict=True) if owner == number]
        assert made.decode(own).strip() == word


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_words_of_pieces_when_some_are_unknown(kind: str) -> None:
    made = make(kind, byte_fallback=False, vocab_size=0)
    for text in ("the 日本 sees the cat", "日本 sees 東京 .", "the cat sees 日本", "日本 東京 the cat"):
        ids = made.encode([text])[0]
        spelt = made.surfaces(text)
        assert [piece for piece, i in zip(spelt, ids, strict=True) if i != made.unknown] == [
            made.names[i] for i in ids if i != made.unknown
        ]
        words = made.words(ids, text, spelt)
        assert words == sorted(words)
        for number, word in enumerate(text.split()):
            own = [i for i, owner in zip(ids, words, strict=True) if owner == number]
            if word.isascii():
                assert made.decode(own).strip() == word
    assert made.unknown in made.never


def test_with_bytes_nothing_is_unknown() -> None:
    assert make().unknown is None


@pytest.mark.parametrize("byte_fallback", [True, False])
def test_ends_of_pieces(byte_fallback: bool) -> None:
    made = make(vocab_size=0, byte_fallback=byte_fallback)
    text = "the cat 日本 sees" if byte_fallback else "the cat sees the moon"
    ids = made.encode([text])[0]
    ends = made.ends(ids, text)
    assert (len(ends), ends[-1]) == (len(ids), len(text))
    starts = [0, *ends[:-1]]
    for piece, start, end in zip(made.pieces(ids), starts, ends, strict=True):
        if not piece.startswith("<0x"):
            assert text[start:end].strip() == piece.strip("▁")
    assert "".join(text[start:end] for start, end in zip(starts, ends, strict=True)) == text
    assert made.ends([], "") == []
