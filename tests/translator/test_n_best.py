"""An n-best list is of texts: what is found in several spellings counts once."""

from typing import Any

import pytest

from mtkit import Sampling, Translator
from mtkit.schema import Decode
from mtkit.translator.member import Member
from tests.translator.small import LINES, LONGEST, model_of, pieces, table

LONG = "the red dog sees the cat. " * 4 + "one two three."
SPELLINGS = {"▁das", "▁", "d", "a", "s", "da", "as", "▁d", "▁da"}


@pytest.fixture(scope="module")
def spells() -> Translator:
    """Says little but one word, in all its spellings."""
    words = pieces()
    model = model_of(table(), words)
    model.output.bias_V.data += 20.0 * (model.output.bias_V.data * 0 + 1).where(
        model.output.bias_V.new_tensor([name in SPELLINGS for name in words.names]).bool(), model.output.bias_V * 0
    )
    return Translator([Member(model, words, words, LONGEST)], Decode(), ("en", "de"))


SETTINGS: list[dict[str, Any]] = [{"n_best": 5}, {"n_best": 30, "beam_size": 30}, {"n_best": 5, "align": True}]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("line", ["the red dog", LONG, " \tone two "], ids=["short", "in parts", "between spaces"])
def test_no_text_comes_twice(spells: Translator, settings: dict[str, Any], line: str) -> None:
    made = spells.translate(line, max_ratio=0.1, **settings)
    texts = [one.text for one in made.candidates]
    assert 1 <= len(texts) <= settings["n_best"]
    assert line == LONG or len(texts) < settings["n_best"]  # there were some twice
    assert len({" ".join(text.split()) for text in texts}) == len(texts)
    assert [one.score for one in made.candidates] == sorted([one.score for one in made.candidates], reverse=True)
    assert [one["translation"] for one in made.as_json()["nbest"]] == texts


def test_what_is_left_out_makes_room_for_others(spells: Translator) -> None:
    every = [one.text for one in spells.translate("the red dog", max_ratio=0.1, n_best=30, beam_size=30).candidates]
    assert len(every) > 3
    few = [one.text for one in spells.translate("the red dog", max_ratio=0.1, n_best=3, beam_size=30).candidates]
    assert few == every[:3]


def test_the_best_is_the_one_without_a_list(spells: Translator) -> None:
    alone = [one.text for one in spells.translate(LINES, max_ratio=0.1)]
    assert [one.text for one in spells.translate(LINES, max_ratio=0.1, n_best=5)] == alone


def test_draws_are_all_told(spells: Translator) -> None:
    drawn = spells.translate("the red dog", max_ratio=0.1, n_best=40, sampling=Sampling(0.5))
    assert len(drawn.candidates) == 40 > len({one.text for one in drawn.candidates})
