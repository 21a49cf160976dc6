"""Search against what can be known otherwise: all translations of a tiny vocabulary, and forced decoding."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from mtkit.corpus.batch import Batcher
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Decode
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.rules.forced import Forced
from mtkit.search.rules.min_length import MinLength
from mtkit.search.rules.never import Never
from mtkit.search.rules.no_repeat import NoRepeat
from mtkit.search.rules.rule import Rule
from mtkit.search.rules.rules import Rules
from mtkit.search.search import Hypothesis, Ranking, search
from mtkit.search.selection import Beam
from mtkit.search.sentence import Sentence, Vocabulary
from tests.contract.family import cover, make, name_of

BOS, EOS, NEVER = 0, 1, [0]
VOCAB, LONGEST = 6, 5


@dataclass(frozen=True)
class Table:
    """A language model of random bigrams and positions: its state is how often which sentence has been asked."""

    logits_BTVV: Tensor
    steps_BK: Tensor
    rows_B: Tensor

    def reorder(self, parents_BK: Tensor) -> "Table":
        return Table(self.logits_BTVV, self.steps_BK.gather(1, parents_BK), self.rows_B)

    def keep(self, sentences: Tensor) -> "Table":
        return Table(self.logits_BTVV, self.steps_BK[sentences], self.rows_B[sentences])


def step(last_BK: Tensor, state: Table) -> tuple[Tensor, Table, Tensor]:
    logits = state.logits_BTVV[state.rows_B[:, None], state.steps_BK, last_BK]
    weights = torch.nn.functional.one_hot((state.steps_BK + last_BK) % 3, 3).float()
    return logits, Table(state.logits_BTVV, state.steps_BK + 1, state.rows_B), weights


def table(sentences: int, seed: int) -> Table:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(sentences, LONGEST + 1, VOCAB, VOCAB, generator=generator)
    return Table(logits, torch.zeros(sentences, 1, dtype=torch.long), torch.arange(sentences))


def run(state: Table, limits: list[int], **options: Any) -> list[list[Hypothesis]]:
    """Search with settings of rules, Ranking and search itself; `rules` are more of them."""
    forced = Forced(EOS, torch.tensor(limits), options.pop("prefix_BP", None))
    rules: list[Rule] = [Never(NEVER), MinLength(options.pop("min_length", 0), EOS)]
    if ngram := options.pop("no_repeat_ngram", 0):
        rules.append(NoRepeat(ngram))
    rules += options.pop("rules", [])
    ranking = Ranking(options.pop("alpha", 1.0), options.pop("coverage_penalty", 0.0))
    selection = options.pop("selection", None) or Beam(options.pop("beam_size", 4))
    lengths = [3] * len(limits)
    return search(
        step,
        state,
        Rules(forced, rules),
        ranking,
        selection,
        bos=BOS,
        source_lengths=lengths,
        **options,
    )


def logprob(state: Table, sentence: int, words: tuple[int, ...]) -> float:
    total, last = 0.0, BOS
    for position, word in enumerate((*words, EOS)):
        total += float(torch.log_softmax(state.logits_BTVV[sentence, position, last], -1)[word])
        last = word
    return total


def everything(state: Table, sentence: int, limit: int, alpha: float) -> list[tuple[float, list[int]]]:
    words = [word for word in range(VOCAB) if word not in (*NEVER, EOS)]
    scored = []
    for length in range(limit + 1):
        for translation in itertools.product(words, repeat=length):
            total = logprob(state, sentence, translation)
            scored.append((total / Ranking(alpha).normal(length + 1), list(translation)))
    return sorted(scored, reverse=True)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0, -1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_of_all(alpha: float, seed: int) -> None:
    state = table(3, seed)
    limits = [LONGEST, 3, 0]
    found = run(state, limits, beam_size=4000, alpha=alpha, n_best=5)
    for sentence, limit in enumerate(limits):
        best = everything(state, sentence, limit, alpha)[:5]
        assert [h.pieces for h in found[sentence]] == [words for _, words in best]
        assert [h.score for h in found[sentence]] == pytest.approx([score for score, _ in best], abs=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    state = table(2, seed)
    found = run(state, [LONGEST, LONGEST], beam_size=1)
    for sentence in range(2):
        words: list[int] = []
        while len(words) < LONGEST:
            logits = state.logits_BTVV[sentence, len(words), words[-1] if words else BOS].clone()
            logits[NEVER] = -math.inf
            if (word := int(logits.argmax())) == EOS:
                break
            words.append(word)
        (hypothesis,) = found[sentence]
        assert hypothesis.pieces == words
        assert hypothesis.logprob == pytest.approx(logprob(state, sentence, tuple(words)), abs=1e-5)


@pytest.mark.parametrize("beam_size", [1, 2, 3, 50])
def test_scores_never_words_and_order(beam_size: int) -> None:
    state = table(4, 9)
    for sentence, hypotheses in enumerate(run(state, [4] * 4, beam_size=beam_size, alpha=0.7, n_best=beam_size)):
        assert 1 <= len(hypotheses) <= beam_size
        scores = [h.score for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(h.pieces) for h in hypotheses}) == len(hypotheses)
        for h in hypotheses:
            assert len(h.pieces) <= 4
            assert not {BOS, EOS} & set(h.pieces)
            assert h.logprob == pytest.approx(logprob(state, sentence, tuple(h.pieces)), abs=1e-5)
            assert h.score == pytest.approx(h.logprob / ((5 + len(h.pieces) + 1) / 6) ** 0.7, abs=1e-6)


def test_stopping_early_changes_nothing() -> None:
    """Stopped as soon as the n best are settled, the best are the same as when more are asked for."""
    for seed in range(20):
        state = table(3, seed)
        one = run(state, [LONGEST] * 3, beam_size=6, n_best=1)
        all_of_them = run(state, [LONGEST] * 3, beam_size=6, n_best=6)
        assert [h[0].pieces for h in one] == [h[0].pieces for h in all_of_them]


def test_a_long_translation_that_becomes_better_late_is_waited_for() -> None:
    """Its beginning is worse than what has ended; only at its greatest length does it come out before it."""
    logits = torch.full((1, LONGEST + 1, VOCAB, VOCAB), -9.0)
    logits[0, 0, 0, 1:] = torch.tensor([2.0, 1.5, 0.5, 0.5, 0.5])
    logits[0, 1:5, 2, 2] = logits[0, 5, 2, 1] = 9.0
    state = Table(logits, torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    (found,) = run(state, [LONGEST], beam_size=4)[0]
    assert found.pieces == [2] * LONGEST
    assert found.score == pytest.approx(everything(state, 0, LONGEST, 1.0)[0][0], abs=1e-5)


def test_a_sentence_does_not_depend_on_its_companions() -> None:
    state = table(5, 3)
    together = run(state, [5, 1, 4, 0, 3], n_best=3)
    for sentence, limit in enumerate([5, 1, 4, 0, 3]):
        alone = run(state.keep(torch.tensor([sentence])), [limit], n_best=3)
        assert [(h.pieces, h.score) for h in alone[0]] == [(h.pieces, h.score) for h in together[sentence]]


def test_attention_follows_its_hypothesis() -> None:
    for hypothesis in run(table(1, 2), [LONGEST], n_best=4, attention=True)[0]:
        assert hypothesis.attention is not None
        said = [BOS, *hypothesis.pieces]
        assert hypothesis.attention.argmax(-1).tolist() == [(t + word) % 3 for t, word in enumerate(said)]


SOURCES = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14, 15], [16, 6], [3, 4, 5, 6]]


def translate(model: Seq2Seq, sources: list[list[int]], n_best: int = 1, **options: object) -> list[list[Hypothesis]]:
    found: list[list[Hypothesis]] = [[] for _ in sources]
    wanted = [Sentence([ids]) for ids in sources]
    for rows, hypotheses in translate_ids(
        Ensemble([model], [2]),
        wanted,
        Decode.model_validate(options),
        Vocabulary(bos=1, eos=2, never=[0, 1]),
        n_best=n_best,
    ):
        for row, some in zip(rows, hypotheses, strict=True):
            found[row] = some
    return found


def some_of(choices: list[dict[str, Any]]) -> list[Any]:
    """Every third of them; the others by `make slow`, which holds them trained, too (tests/slow/test_batching.py)."""
    return [
        choice if number % 3 == 0 else pytest.param(choice, marks=pytest.mark.slow)
        for number, choice in enumerate(choices)
    ]


@pytest.mark.parametrize("choice", some_of(cover()), ids=name_of)
def test_batching_and_order_change_no_translation(choice: dict[str, Any]) -> None:
    model = make(choice).double()
    together = translate(model, SOURCES, n_best=2)
    for batch_tokens in (1, 60):
        apart = translate(model, SOURCES[::-1], n_best=2, batch_tokens=batch_tokens)[::-1]
        for one, other in zip(together, apart, strict=True):
            assert [h.pieces for h in one] == [h.pieces for h in other]
            assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-5)


@pytest.mark.parametrize("choice", cover(), ids=name_of)
def test_score_equals_forced_decoding(choice: dict[str, Any]) -> None:
    model = make(choice)
    for source, (hypothesis,) in zip(SOURCES, translate(model, SOURCES), strict=True):
        batch = Batcher(source_eos=2, target_bos=1, target_eos=2)([source], [hypothesis.pieces])
        features, words = model(batch)
        logits = features @ model.output.weight_VE.T + model.output.bias_V
        forced = -float(torch.nn.functional.cross_entropy(logits, words, reduction="sum").detach())
        assert hypothesis.logprob == pytest.approx(forced, abs=1e-4)
        penalty = Ranking(1.0).normal(len(hypothesis.pieces) + 1)
        assert hypothesis.score * penalty == pytest.approx(forced, abs=1e-4)
