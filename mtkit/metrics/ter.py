"""Translation edit rate as sacreBLEU computes it (Snover et al. 2006)."""

from sacrebleu.metrics.ter import TER

from mtkit.metrics.metric import Score, Texts


def ter(texts: Texts) -> Score:
    """Edits and shifts over reference words, in percent, lower is better; its tokenizer is tercom's."""
    metric = TER()
    result = metric.corpus_score(texts.hypotheses, texts.references)
    details = {"edits": result.num_edits, "reference_length": result.ref_length}
    return Score(result.score, str(metric.get_signature()), str(result), details)
