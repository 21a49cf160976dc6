"""Expected utility, against sacreBLEU's scores of every pair."""

import random
import time

import numpy as np
import pytest
import sacrebleu

from mtkit.metrics import risk

WORDS = [
    "the",
    "red",
    "dog",
    "sees",
    "a",
    "cat",
    ",",
    "and",
    "it",
    "runs",
    "away",
    ".",
    "Käse",
    "größer",
    "3.14",
    "it's",
]


def some(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 9))) for _ in range(count)] + ["", "x", "x y"]


def test_chrf_is_sacrebleus() -> None:
    texts = some(12)
    wanted = [[sacrebleu.sentence_chrf(one, [other]).score for other in texts] for one in texts]
    assert np.allclose(risk.chrf(texts), wanted, atol=1e-9, rtol=0)


@pytest.mark.parametrize("tokenize", ["13a", "char", "zh"])
def test_bleu_is_sacrebleus(tokenize: str) -> None:
    texts = [*some(8), "你好 世界", "你好，世界。"]
    wanted = [[sacrebleu.sentence_bleu(one, [other], tokenize=tokenize).score for other in texts] for one in texts]
    assert np.allclose(risk.bleu(texts, tokenize), wanted, atol=1e-9, rtol=0)


@pytest.mark.parametrize("metric", risk.METRICS)
def test_it_is_the_mean_over_all_as_often_as_they_are_there(metric: str) -> None:
    texts = ["the red dog sees", "the dog sees a cat", "the red dog sees", "a cat"]
    weights = [0.1, 0.2, 0.3, 0.4]
    score = sacrebleu.sentence_chrf if metric == "chrf" else sacrebleu.sentence_bleu
    wanted = [
        sum(weight * score(one, [other]).score for other, weight in zip(texts, weights, strict=True)) for one in texts
    ]
    assert risk.expected(texts, weights, metric) == pytest.approx(wanted, abs=1e-9)
    assert risk.expected(texts, [2 * one for one in weights], metric) == pytest.approx(wanted, abs=1e-9)


def test_a_text_that_is_like_the_others_is_the_best() -> None:
    texts = ["something else", "the red dog sees a cat", "the red dog sees the cat", "a red dog sees a cat"]
    for metric in risk.METRICS:
        means = risk.expected(texts, [1] * 4, metric)
        assert max(means) == means[1]
        assert min(means) == means[0]


def test_it_is_much_quicker_than_pair_by_pair() -> None:
    texts = some(30)
    start = time.perf_counter()
    risk.chrf(texts)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    for one in texts[:3]:
        for other in texts:
            sacrebleu.sentence_chrf(one, [other])
    assert ours < (time.perf_counter() - start) * len(texts) / 3 / 3
