"""Search where every look at a result makes a device wait: what has ended is kept in tables on the device.

It finds what `mtkit.search.search` finds, of which it has the same loop. A step that does the same each time is
recorded and played back (`mtkit.ops.recording`).

Dimensions: B sentences still searched, K hypotheses of each, V vocabulary, S source positions, L pieces so far, T the
most pieces that there can be, their end included, X anything.
"""

import logging
from collections.abc import Callable, Generator, Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor

from mtkit.errors import out_of_memory
from mtkit.ops.logits import log_sums
from mtkit.ops.recording import Recorded, Recorder
from mtkit.search.ended import Ended, hypotheses
from mtkit.search.pick import pick
from mtkit.search.rules.rules import Rules
from mtkit.search.search import LEAST_COVERED, WORTHWHILE, Hypothesis, Ranking, Step
from mtkit.search.selection import Selection

LOG = logging.getLogger(__name__)
LOOK = 8  # steps between two looks at which sentences are done
# A recording is made anew for sentences that are left where such a share is done, and so many hypotheses: it takes some
# dozen steps.
ANEW = ((1 / 2, 4096), (7 / 8, 512))
ROOM = 16  # steps for which a state that grows is given room at a time: a step reads, and moves, all of it

Found = Callable[[slice], list[list[Hypothesis]]]
"""Makes the hypotheses of some of a batch's sentences, without asking a device."""
Passed = Callable[[], bool]
"""Whether a device has done what it was given."""


@torch.inference_mode()
def search_in_tables(
    step: Step[Any],
    state: Any,
    rules: Rules,
    ranking: Ranking,
    selection: Selection,
    *,
    bos: int,
    n_best: int,
    device: torch.device,
    source_lengths: list[int] | None = None,
    details: bool = False,
    attention: bool = False,
    recorder: Recorder | None = None,
) -> Generator[Passed, None, Found]:
    """Find the best translations of each sentence, best first; see `mtkit.search.search.search`.

    It yields whenever the device would be waited for.

    Args:
        recorder: of steps; None: none is recorded.
    """
    walk = _Walk(step, state, rules, ranking, selection, bos, n_best, device, source_lengths, details, attention)
    if not (rules.timeless and selection.timeless):
        recorder = None
    grows = recorder is not None and state.grows
    room = 0  # steps for which the state has room, if it grows
    free_until = int(rules.limits_B.min())  # until then nothing is at its greatest length
    recorded: Recorded | None = None
    ran = False  # a step of these shapes has been made, so that it can be recorded
    for length in range(1, walk.most + 2):  # of the hypotheses after this step, their end included
        if grows and length > 1 and not room:
            room, recorded, ran = ROOM, None, False
            if not walk.make_room(min(ROOM, walk.most + 2 - length)):
                grows, recorder = False, None
        if length == free_until + 1:
            recorded = None
        if recorder is not None and recorded is None and ran:
            try:
                recorded = recorder.record(walk.recording(length <= free_until))
            except RuntimeError as error:
                if out_of_memory(error):
                    raise
                LOG.debug("a step of search cannot be recorded: %s", error)
                recorder = None
        if recorded is not None:
            recorded.replay()
        else:
            walk.advance(length)
            ran = length > 1  # the first step has one hypothesis a sentence
        room -= length > 1 and room > 0
        if length % LOOK and length <= walk.most:
            continue
        done_B = walk.done(length)
        yield passed(device)
        rows = (~done_B).nonzero().squeeze(1)
        if not len(rows):
            break
        gone = len(walk.ended_B) - len(rows)
        if _worthwhile(gone, walk.last_BK.shape, recorded is not None):
            walk.keep(rows)
            recorded, ran = None, False
    fetched = walk.best.fetched()
    return lambda part: hypotheses(fetched, part, ranking, source_lengths, details, attention)


def _worthwhile(gone: int, shape: Sequence[int], recorded: bool) -> bool:
    """Whether the other sentences are to be moved together, of so many with so many hypotheses."""
    sentences, width = shape
    if not recorded:
        return gone >= WORTHWHILE * sentences
    return any(gone >= share * sentences and gone * width >= rows for share, rows in ANEW)


def passed(device: torch.device) -> Passed:
    """Of what a device was given up to here."""
    if device.type != "cuda":
        return lambda: True
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(device))
    return event.query


class _Walk:
    """The hypotheses of all sentences, from step to step."""

    def __init__(
        self,
        step: Step[Any],
        state: Any,
        rules: Rules,
        ranking: Ranking,
        selection: Selection,
        bos: int,
        n_best: int,
        device: torch.device,
        source_lengths: list[int] | None,
        details: bool,
        attention: bool,
    ) -> None:
        self.step, self.state, self.rules, self.selection = step, state, rules, selection
        self.n_best, self.details, self.attention, self.penalty = n_best, details, attention, ranking.coverage_penalty
        B, self.most = len(rules.limits_B), int(rules.limits_B.max())
        normals = [ranking.normal(length) for length in range(self.most + 3)]
        self.normals_T = torch.tensor(normals, dtype=torch.float64, device=device)
        self.limits_B = rules.limits_B.to(device)
        self.at_limit_B = self.normals_T[self.limits_B + 1]
        self.length_1 = torch.ones(1, dtype=torch.long, device=device)  # after the next step
        self.ended_B = torch.zeros(B, dtype=torch.long, device=device)
        self.totals_BK = torch.zeros(B, 1, device=device)
        self.last_BK = torch.full((B, 1), bos, device=device)
        self.histories = [self._history(self.last_BK)]
        """Tables (B, K, T, X) of what is kept of each piece: itself, log-probabilities, attention."""
        self.covered: list[Tensor] = []
        """If it counts, how much each source position was looked at, BKS."""
        if self.penalty:
            assert source_lengths is not None
            self.lengths_B1 = torch.tensor(source_lengths, device=device).unsqueeze(1)

    def _history(self, like_BKX: Tensor) -> Tensor:
        B, K, *X = like_BKX.shape
        return like_BKX.new_zeros(B, K, self.most + 1, *X)

    def _begin(self, weights_BKS: Tensor) -> None:
        """The tables whose width the first step tells."""
        if self.details:
            self.histories.append(self._history(self.totals_BK))
        if self.attention:
            self.histories.append(self._history(weights_BKS))
        if self.penalty:
            self.covered = [torch.zeros_like(weights_BKS)]
        self.best = Ended(len(self.ended_B), self.n_best, self.histories)

    def advance(self, length: int, free: bool = False) -> None:
        """A step, to hypotheses of this length; 0: one that does what any step does, to be recorded.

        Args:
            free: in what is recorded nothing is at its greatest length.
        """
        logits_BKV, state, weights_BKS = self.step(self.last_BK, self.state)
        if not hasattr(self, "best"):
            self._begin(weights_BKS)
        logits_BKV = logits_BKV.float()
        added_BK = self.totals_BK - log_sums(logits_BKV)
        if length:
            self.rules.apply(logits_BKV, self.histories[0][:, :, : length - 1])
        else:
            limits_B = None if free else self.limits_B
            self.rules.apply_anywhere(logits_BKV, self._last(self.rules.looks_back), self.length_1 - 1, limits_B)
        best_BK, parents_BK, last_BK = self.selection(logits_BKV, added_BK, self.ended_B, length)

        now = [last_BK, *[best_BK] * self.details, *[pick(weights_BKS, parents_BK)] * self.attention]
        self.histories = [self._longer(table, parents_BK, one) for table, one in zip(self.histories, now, strict=True)]
        self.covered = [pick(covered_BKS + weights_BKS, parents_BK) for covered_BKS in self.covered]
        ends_BK = (last_BK == self.rules.eos) & (best_BK > -inf)
        scores_BK = best_BK.double() / self.normals_T[self.length_1]
        for covered_BKS in self.covered:
            scores_BK = scores_BK + self.penalty * self._uncovered(covered_BKS)
        self.best.add(scores_BK.masked_fill(~ends_BK, -inf), best_BK, self.length_1, self.histories)
        self.ended_B = self.ended_B + ends_BK.sum(1)
        self.totals_BK = best_BK.masked_fill(last_BK == self.rules.eos, -inf)
        self.last_BK = last_BK
        self.state, self.rules = state.reorder(parents_BK), self.rules.reorder(parents_BK, last_BK)
        self.selection = self.selection.reorder(parents_BK, last_BK)
        self.length_1 = self.length_1 + 1

    def _last(self, count: int) -> Tensor:
        """The last pieces of each hypothesis, BKL; where fewer were said the first one more often."""
        if not count:
            return self.histories[0][:, :, :0]
        back_L = torch.arange(count, 0, -1, device=self.length_1.device)
        return self.histories[0].index_select(2, (self.length_1 - 1 - back_L).clamp_(min=0))

    def _longer(self, table_BKTX: Tensor, parents_BK: Tensor, now_BKX: Tensor) -> Tensor:
        """What was before, of each parent, and what is now."""
        picked_BKTX = pick(table_BKTX, parents_BK)
        if picked_BKTX.shape[1] > table_BKTX.shape[1]:  # it is only expanded
            picked_BKTX = picked_BKTX.clone(memory_format=torch.contiguous_format)
        return picked_BKTX.index_copy_(2, self.length_1 - 1, now_BKX.unsqueeze(2))

    def _uncovered(self, covered_BKS: Tensor) -> Tensor:
        """The logarithm of what real source positions were looked at; see Ranking.score."""
        padding_BS = torch.arange(covered_BKS.shape[2], device=covered_BKS.device) >= self.lengths_B1
        return covered_BKS.clamp(LEAST_COVERED, 1).log().masked_fill(padding_BS.unsqueeze(1), 0).sum(2)

    def make_room(self, steps: int) -> bool:
        """Give a state that grows room for so many steps; whether it has a form for that."""
        state = self.state.with_room(steps)
        self.state = self.state if state is None else state
        return state is not None

    def recording(self, free: bool) -> Callable[[], None]:
        """A step that begins and ends with the same tensors, to be recorded; see `advance`."""
        places = [x.clone(memory_format=torch.contiguous_format) for x in self._tensors()]
        state = self.state.copied()

        def settle() -> None:
            self.length_1, self.ended_B, self.totals_BK, self.last_BK = places[:4]
            self.covered = places[4 : 4 + len(self.covered)]
            at = 4 + len(self.covered)
            self.histories = places[at : at + len(self.histories)]
            self.best.set(places[at + len(self.histories) :])
            self.state = state

        def work() -> None:
            settle()
            try:
                self.advance(0, free)
                for place, x in zip(places, self._tensors(), strict=True):
                    if not place.is_set_to(x):
                        place.copy_(x)
                state.put(self.state)
            finally:
                settle()

        settle()
        return work

    def _tensors(self) -> list[Tensor]:
        """All that a step leaves to the next one, but for the model's state."""
        own = [self.length_1, self.ended_B, self.totals_BK, self.last_BK]
        return own + self.covered + self.histories + self.best.tables()

    def done(self, length: int) -> Tensor:
        """True of sentences that nothing better can come of; they are given up."""
        alive_B = self.totals_BK.max(1).values.double()
        bound_B = torch.maximum(alive_B / self.normals_T[length + 1], alive_B / self.at_limit_B)
        done_B = (alive_B == -inf) | (self.best.worst_B >= bound_B)
        self.totals_BK.masked_fill_(done_B.unsqueeze(1), -inf)
        return done_B

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the sentences."""
        self.state, self.rules = self.state.keep(rows), self.rules.keep(rows.cpu(), rows)
        self.selection = self.selection.keep(rows)
        self.best.keep(rows)
        self.limits_B, self.at_limit_B = self.limits_B[rows], self.at_limit_B[rows]
        self.ended_B, self.last_BK = self.ended_B[rows], self.last_BK[rows]
        self.totals_BK, self.histories = self.totals_BK[rows], [table[rows] for table in self.histories]
        if self.penalty:
            self.lengths_B1, self.covered = self.lengths_B1[rows], [covered_BKS[rows] for covered_BKS in self.covered]
