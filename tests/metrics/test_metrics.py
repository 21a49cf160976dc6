"""Scores are sacreBLEU's own."""

import importlib.util

import pytest
import sacrebleu

from mtkit import registry
from mtkit.errors import DataError
from mtkit.metrics.bleu import bleu, tokenizer_for
from mtkit.metrics.chrf import chrf
from mtkit.metrics.metric import Score, Texts, cautions, gain, scores, told
from mtkit.metrics.ter import ter

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
