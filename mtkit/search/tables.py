"""Search where every look at a result makes a device wait: what has ended is kept in tables on the device.

It finds what `mtkit.search.search` finds, of which it has the same loop; but it tells neither the scores of pieces nor
attention, and coverage has no penalty.

Dimensions: B sentences still searched, K hypotheses of each, V vocabulary, L pieces so far, N best that have ended, T
the most pieces that there can be.
"""

from math import inf

import torch
from torch import Tensor

from mtkit.ops.logits import log_sums
from mtkit.search.pick import pick
from mtkit.search.rules.rules import Rules
from mtkit.search.search import WORTHWHILE, Hypothesis, Ranking, S, Step
from mtkit.search.selection import Selection

LOOK = 8  # steps between two looks at which sentences are done


@torch.inference_mode()
def search_in_tables(
    step: Step[S],
    state: S,
    rules: Rules,
    ranking: Ranking,
    selection: Selection,
    *,
    bos: int,
    n_best: int,
    device: torch.device,
) -> list[list[Hypothesis]]:
    """Find the best translations of each sentence, best first; see `mtkit.search.search.search`."""
    B, most = len(rules.limits_B), int(rules.limits_B.max())
    normals_T = torch.tensor([ranking.normal(length) for length in range(most + 3)], dtype=torch.float64, device=device)
    at_limit_B = normals_T[(rules.limits_B + 1).to(device)]
    ended_B = torch.zeros(B, dtype=torch.long, device=device)
    totals_BK = torch.zeros(B, 1, device=device)
    pieces_BKL = torch.full((B, 1, 1), bos, device=device)
    best = _Best(B, n_best, most + 1, totals_BK)

    for length in range(1, most + 2):  # of the hypotheses after this step, their end included
        logits_BKV, state, _ = step(pieces_BKL[:, :, -1], state)
        logits_BKV = logits_BKV.float()
        added_BK = totals_BK - log_sums(logits_BKV)
        rules.apply(logits_BKV, pieces_BKL[:, :, 1:])
        best_BK, parents_BK, last_BK = selection(logits_BKV, added_BK, ended_B, length)

        pieces_BKL = torch.cat([pick(pieces_BKL, parents_BK), last_BK.unsqueeze(2)], 2)
        ends_BK = (last_BK == rules.eos) & (best_BK > -inf)
        best.add(ends_BK, best_BK, pieces_BKL[:, :, 1:], normals_T[length])
        ended_B = ended_B + ends_BK.sum(1)
        totals_BK = best_BK.masked_fill(last_BK == rules.eos, -inf)
        state, rules = state.reorder(parents_BK), rules.reorder(parents_BK, last_BK)
        if length % LOOK and length <= most:
            continue

        alive_B = totals_BK.max(1).values.double()
        bound_B = torch.maximum(alive_B / normals_T[length + 1], alive_B / at_limit_B)
        done_B = (alive_B == -inf) | (best.worst_B >= bound_B)
        rows = (~done_B).nonzero().squeeze(1)
        if not len(rows):
            break
        totals_BK = totals_BK.masked_fill(done_B.unsqueeze(1), -inf)
        if len(done_B) - len(rows) >= WORTHWHILE * len(done_B):
            state, rules, selection = state.keep(rows), rules.keep(rows.cpu(), rows), selection.keep(rows)
            best.keep(rows)
            ended_B, at_limit_B = ended_B[rows], at_limit_B[rows]
            totals_BK, pieces_BKL = totals_BK[rows], pieces_BKL[rows]
    return best.hypotheses(ranking)


class _Best:
    """The best hypotheses of each sentence that have ended."""

    def __init__(self, sentences: int, n_best: int, longest: int, like: Tensor) -> None:
        self.here_B = torch.arange(sentences, device=like.device)
        shape = sentences, n_best
        self.scores_BN = like.new_full(shape, -inf, dtype=torch.float64)
        self.logprobs_BN = like.new_zeros(shape)
        self.lengths_BN = like.new_zeros(shape, dtype=torch.long)
        self.pieces_BNT = like.new_zeros((*shape, longest), dtype=torch.long)
        self.all = tuple(table.clone() for table in self._tables())
        """The same of all sentences, as far as they are no longer searched."""

    @property
    def worst_B(self) -> Tensor:
        """The score of the last of them, minus infinity where there are fewer."""
        return self.scores_BN[:, -1]

    def add(self, ends_BK: Tensor, logprobs_BK: Tensor, pieces_BKL: Tensor, normal: Tensor) -> None:
        """Take in those of a step that have ended; of equals what came first is better."""
        L = pieces_BKL.shape[2]
        N = self.scores_BN.shape[1]
        scores_BK = (logprobs_BK.double() / normal).masked_fill(~ends_BK, -inf)
        scores_BM, places_BM = torch.cat([self.scores_BN, scores_BK], 1).sort(dim=1, descending=True, stable=True)
        self.scores_BN, places_BN = scores_BM[:, :N], places_BM[:, :N]
        lengths_BK = torch.full_like(places_BM[:, N:], L)
        self.logprobs_BN = torch.cat([self.logprobs_BN, logprobs_BK], 1).gather(1, places_BN)
        self.lengths_BN = torch.cat([self.lengths_BN, lengths_BK], 1).gather(1, places_BN)
        both_BML = torch.cat([self.pieces_BNT[:, :, :L], pieces_BKL], 1)
        self.pieces_BNT[:, :, :L] = both_BML.gather(1, places_BN.unsqueeze(2).expand(-1, -1, L))

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the sentences."""
        self._put_by()
        self.here_B = self.here_B[rows]
        self.scores_BN, self.logprobs_BN, self.lengths_BN, self.pieces_BNT = (x[rows] for x in self._tables())

    def hypotheses(self, ranking: Ranking) -> list[list[Hypothesis]]:
        """All of them, by sentence."""
        self._put_by()
        scores, logprobs, lengths, pieces = (table.cpu() for table in self.all)
        found: list[list[Hypothesis]] = []
        for some, totals, counts, lines in zip(
            scores.tolist(), logprobs.tolist(), lengths.tolist(), pieces.numpy(), strict=True
        ):
            found.append(
                [
                    Hypothesis(line[: length - 1].tolist(), total, ranking.score(total, length, None))
                    for score, total, length, line in zip(some, totals, counts, lines, strict=True)
                    if score > -inf
                ]
            )
        return found

    def _put_by(self) -> None:
        for whole, part in zip(self.all, self._tables(), strict=True):
            whole.index_copy_(0, self.here_B, part)

    def _tables(self) -> tuple[Tensor, ...]:
        return self.scores_BN, self.logprobs_BN, self.lengths_BN, self.pieces_BNT
