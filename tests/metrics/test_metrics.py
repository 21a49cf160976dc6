"""Scores are sacreBLEU's own."""

import pytest
import sacrebleu

from mtkit.errors import DataError
from mtkit.metrics import metrics

HYPOTHESES = ["the cat sat on the mat .", "a dog barks", "nothing here"]
REFERENCES = [
    ["the cat is on the mat .", "a dog barked", "nothing at all here"],
    ["a cat sat there .", "the dog barks", "no"],
]


def test_numbers_and_signatures_are_sacrebleus_own() -> None:
    for references in (REFERENCES[:1], REFERENCES):
        for ours, theirs in (
            (metrics.bleu(HYPOTHESES, references), sacrebleu.BLEU()),
            (metrics.chrf(HYPOTHESES, references), sacrebleu.CHRF()),
            (metrics.ter(HYPOTHESES, references), sacrebleu.TER()),
        ):
            assert ours.score == theirs.corpus_score(HYPOTHESES, references).score
            assert ours.signature == str(theirs.get_signature())
    assert "tok:char" in metrics.bleu(HYPOTHESES, REFERENCES, "char").signature


def test_known_values() -> None:
    assert metrics.bleu(["a b c d e"], [["a b c d e"]]).score == pytest.approx(100)
    assert metrics.ter(["a b c x"], [["a b c d"]]).score == pytest.approx(25)


def test_tokenizers_by_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert metrics.tokenizer_for("auto", "de") == ("13a", "")
    assert metrics.tokenizer_for("auto", "zh-CN") == ("zh", "")
    assert metrics.tokenizer_for("intl", "ko") == ("intl", "")
    monkeypatch.setattr(metrics.importlib.util, "find_spec", lambda name: None)
    name, warning = metrics.tokenizer_for("auto", "ko")
    assert name == "char"
    assert "sacrebleu[ko]" in warning
    with pytest.raises(DataError, match=r"sacrebleu\[ja\].*--tokenize char"):
        metrics.tokenizer_for("ja-mecab", "ja")
    monkeypatch.setattr(metrics.importlib.util, "find_spec", lambda name: object())
    assert metrics.tokenizer_for("auto", "ja") == ("ja-mecab", "")
