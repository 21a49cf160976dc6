"""Scores are sacreBLEU's own."""

import importlib.util
import random
import time
from collections.abc import Iterable

import pytest
import sacrebleu

from mtkit import registry
from mtkit.errors import DataError
from mtkit.metrics import edits
from mtkit.metrics.bleu import bleu, tokenizer_for
from mtkit.metrics.chrf import chrf
from mtkit.metrics.metric import Score, Texts, cautions, gain, scores, told
from mtkit.metrics.ter import LONGEST, ter

HYPOTHESES = ["the cat sat on the mat .", "a dog barks", "nothing here"]
REFERENCES = [
    ["the cat is on the mat .", "a dog barked", "nothing at all here"],
    ["a cat sat there .", "the dog barks", "no"],
]


def test_numbers_and_signatures_are_sacrebleus_own() -> None:
    for references in (REFERENCES[:1], REFERENCES):
        for ours, theirs in (
            (bleu(Texts(HYPOTHESES, references)), sacrebleu.BLEU()),
            (chrf(Texts(HYPOTHESES, references)), sacrebleu.CHRF()),
            (ter(Texts(HYPOTHESES, references)), sacrebleu.TER()),
        ):
            assert ours.score == theirs.corpus_score(HYPOTHESES, references).score
            assert ours.signature == str(theirs.get_signature())
    assert "tok:char" in bleu(Texts(HYPOTHESES, REFERENCES, tokenize="char")).signature


def noisy(draw: random.Random, words: int, vocabulary: int) -> tuple[str, str]:
    """A reference, and a hypothesis of which some words are others, missing, added or elsewhere."""
    reference = [f"w{min(int(draw.expovariate(5 / vocabulary)), vocabulary)}" for _ in range(words)]
    hypothesis = list(reference)
    for _ in range(draw.randrange(words + 2)):
        start, end = draw.randrange(len(hypothesis) + 1), draw.randrange(len(hypothesis) + 1)
        moved = hypothesis[start : start + draw.randrange(4)]
        del hypothesis[start : start + len(moved)]
        hypothesis[end:end] = moved if draw.random() < 0.7 else [f"w{draw.randrange(vocabulary)}"]
    return " ".join(hypothesis), " ".join(reference[draw.randrange(3) :])


def test_edits_are_sacrebleus_whatever_the_lines() -> None:
    draw = random.Random(5)
    sizes = [(0, 3), (1, 2), (3, 3), (8, 9), (8, 9), (12, 4)] * 5 + [(20, 40), (25, 6), (60, 9)]
    # Beyond the limit of tries, as the last one; of very different lengths, where the beam is wider; of other words.
    pairs = [noisy(draw, *size) for size in sizes] + [("a b", "a " * 120), ("a " * 90, "b"), ("c", "d")]
    pairs += [("", ""), ("a b", ""), ("", "a b c")]
    for hypothesis, reference in pairs:
        found = ter(Texts([hypothesis], [[reference]])).details["edits"]
        assert found == sacrebleu.TER().corpus_score([hypothesis], [[reference]]).num_edits, (hypothesis, reference)


def test_of_a_word_that_is_everywhere_only_what_is_near_may_be_shifted() -> None:
    """The others are not even looked at: of 10,000 here and 10,000 there, that would be 100 million."""
    words, reference = [1] * 10_000 + [0] * 10_000, [0] * 10_000 + [2] * 10_000
    began = time.process_time()
    shifts = list(edits._shifts(words, reference, [edits.SUBSTITUTE] * 20_000))
    assert time.process_time() - began < 1
    assert shifts
    assert {start - 10_000 < 50 for start, _, _ in shifts} == {True}


def test_a_text_in_a_line_is_refused() -> None:
    whole = "word " * (LONGEST + 1)
    for hypotheses, references, named in (
        (["a", whole], ["a", "b"], "line 2 of the translations has 10,001 words, and TER takes 10,000 at most"),
        (["a", "b"], [whole, "b"], "line 1 of the references has 10,001 words"),
    ):
        with pytest.raises(DataError, match=named):
            ter(Texts(hypotheses, [references]))


def test_translation_edit_rate_of_long_lines_is_soon_there_and_followed() -> None:
    draw = random.Random(6)
    words = [f"w{draw.randrange(1000)}" for _ in range(300)]
    moved = list(words)
    for start in range(0, 290, 24):
        moved[start : start + 9] = moved[start + 4 : start + 9] + moved[start : start + 4]
    lines = [" ".join(moved)] * 2
    seen: list[str] = []

    def follow(given: Iterable[str]) -> Iterable[str]:
        for one in given:
            yield one
            seen.append(one)

    began = time.process_time()
    score = ter(Texts(lines, [[" ".join(words)] * len(lines)], follow=follow)).score
    assert 0 < score < 20
    assert seen == lines
    assert time.process_time() - began < 5  # half a second; sacreBLEU alone takes 14


def test_known_values() -> None:
    assert bleu(Texts(["a b c d e"], [["a b c d e"]])).score == pytest.approx(100)
    assert ter(Texts(["a b c x"], [["a b c d"]])).score == pytest.approx(25)


def test_tokenizers_by_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokenizer_for("auto", "de") == ("13a", "")
    assert tokenizer_for("auto", "zh-CN") == ("zh", "")
    assert tokenizer_for("intl", "ko") == ("intl", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    name, warning = tokenizer_for("auto", "ko")
    assert name == "char"
    assert "sacrebleu[ko]" in warning
    with pytest.raises(DataError, match=r"sacrebleu\[ja\].*eval.tokenize = .char."):
        tokenizer_for("ja-mecab", "ja")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert tokenizer_for("auto", "ja") == ("ja-mecab", "")
    assert tokenizer_for("auto", "kor_Hang") == ("ko-mecab", "")
    name, warning = tokenizer_for("auto", "tha_Thai")
    assert name == "char"
    assert warning.startswith("tha_Thai is written without spaces between words (Thai letters)")
    # A tokenizer without its dictionary is not there.
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ipadic" else object())
    assert tokenizer_for("auto", "jpn")[0] == "char"
    assert tokenizer_for("auto", "ko")[0] == "ko-mecab"


def test_a_text_without_spaces_is_not_counted_by_words_in_silence() -> None:
    thai, spaced = ["ฉันชอบกินแอปเปิล", "วันนี้อากาศดีมาก"], ["the cat sat", "a dog barks"]
    both = ["bleu", "chrf", "ter"]
    (warning,) = cautions(both, Texts(spaced, [spaced, thai]))
    assert warning.startswith("the references have hardly a space, but BLEU (tokenize = 13a) and TER count")
    (warning,) = cautions(both, Texts(thai, [spaced], tokenize="intl"))
    assert warning.startswith("the translations have hardly a space, but BLEU (tokenize = intl) and TER count")
    (warning,) = cautions(both, Texts(thai, [thai], tokenize="char"))
    assert " but TER count" in warning
    for names, texts in (
        (["bleu", "chrf"], Texts(thai, [thai], tokenize="char")),
        (["chrf"], Texts(thai, [thai])),
        (both, Texts(spaced, [spaced])),
    ):
        assert cautions(names, texts) == []


def kept(texts: Texts) -> Score:
    """Share of hypotheses that are their source: a metric that reads the source."""
    assert texts.sources is not None
    pairs = list(zip(texts.hypotheses, texts.sources, strict=True))
    return Score(100 * sum(a == b for a, b in pairs) / len(pairs), "copies")


def test_a_metric_of_the_registry_is_given_hypotheses_references_and_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = registry.Choice(f"{__name__}:kept", "copies", shown="Copies", needs_sources=True, higher_is_better=False)
    monkeypatch.setitem(registry.CHOICES["metric"], "kept", choice)
    found = scores(["kept", "chrf"], Texts(["a", "b"], [["a", "c"]], ["a", "d"]))
    assert [(one.name, one.signature) for one in found] == [("kept", "copies"), ("chrf", found[1].signature)]
    assert found[0].score == 50
    assert told({"loss": 1.23456, "kept": found[0].score}) == "loss 1.235, Copies 50.00"
    assert (gain("kept", 50), gain("bleu", 50), gain("loss", 2)) == (-50, 50, -2)
    with pytest.raises(DataError, match="kept reads sources, and none are given"):
        scores(["kept"], Texts(["a"], [["a"]]))
