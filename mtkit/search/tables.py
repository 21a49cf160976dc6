"""Search where every look at a result makes a device wait: what has ended is kept in tables on the device.

It finds what `mtkit.search.search` finds, of which it has the same loop; but it tells neither the scores of pieces nor
attention, and coverage has no penalty. A step that does the same each time is recorded and played back
(`mtkit.ops.recording`).

Dimensions: B sentences still searched, K hypotheses of each, V vocabulary, L pieces so far, N best that have ended, T
the most pieces that there can be, their end included.
"""

import logging
from math import inf
from typing import Any

import torch
from torch import Tensor

from mtkit.errors import out_of_memory
from mtkit.ops.logits import log_sums
from mtkit.ops.recording import Recorded, Recorder
from mtkit.search.pick import pick
from mtkit.search.rules.rules import Rules
from mtkit.search.search import WORTHWHILE, Hypothesis, Ranking, Step
from mtkit.search.selection import Selection

LOG = logging.getLogger(__name__)
LOOK = 8  # steps between two looks at which sentences are done
ANEW = 7 / 8  # of the sentences must be done before a recording is made anew for the others: it takes some dozen steps


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
    recorder: Recorder | None = None,
) -> list[list[Hypothesis]]:
    """Find the best translations of each sentence, best first; see `mtkit.search.search.search`.

    Args:
        recorder: of steps; None: none is recorded.
    """
    walk = _Walk(step, state, rules, ranking, selection, bos, n_best, device)
    if not (rules.timeless and selection.timeless) or getattr(state, "grows", True):
        recorder = None
    recorded: Recorded | None = None
    ran = False  # a step of these shapes has been made, so that it can be recorded
    for length in range(1, walk.most + 2):  # of the hypotheses after this step, their end included
        if recorder is not None and recorded is None and ran:
            try:
                recorded = recorder.record(walk.recording())
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
        if length % LOOK and length <= walk.most:
            continue
        rows = walk.left(length)
        if not len(rows):
            break
        gone = len(walk.ended_B) - len(rows)
        if gone >= (WORTHWHILE if recorded is None else ANEW) * len(walk.ended_B):
            walk.keep(rows)
            recorded, ran = None, False
    return walk.best.hypotheses(ranking)


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
    ) -> None:
        self.step, self.state, self.rules, self.selection = step, state, rules, selection
        B, self.most = len(rules.limits_B), int(rules.limits_B.max())
        normals = [ranking.normal(length) for length in range(self.most + 3)]
        self.normals_T = torch.tensor(normals, dtype=torch.float64, device=device)
        self.limits_B = rules.limits_B.to(device)
        self.at_limit_B = self.normals_T[self.limits_B + 1]
        self.length_1 = torch.ones(1, dtype=torch.long, device=device)  # after the next step
        self.ended_B = torch.zeros(B, dtype=torch.long, device=device)
        self.totals_BK = torch.zeros(B, 1, device=device)
        self.last_BK = torch.full((B, 1), bos, device=device)
        self.pieces_BKT = torch.zeros(B, 1, self.most + 1, dtype=torch.long, device=device)
        self.best = _Best(B, n_best, self.most + 1, self.totals_BK)

    def advance(self, length: int) -> None:
        """A step, to hypotheses of this length; 0: one that does what any step does, to be recorded."""
        logits_BKV, state, _ = self.step(self.last_BK, self.state)
        logits_BKV = logits_BKV.float()
        added_BK = self.totals_BK - log_sums(logits_BKV)
        if length:
            self.rules.apply(logits_BKV, self.pieces_BKT[:, :, : length - 1])
        else:
            self.rules.apply_anywhere(logits_BKV, self.limits_B, self.length_1 - 1)
        best_BK, parents_BK, last_BK = self.selection(logits_BKV, added_BK, self.ended_B, length)

        pieces_BKT = pick(self.pieces_BKT, parents_BK)
        if pieces_BKT.shape[1] > self.pieces_BKT.shape[1]:  # it is only expanded
            pieces_BKT = pieces_BKT.clone(memory_format=torch.contiguous_format)
        self.pieces_BKT = pieces_BKT.index_copy(2, self.length_1 - 1, last_BK.unsqueeze(2))
        ends_BK = (last_BK == self.rules.eos) & (best_BK > -inf)
        self.best.add(ends_BK, best_BK, self.pieces_BKT, self.normals_T[self.length_1], self.length_1)
        self.ended_B = self.ended_B + ends_BK.sum(1)
        self.totals_BK = best_BK.masked_fill(last_BK == self.rules.eos, -inf)
        self.last_BK = last_BK
        self.state, self.rules = state.reorder(parents_BK), self.rules.reorder(parents_BK, last_BK)
        self.length_1 = self.length_1 + 1

    def recording(self) -> Any:
        """A step that begins and ends with the same tensors, to be recorded."""
        names = ("length_1", "ended_B", "totals_BK", "last_BK", "pieces_BKT")
        places = {name: getattr(self, name).clone(memory_format=torch.contiguous_format) for name in names}
        state, best = self.state.copied(), [table.clone() for table in self.best.tables()]

        def settle() -> None:
            vars(self).update(places)
            self.state = state
            self.best.set(best)

        def work() -> None:
            settle()
            try:
                self.advance(0)
                for name, place in places.items():
                    place.copy_(getattr(self, name))
                for place, table in zip(best, self.best.tables(), strict=True):
                    place.copy_(table)
                state.put(self.state)
            finally:
                settle()

        settle()
        return work

    def left(self, length: int) -> Tensor:
        """The rows of sentences that something better can still come of; the others are given up."""
        alive_B = self.totals_BK.max(1).values.double()
        bound_B = torch.maximum(alive_B / self.normals_T[length + 1], alive_B / self.at_limit_B)
        done_B = (alive_B == -inf) | (self.best.worst_B >= bound_B)
        self.totals_BK.masked_fill_(done_B.unsqueeze(1), -inf)
        return (~done_B).nonzero().squeeze(1)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the sentences."""
        self.state, self.rules = self.state.keep(rows), self.rules.keep(rows.cpu(), rows)
        self.selection = self.selection.keep(rows)
        self.best.keep(rows)
        self.limits_B, self.at_limit_B = self.limits_B[rows], self.at_limit_B[rows]
        self.ended_B, self.last_BK = self.ended_B[rows], self.last_BK[rows]
        self.totals_BK, self.pieces_BKT = self.totals_BK[rows], self.pieces_BKT[rows]


class _Best:
    """The best hypotheses of each sentence that have ended."""

    def __init__(self, sentences: int, n_best: int, longest: int, like: Tensor) -> None:
        self.here_B = torch.arange(sentences, device=like.device)
        shape = sentences, n_best
        self.set(
            [
                like.new_full(shape, -inf, dtype=torch.float64),
                like.new_zeros(shape),
                like.new_zeros(shape, dtype=torch.long),
                like.new_zeros((*shape, longest), dtype=torch.long),
            ]
        )
        self.all = [table.clone() for table in self.tables()]
        """The same of all sentences, as far as they are no longer searched."""

    def set(self, tables: list[Tensor]) -> None:
        """Take other tensors."""
        self.scores_BN, self.logprobs_BN, self.lengths_BN, self.pieces_BNT = tables

    def tables(self) -> list[Tensor]:
        """Its tensors."""
        return [self.scores_BN, self.logprobs_BN, self.lengths_BN, self.pieces_BNT]

    @property
    def worst_B(self) -> Tensor:
        """The score of the last of them, minus infinity where there are fewer."""
        return self.scores_BN[:, -1]

    def add(self, ends_BK: Tensor, logprobs_BK: Tensor, pieces_BKT: Tensor, normal_1: Tensor, length_1: Tensor) -> None:
        """Take in those of a step that have ended; of equals what came first is better."""
        N, T = self.scores_BN.shape[1], pieces_BKT.shape[2]
        scores_BK = (logprobs_BK.double() / normal_1).masked_fill(~ends_BK, -inf)
        scores_BM, places_BM = torch.cat([self.scores_BN, scores_BK], 1).sort(dim=1, descending=True, stable=True)
        places_BN = places_BM[:, :N]
        lengths_BK = length_1.expand(scores_BK.shape)
        self.set(
            [
                scores_BM[:, :N],
                torch.cat([self.logprobs_BN, logprobs_BK], 1).gather(1, places_BN),
                torch.cat([self.lengths_BN, lengths_BK], 1).gather(1, places_BN),
                torch.cat([self.pieces_BNT, pieces_BKT], 1).gather(1, places_BN.unsqueeze(2).expand(-1, -1, T)),
            ]
        )

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the sentences."""
        self._put_by()
        self.here_B = self.here_B[rows]
        self.set([table[rows] for table in self.tables()])

    def hypotheses(self, ranking: Ranking) -> list[list[Hypothesis]]:
        """All of them, by sentence."""
        self._put_by()
        scores, logprobs, lengths, pieces = (table.cpu() for table in self.all)
        return [
            [
                Hypothesis(line[: length - 1].tolist(), total, ranking.score(total, length, None))
                for score, total, length, line in zip(some, totals, counts, lines, strict=True)
                if score > -inf
            ]
            for some, totals, counts, lines in zip(
                scores.tolist(), logprobs.tolist(), lengths.tolist(), pieces.numpy(), strict=True
            )
        ]

    def _put_by(self) -> None:
        for whole, part in zip(self.all, self.tables(), strict=True):
            whole.index_copy_(0, self.here_B, part)
