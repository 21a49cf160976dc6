"""What search may say, checked against hypotheses found without the rule, and by definition."""

import math
from typing import Any

import pytest
import torch

from mtkit.search.search import Ranking
from mtkit.search.selection import Beam, Sample
from tests.search.test_search import EOS, LONGEST, VOCAB, logprob, run, table


def test_a_shortest_length() -> None:
    for hypotheses in run(table(4, 1), [4] * 4, min_length=3, n_best=3):
        assert hypotheses
        assert all(len(h.pieces) >= 3 for h in hypotheses)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_ngram_comes_twice(n: int) -> None:
    state = table(6, 2)
    free = run(state, [LONGEST] * 6, n_best=4)
    found = run(state, [LONGEST] * 6, n_best=4, no_repeat_ngram=n)
    repeats = [0, 0]
    for i, results in enumerate((free, found)):
        for h in (h for hypotheses in results for h in hypotheses):
            grams = [tuple(h.pieces[j : j + n]) for j in range(len(h.pieces) - n + 1)]
            repeats[i] += len(grams) - len(set(grams))
    assert repeats[1] == 0
    assert repeats[0] > 0 or n == 3  # else this shows nothing
    for sentence, hypotheses in enumerate(found):
        for h in hypotheses:
            assert h.logprob == pytest.approx(logprob(state, sentence, tuple(h.pieces)), abs=1e-5)


@pytest.mark.parametrize("beam_size", [1, 4, 50])
def test_prefixes_are_kept_and_scored(beam_size: int) -> None:
    state = table(4, 3)
    prefixes = [[3, 3], [], [2, 4, 5], [5]]
    rows = torch.tensor([prefix + [-1] * (3 - len(prefix)) for prefix in prefixes])
    found = run(state, [LONGEST] * 4, beam_size=beam_size, n_best=min(beam_size, 3), prefix_BP=rows)
    free = run(state, [LONGEST] * 4, beam_size=beam_size, n_best=min(beam_size, 3))
    for sentence, (prefix, hypotheses) in enumerate(zip(prefixes, found, strict=True)):
        for h in hypotheses:
            assert h.pieces[: len(prefix)] == prefix
            assert h.logprob == pytest.approx(logprob(state, sentence, tuple(h.pieces)), abs=1e-5)
    assert found[1] == free[1]


def test_a_prefix_may_break_rules() -> None:
    state = table(1, 3)
    (h,) = run(state, [LONGEST], prefix_BP=torch.tensor([[0, 3, 3, 3]]), no_repeat_ngram=1)[0]  # 0 is never said
    assert h.pieces[:4] == [0, 3, 3, 3]
    assert h.logprob == pytest.approx(logprob(state, 0, tuple(h.pieces)), abs=1e-5)
    assert 0 not in h.pieces[4:]


def test_a_whole_translation_as_prefix_is_forced_decoding() -> None:
    state = table(2, 5)
    (one, other) = run(state, [LONGEST] * 2, prefix_BP=torch.tensor([[2, 3, 3, EOS], [EOS, -1, -1, -1]]), details=True)
    assert [h.pieces for h in one + other] == [[2, 3, 3], []]
    assert one[0].logprob == pytest.approx(logprob(state, 0, (2, 3, 3)), abs=1e-5)
    assert other[0].logprob == pytest.approx(logprob(state, 1, ()), abs=1e-5)


def test_word_scores_add_up() -> None:
    state = table(3, 4)
    for sentence, hypotheses in enumerate(run(state, [LONGEST] * 3, n_best=4, details=True)):
        for h in hypotheses:
            assert h.piece_logprobs is not None
            assert len(h.piece_logprobs) == len(h.pieces) + 1
            assert sum(h.piece_logprobs) == pytest.approx(h.logprob, abs=1e-5)
            for i in range(len(h.pieces)):  # each is that of its word
                longer, shorter = (logprob(state, sentence, tuple(h.pieces[: i + 1 - j])) for j in (0, 1))
                ends = [end(state, sentence, h.pieces[: i + 1 - j]) for j in (0, 1)]
                assert h.piece_logprobs[i] == pytest.approx(longer - ends[0] - (shorter - ends[1]), abs=1e-4)


def end(state: Any, sentence: int, words: list[int]) -> float:
    """The log-probability of the end alone."""
    last = words[-1] if words else 0
    return float(torch.log_softmax(state.logits_BTVV[sentence, len(words), last], -1)[EOS])


def test_coverage_ranks_what_is_complete() -> None:
    """A step looks at one of 3 positions: which are left without any attention follows from the words."""
    state = table(8, 6)
    found = run(state, [LONGEST] * 8, beam_size=2000, n_best=1, coverage_penalty=2.0)
    for (h,) in found:
        seen = {(t + word) % 3 for t, word in enumerate([0, *h.pieces])}
        assert len(seen) == 3  # any other would cost 46
        assert h.score == pytest.approx(h.logprob / Ranking(1.0).normal(len(h.pieces) + 1), abs=1e-5)
        assert h.attention is None
    attention = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    want = -3 / Ranking(1.0).normal(2) + 0.7 * math.log(0.5)
    assert Ranking(1.0, 0.7).score(-3.0, 2, attention) == pytest.approx(want)


def test_draws_follow_the_distribution() -> None:
    state = table(1, 7)
    draws = 20_000
    for temperature, top_k in ((1.0, 0), (0.5, 0), (1.0, 2)):
        selection = Sample(draws, temperature, top_k, torch.tensor([11]))
        counts = torch.zeros(VOCAB)
        for h in run(state, [0], selection=selection, n_best=draws, min_length=0)[0]:
            assert h.pieces == []  # a limit of none leaves the end alone
        for h in run(state, [LONGEST], selection=selection, n_best=draws)[0]:
            counts[h.pieces[0] if h.pieces else EOS] += 1
            assert h.logprob == pytest.approx(logprob(state, 0, tuple(h.pieces)), abs=1e-4)
        wanted = state.logits_BTVV[0, 0, 0].clone()
        wanted[0] = -math.inf
        if top_k:
            wanted[wanted < wanted.topk(top_k).values[-1]] = -math.inf
        expected = (wanted / temperature).softmax(0)
        assert (counts / draws - expected).abs().max() < 4 * math.sqrt(0.25 / draws)


def test_draws_depend_on_seed_and_sentence_only() -> None:
    state = table(3, 8)
    seeds = torch.tensor([5, 6, 5])
    whole = run(state, [LONGEST] * 3, selection=Sample(6, 1.0, 0, seeds), n_best=6)
    for sentence in range(3):
        rows = torch.tensor([sentence])
        alone = run(state.keep(rows), [LONGEST], selection=Sample(6, 1.0, 0, seeds[rows]), n_best=6)
        assert [h.pieces for h in alone[0]] == [h.pieces for h in whole[sentence]]
    other = run(state, [LONGEST] * 3, selection=Sample(6, 1.0, 0, seeds + 1), n_best=6)
    assert [[h.pieces for h in row] for row in other] != [[h.pieces for h in row] for row in whole]
    assert Beam(3).keep(seeds) == Beam(3)
