"""Translators whose vocabularies lack words or characters of what they are given."""

import functools
import re
from typing import Any

import pytest

from mtkit import Sampling, Translator
from mtkit.text import tokenizer
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator import unknown
from mtkit.translator.member import Member
from mtkit.translator.request import Line, Pair
from tests.system.toy import WORDS
from tests.translator.small import decode, model_of, table

KINDS = ["word", "char", "unigram", "bpe"]
# Neither q, y nor any letter of another script is in the toy's words.
STRANGE = {
    "the red dog sees Qy": ["Qy"],
    "Qy sees the red dog": ["Qy"],
    "the 東京 dog sees Москва": ["東京", "Москва"],
    "Qy and Yq and Qy": ["Qy", "Qy", "Yq"],
    "one qy qq two": ["qy", "qq"],
    "the dog \U0001f600 sees qy": ["\U0001f600", "qy"],
    "two dоg": ["dоg"],  # with a Cyrillic o
}


@functools.cache
def words_of(kind: str) -> Tokenizer:
    words = [*WORDS, *WORDS.values()]
    lines = [" ".join(words[(start + step) % len(words)] for step in range(0, 40, 3)) for start in range(len(words))]
    made: dict[str, Any] = {"kind": kind, "vocab_size": 0, "normalization": "identity", "byte_fallback": False}
    return Tokenizer(tokenizer.train(iter(lines), **made))


@functools.cache
def reads(kind: str, seeds: tuple[int, ...] = (3,), longest: int = 50, attention: str = "auto") -> Translator:
    words = words_of(kind)
    models = [model_of(table(attention={"name": attention}), words, seed) for seed in seeds]
    return Translator([Member(one, words, words, longest) for one in models], decode(max_ratio=0.5), ("en", "de"))


def counted(text: str, word: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text))


@pytest.mark.parametrize("settings", [{}, {"n_best": 4, "align": True}, {"sampling": Sampling(), "n_best": 3}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unknown_is_in_every_translation_once(kind: str, settings: dict[str, Any]) -> None:
    for made, wanted in zip(reads(kind).translate(STRANGE, **settings), STRANGE.values(), strict=True):
        assert made.candidates
        for one in made.candidates:
            assert [counted(one.text, word) for word in wanted] == [wanted.count(word) for word in wanted], one.text
            assert "⁇" not in one.text
        if "sampling" not in settings:
            assert len({one.text for one in made.candidates}) == len(made.candidates)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_linked_to_its_word(kind: str) -> None:
    for made, wanted in zip(reads(kind).translate(STRANGE, align=True), STRANGE.values(), strict=True):
        source, target = made.source.split(), made.text.split()
        links = made.candidates[0].alignment
        assert links is not None
        assert all(s < len(source) and t < len(target) for s, t in links)
        linked = [source[s] for s, t in links if source[s] in wanted and source[s] == target[t]]
        assert sorted(linked) == sorted(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_where_there_is_no_attention(kind: str) -> None:
    blind = reads(kind, attention="none")
    for made, wanted in zip(blind.translate(STRANGE), STRANGE.values(), strict=True):
        assert [counted(made.text, word) for word in wanted] == [wanted.count(word) for word in wanted], made.text


@pytest.mark.parametrize("kind", KINDS)
def test_an_ensemble_and_parts_of_a_line(kind: str) -> None:
    both = reads(kind, (3, 4))
    assert counted(both.translate("the red dog sees Qy").text, "Qy") == 1
    line = "the red dog sees Qy. " * 3 + "Yq finds one two three."
    made = reads(kind, longest=12).translate(line, align=True)
    assert made.warnings
    assert (counted(made.text, "Qy"), counted(made.text, "Yq")) == (3, 1)
    assert all(t < len(made.text.split()) for _, t in made.candidates[0].alignment or [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line", ["Qy", "Qy Yq", "東京", " \tMосква  "])
def test_a_line_of_which_nothing_is_known_passes(kind: str, line: str) -> None:
    made = reads(kind).translate(line, align=True)
    assert made.text == line
    assert made.candidates[0].alignment == [(word, word) for word in range(len(line.split()))]


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_prefix(kind: str) -> None:
    made, alone = reads(kind).window([Line("the red dog sees Qy", "das Haus"), Line("Qy", "das Haus", 1)])
    for one in (made, alone):
        assert one.text.startswith("das Haus")
        assert counted(one.text, "Qy") == 1


def test_a_line_without_is_what_it_was() -> None:
    lines = ["the red dog", "the red dog sees Qy", "one two"]
    made = reads("word").translate(lines)
    assert [one.text for one in made[::2]] == [one.text for one in reads("word").translate(lines[::2])]


@pytest.mark.parametrize("kind", KINDS)
def test_targets_that_are_scored_have_links_to_all_their_words(kind: str) -> None:
    target = "Qy sieht Qy das Yq rote Haus"
    (made,) = reads(kind).forced([Pair("Qy sees the Yq house", target)], align=True)
    assert made.text == target
    links = made.candidates[0].alignment
    assert links is not None
    # What is unknown side by side is one piece, which then counts for its last word.
    assert {target.split()[t] for _, t in links} >= {"sieht", "das", "rote", "Haus"}


def test_a_word_with_a_strange_letter_is_one_piece_to_models() -> None:
    words = words_of("unigram")
    text = "the dqg sees 東京 qno"
    ids = words.encode([text])[0]
    assert words.pieces(ids) != (spelt := words.surfaces(text))
    given = unknown.known_words(words, ids, text)
    made = unknown.spelled(words, given, text)
    assert made is not None
    assert "".join(made) == "".join(spelt)
    strange = [piece for piece, number in zip(made, given, strict=True) if number == words.unknown]
    assert strange == ["▁dqg", "▁東京", "▁qno"]
    assert unknown.known_words(words, words.encode(["the dog"])[0], "the dog") == words.encode(["the dog"])[0]
    assert unknown.spelled(words, given, "another text") is None
