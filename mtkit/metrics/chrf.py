"""chrF2 as sacreBLEU computes it (Popovic 2015)."""

from sacrebleu.metrics.chrf import CHRF

from mtkit.metrics.metric import Score, Texts


def chrf(texts: Texts) -> Score:
    """Character n-gram F-score, 0 to 100; needs no tokenizer."""
    metric = CHRF()
    result = metric.corpus_score(texts.hypotheses, texts.references)
    return Score(result.score, str(metric.get_signature()), str(result))
