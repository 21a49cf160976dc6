"""The translation of the least risk, among those of a beam and among draws."""

import pytest
import sacrebleu

from mtkit import ConfigError, Sampling, Translation, Translator
from mtkit.translator.request import Candidate, Request
from mtkit.translator.risk import Risk
from tests.translator.small import LINES, translator


@pytest.fixture(scope="module")
def small() -> Translator:
    made: Translator = translator()
    return made


def chosen(texts: list[str], weights: list[float], metric: str) -> str:
    score = sacrebleu.sentence_chrf if metric == "chrf" else sacrebleu.sentence_bleu

    def mean(text: str) -> float:
        return sum(weight * score(text, [other]).score for other, weight in zip(texts, weights, strict=True))

    return max(texts, key=mean)


@pytest.mark.parametrize("metric", ["chrf", "bleu"])
def test_it_is_sacrebleus_choice(small: Translator, metric: str) -> None:
    lines, drawing = [line for line in LINES if line], Sampling(0.7, 0, 5)
    drawn = small.translate(lines, n_best=9, sampling=drawing, guard=False)
    made = small.translate(lines, sampling=drawing, mbr=metric, draws=9, guard=False)
    for one, draws in zip(made, drawn, strict=True):
        texts = [candidate.text for candidate in draws.candidates]
        assert one.text == chosen(texts, [1 / 9] * 9, metric)
        assert len(one.candidates) == 1
    assert any(one.text != draws.text for one, draws in zip(made, drawn, strict=True))


def test_what_search_finds_counts_by_its_probability() -> None:
    texts, logprobs = ["a b c d", "a b c x", "z z z z"], [-2.0, -2.0, -1.9]
    found = Translation("s", [Candidate(text, p, p, []) for text, p in zip(texts, logprobs, strict=True)])
    assert Risk(Request(mbr="chrf"), "de").by_risk(found).text == "a b c d"
    sure = Translation("s", [Candidate(text, p, p, []) for text, p in zip(texts, [-9.0, -9.0, -0.1], strict=True)])
    assert Risk(Request(mbr="chrf"), "de").by_risk(sure).text == "z z z z"


def test_of_a_beam(small: Translator) -> None:
    listed = small.translate(LINES, n_best=5, guard=False)
    made = small.translate(LINES, mbr="bleu", n_best=2, guard=False)
    for one, some in zip(made, listed, strict=True):
        assert {candidate.text for candidate in one.candidates} <= {candidate.text for candidate in some.candidates}
        assert len(one.candidates) <= 2
    assert made[LINES.index("")].candidates == []


def test_what_cannot_be_is_refused(small: Translator) -> None:
    with pytest.raises(ConfigError, match=r"mbr = 'chfr', did you mean 'chrf'\?"):
        small.translate("a", mbr="chfr")
    with pytest.raises(ConfigError, match="a beam of 1 has one"):
        small.translate("a", mbr="chrf", beam_size=1)
