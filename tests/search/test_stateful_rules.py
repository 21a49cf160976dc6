"""Rules with a state for every hypothesis, against all translations of a tiny vocabulary that they allow."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mtkit.schema import Decode
from mtkit.search.rules.rule import Context, Rule
from mtkit.search.search import Hypothesis
from mtkit.search.selection import Sample
from mtkit.search.sentence import Sentence, Vocabulary
from tests.contract.test_rules import Balanced
from tests.search import outside
from tests.search.test_search import BOS, EOS, LONGEST, everything, run, table

NAMES = ["<s>", "</s>", "(", ")", ",", "a"]
COMMA = NAMES.index(",")


def exactly(limits: list[int], count: int) -> Rule:
    from exactly import make  # type: ignore[import-not-found]

    context = Context(
        Decode(), Vocabulary(BOS, EOS, [BOS], NAMES), [Sentence([[2]])] * len(limits), torch.device("cpu")
    )
    vars(context)["limits"] = limits  # in place of those that would follow from the sources
    rule: Rule = make(context, count=count)
    return rule


@pytest.fixture(autouse=True)
def from_outside() -> Iterator[None]:
    with outside.registered():
        yield


def balanced(pieces: list[int]) -> bool:
    depth = 0
    for piece in pieces:
        depth += {2: 1, 3: -1}.get(piece, 0)
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_the_best_of_all_that_are_allowed(seed: int) -> None:
    """Sentences of other limits are done, and dropped, midway."""
    state, limits = table(4, seed), [LONGEST, 2, 4, 3]
    for count in (1, 2):
        found = run(state, limits, beam_size=4000, n_best=5, rules=[exactly(limits, count)])
        for sentence, limit in enumerate(limits):
            every = everything(state, sentence, limit, 1.0)
            best = [one for one in every if one[1].count(COMMA) == count][:5]
            assert [h.pieces for h in found[sentence]] == [pieces for _, pieces in best]
            assert [h.score for h in found[sentence]] == pytest.approx([score for score, _ in best], abs=1e-5)
    opens = Balanced(torch.zeros(4, 1, dtype=torch.long))
    for sentence, hypotheses in enumerate(run(state, limits, beam_size=4000, n_best=50, rules=[opens])):
        allowed = [pieces for _, pieces in everything(state, sentence, limits[sentence], 1.0) if balanced(pieces)]
        said = [h.pieces for h in hypotheses if len(h.pieces) < limits[sentence]]  # at its limit one is ended as it is
        assert said == [pieces for pieces in allowed if pieces in said]
        assert said
        assert all(balanced(pieces) for pieces in said)


@pytest.mark.parametrize("beam_size", [1, 2, 3, 7])
def test_a_narrow_beam_keeps_the_promise(beam_size: int) -> None:
    """Of 40 sentences few are done at a time, so that most of the done ones are masked and not dropped."""
    state, limits = table(40, 5), [1 + row % LONGEST for row in range(40)]
    hypotheses = run(state, limits, beam_size=beam_size, n_best=beam_size, rules=[exactly(limits, 1)])
    free = run(state, limits, beam_size=beam_size, n_best=beam_size)
    assert all(hypotheses)
    assert all(h.pieces.count(COMMA) == 1 for some in hypotheses for h in some)
    assert any(h.pieces.count(COMMA) != 1 for some in free for h in some)
    for sentence in range(0, 40, 7):  # and each sentence has what it has alone
        limit = [limits[sentence]]
        here, rules = state.keep(torch.tensor([sentence])), [exactly(limit, 1)]
        alone = run(here, limit, beam_size=beam_size, n_best=beam_size, rules=rules)
        assert said(alone[0]) == said(hypotheses[sentence])


def test_draws_keep_the_promise() -> None:
    state, limits = table(3, 6), [LONGEST, 3, 4]
    seeds = torch.tensor([1, 2, 3])
    for hypotheses in run(state, limits, selection=Sample(50, 1.0, 0, seeds), n_best=50, rules=[exactly(limits, 2)]):
        assert len(hypotheses) == 50
        assert all(h.pieces.count(COMMA) == 2 for h in hypotheses)


def test_a_prefix_comes_before_a_rule() -> None:
    prefix: Tensor = torch.tensor([[COMMA, COMMA, COMMA]])
    (h,) = run(table(1, 3), [3], prefix_BP=prefix, rules=[exactly([3], 1)])[0]
    assert h.pieces == [COMMA] * 3


def said(hypotheses: list[Hypothesis]) -> list[list[int]]:
    return [h.pieces for h in hypotheses]
