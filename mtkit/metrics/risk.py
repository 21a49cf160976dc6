"""Expected utility: how near a translation is to all others that a model finds likely, by a metric of texts.

Minimum Bayes risk (Kumar and Byrne 2004; over samples Eikema and Aziz 2020) takes the one that is nearest. chrF and
BLEU of a sentence are sacreBLEU's, whose numbers these are: n-grams of all translations are counted once, and not for
every pair. Strings in, numbers out.

Dimensions: N translations, U different n-grams of one order among them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

METRICS = ("chrf", "bleu")
ORDER, BETA = 6, 2  # of chrF

Matrix = NDArray[np.float64]


def expected(texts: Sequence[str], weights: Sequence[float], metric: str, tokenize: str = "13a") -> list[float]:
    """Of each text its mean score, from 0 to 100, with each of them as the reference.

    Args:
        weights: of each as a reference; not all zero.
        metric: one of METRICS.
        tokenize: of BLEU, by sacreBLEU's name.
    """
    places: dict[str, int] = {}
    for text in texts:  # of draws many are the same
        places.setdefault(text, len(places))
    shares_N = np.zeros(len(places))
    for text, weight in zip(texts, weights, strict=True):
        shares_N[places[text]] += weight
    different = list(places)
    scores_NN = chrf(different) if metric == "chrf" else bleu(different, tokenize)
    means_N = scores_NN @ (shares_N / shares_N.sum())
    return [float(means_N[places[text]]) for text in texts]


def chrf(texts: Sequence[str]) -> Matrix:
    """chrF2 (Popović 2015) of every text (row) with every text as its reference (column)."""
    N = len(texts)
    lines = ["".join(text.split()) for text in texts]
    precisions_NN, recalls_NN, orders_NN = np.zeros((N, N)), np.zeros((N, N)), np.zeros((N, N))
    for order in range(1, ORDER + 1):
        matches_NN, totals_N = _matches([[line[i : i + order] for i in range(len(line) - order + 1)] for line in lines])
        there_NN = (totals_N[:, None] > 0) & (totals_N > 0)
        precisions_NN += matches_NN / np.maximum(totals_N, 1)[:, None]
        recalls_NN += matches_NN / np.maximum(totals_N, 1)
        orders_NN += there_NN
    orders_NN = np.maximum(orders_NN, 1)
    precisions_NN, recalls_NN = precisions_NN / orders_NN, recalls_NN / orders_NN
    below_NN = BETA**2 * precisions_NN + recalls_NN
    made: Matrix = 100 * (1 + BETA**2) * precisions_NN * recalls_NN / np.where(below_NN > 0, below_NN, 1)
    return made


def bleu(texts: Sequence[str], tokenize: str = "13a") -> Matrix:
    """BLEU of single sentences, as sacreBLEU smooths them, of every text (row) with every text as its reference."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(tokenize=tokenize, effective_order=True)
    words = [metric.tokenizer(text.rstrip()).split() for text in texts]
    counted = [
        _matches([[tuple(line[i : i + n]) for i in range(len(line) - n + 1)] for line in words])
        for n in range(1, metric.max_ngram_order + 1)
    ]
    return np.array(
        [[_sentence_bleu(metric, counted, words, i, j) for j in range(len(texts))] for i in range(len(texts))]
    )


def _sentence_bleu(
    metric: "BLEU", counted: list[tuple[Matrix, Matrix]], words: Sequence[Sequence[str]], i: int, j: int
) -> float:
    correct = [int(matches_NN[i, j]) for matches_NN, _ in counted]
    total = [int(totals_N[i]) for _, totals_N in counted]
    made = metric.compute_bleu(
        correct, total, len(words[i]), len(words[j]), metric.smooth_method, metric.smooth_value, metric.effective_order
    )
    return float(made.score)


def _matches(grams: Sequence[Sequence[object]]) -> tuple[Matrix, Matrix]:
    """How many n-grams every two texts have in common, NN, and how many each has, N."""
    numbers: dict[object, int] = {}
    ids = [[numbers.setdefault(gram, len(numbers)) for gram in some] for some in grams]
    counts_NU = np.zeros((len(grams), len(numbers) + 1))
    for row, some in zip(counts_NU, ids, strict=True):
        np.add.at(row, some, 1)
    matches_NN = np.stack([np.minimum(row, counts_NU).sum(1) for row in counts_NU])
    return matches_NN, counts_NU.sum(1)
