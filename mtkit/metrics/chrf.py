"""chrF2 as sacreBLEU computes it (Popovic 2015)."""

from sacrebleu.metrics.chrf import CHRF

from mtkit.metrics.additive import Additive

chrf = Additive(lambda texts: CHRF(references=texts.references))
"""Character n-gram F-score, 0 to 100; needs no tokenizer."""
