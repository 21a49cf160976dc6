"""A search rule keeps its promise for every hypothesis, whatever the beam does with it: every rule that is registered,
and two with a state from here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import pytest
import torch
from torch import Tensor

from mtkit.registry import CHOICES, resolve
from mtkit.schema import Decode
from mtkit.search.pick import pick
from mtkit.search.rules.rule import Context, Rule
from mtkit.search.sentence import Frame, Sentence, Vocabulary
from tests.search import outside

NAMES = ["<s>", "</s>", "(", ")", ",", "a", "b"]
BOS, EOS, OPEN, CLOSE, COMMA = range(5)
DECODE = {"min_length": 3, "no_repeat_ngram": 2, "rules": {"exactly": {"count": 2}}}


@dataclass(frozen=True)
class Balanced(Rule):
    """No bracket is closed that was not opened, and no end comes while one is open."""

    open_BK: Tensor
    forgets: str = ""
    """Which of its duties it does not do."""

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        logits_BKV[:, :, CLOSE].masked_fill_(self.open_BK == 0, -inf)
        logits_BKV[:, :, EOS].masked_fill_(self.open_BK != 0, -inf)

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Balanced":
        open_BK = pick(self.open_BK, parents_BK * (self.forgets != "reorder"))
        return replace(self, open_BK=open_BK + (pieces_BK == OPEN).long() - (pieces_BK == CLOSE).long())

    def keep(self, sentences: Tensor) -> "Balanced":
        if self.forgets == "keep":
            return replace(self, open_BK=self.open_BK[: len(sentences)])
        return replace(self, open_BK=self.open_BK[sentences])


def balanced(context: Context, forgets: str = "") -> Balanced:
    return Balanced(torch.zeros(len(context.sentences), 1, dtype=torch.long), forgets)


def context(lengths: list[int]) -> Context:
    """A batch of sentences of some lengths, on which their limits depend."""
    decode = Decode.model_construct(**Decode().model_dump() | DECODE)
    frame = Frame((OPEN, COMMA, CLOSE), (-1, 0, 0), {0: 2})
    sentences = [Sentence([[5] * length], frame=frame) for length in lengths]
    return Context(decode, Vocabulary(BOS, EOS, [BOS], NAMES), sentences, torch.device("cpu"))


def ruled_out(rule: Rule, pieces_BKL: Tensor) -> Tensor:
    """What a rule rules out; that it leaves all other logits alone, and is not changed, is seen to."""
    logits_BKV = torch.randn(*pieces_BKL.shape[:2], len(NAMES))
    logits_BKV[:, :, EOS] = -9  # whether an end is the likeliest may matter
    again_BKV = logits_BKV.clone()
    before_BKV = logits_BKV.clone()
    rule.apply(logits_BKV, pieces_BKL)
    rule.apply(again_BKV, pieces_BKL)
    assert torch.equal(logits_BKV, again_BKV)
    out_BKV = logits_BKV == -inf
    assert torch.equal(logits_BKV[~out_BKV], before_BKV[~out_BKV])
    return out_BKV


def keeps_its_promise(make: Callable[[Context], Rule], seed: int) -> None:
    """After any reordering, with sentences gone, a hypothesis is judged as if it had been the only one there is."""
    torch.manual_seed(seed)
    lengths = [1, 4, 2, 3]
    sentences = torch.arange(len(lengths))
    rule = make(context(lengths))
    pieces_BKL = torch.empty(len(lengths), 1, 0, dtype=torch.long)
    for step, width in enumerate([3, 3, 1, 4, 4, 2, 4, 4]):
        out_BKV = ruled_out(rule, pieces_BKL)
        for b, sentence in enumerate(sentences.tolist()):
            for k in range(pieces_BKL.shape[1]):
                alone = make(context([lengths[sentence]]))
                for piece in pieces_BKL[b, k].tolist():
                    alone = alone.reorder(torch.tensor([[0]]), torch.tensor([[piece]]))
                assert torch.equal(ruled_out(alone, pieces_BKL[b : b + 1, k : k + 1])[0, 0], out_BKV[b, k])
        parents_BK = torch.randint(pieces_BKL.shape[1], (len(sentences), width))
        last_BK = torch.randint(2, len(NAMES), (len(sentences), width))
        pieces_BKL = torch.cat([pick(pieces_BKL, parents_BK), last_BK.unsqueeze(2)], 2)
        rule = rule.reorder(parents_BK, last_BK)
        if step in (2, 5):  # one sentence is done
            rows = torch.tensor([row for row in range(len(sentences)) if row != step % len(sentences)])
            rule, sentences, pieces_BKL = rule.keep(rows), sentences[rows], pieces_BKL[rows]


def named(name: str) -> Callable[[Context], Rule]:
    def make(context: Context) -> Rule:
        rule = resolve("rule", name)(context, **context.decode.rules.get(name, {}))
        assert isinstance(rule, Rule), "a batch for which it has something to do is missing here"
        return rule

    return make


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", [*CHOICES["rule"], "exactly"])
def test_registered_rules(name: str, seed: int) -> None:
    with outside.registered():
        keeps_its_promise(named(name), seed)


def test_a_rule_with_a_state() -> None:
    for seed in range(5):
        keeps_its_promise(balanced, seed)


@pytest.mark.parametrize("forgets", ["reorder", "keep"])
def test_a_rule_that_forgets_is_found_out(forgets: str) -> None:
    found_out = 0
    for seed in range(5):
        try:
            keeps_its_promise(lambda context: balanced(context, forgets), seed)
        except AssertionError:
            found_out += 1
    assert found_out >= 3  # by chance its states may be those of others


def test_a_rule_that_has_nothing_to_do_is_none() -> None:
    idle = Context(Decode(), Vocabulary(BOS, EOS, []), [Sentence([[5]])], torch.device("cpu"))
    assert all(resolve("rule", name)(idle) is None for name, line in CHOICES["rule"].items() if line.always)


def test_what_a_rule_is_called_in_messages() -> None:
    batch = context([2])
    assert [str(named(name)(batch)) for name in ("never", "min_length", "no_repeat")] == [
        "",
        "min_length = 3",
        "no_repeat_ngram = 2",
    ]
    assert str(balanced(batch)) == "Balanced"
