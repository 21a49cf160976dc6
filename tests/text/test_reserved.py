"""Reserved pieces: a tokenizer makes them of their symbols, and never of anything that somebody wrote."""

import io
import itertools
from typing import Any

import pytest
import sentencepiece

from mtkit.errors import ConfigError, DataError
from mtkit.text import reserved, tokenizer
from mtkit.text.reserved import SPANS, SYMBOLS, TAGS, of_tags, plain
from mtkit.text.tokenizer import Tokenizer

LINES = [f"the {a} sees <mtkit:3> and 5 < 6" for a in ("cat", "dog", "bird", "man")] * 4


def make(kind: str, normalization: str = "identity") -> Tokenizer:
    """A tokenizer of a few words."""
    settings: dict[str, Any] = {"vocab_size": 0, "normalization": normalization, "byte_fallback": kind != "word"}
    return Tokenizer(tokenizer.train(iter(map(plain, LINES)), kind=kind, **settings))


def made_of(model: Tokenizer, text: str) -> list[str]:
    return [piece for piece in model.pieces(model.encode([text])[0]) if piece in SYMBOLS]


def test_no_symbol_is_both() -> None:
    assert {*SPANS} | {*TAGS} == {*SYMBOLS}
    assert not {*SPANS} & {*TAGS}


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char"])
@pytest.mark.parametrize("normalization", ["identity", "nfkc"])
def test_symbols_in_a_text_are_pieces_and_what_was_written_is_not(kind: str, normalization: str) -> None:
    model = make(kind, normalization)
    text = f"the {SPANS[0]}cat{SPANS[1]} sees {SPANS[23]}"
    assert made_of(model, text) == [SPANS[0], SPANS[1], SPANS[23]]
    assert model.decode(model.encode([text])[0]) == text
    assert [model.id_of(name) for name in (SPANS[0], TAGS[-1])] == [
        model.names.index(name) for name in (SPANS[0], TAGS[-1])
    ]
    for opens, letters, colon in itertools.product("<﹤＜", ("mtkit", "ｍtkiｔ"), ":：﹕︓"):
        written = f"the cat{opens}{letters}{colon}3> sees"
        assert not made_of(model, plain(written))
        assert plain(written).replace(" ", "") == written.replace(" ", "")


def test_what_spells_no_symbol_stays() -> None:
    for text in ("a < b", "<b>mtkit:</b>", "<xlink:href>", "＜xlink：href＞", "Größe <größe:3> <mtkit>", "<MTKIT:3>"):
        assert plain(text) == text
    assert plain("<mtkit:3>") == plain(plain("<mtkit:3>")) == "< mtkit:3>"


def test_a_model_from_elsewhere_has_no_such_pieces() -> None:
    with pytest.raises(DataError, match="reserves no pieces"):
        Tokenizer(_elsewhere()).id_of(SPANS[0])


def _elsewhere() -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=model, vocab_size=60, hard_vocab_limit=False, minloglevel=3
    )
    return model.getvalue()


def test_tags_are_told_by_their_places() -> None:
    assert of_tags(["de", "fr"]) == {"de": TAGS[0], "fr": TAGS[1]}
    with pytest.raises(ConfigError, match="more than the 40"):
        of_tags([str(number) for number in range(len(TAGS) + 1)])
    assert len(of_tags([str(number) for number in range(len(reserved.TAGS))])) == 40
