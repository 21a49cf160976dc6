"""The best hypotheses of a batch that have ended, in tables on a device. Must not know models.

Dimensions: B sentences still searched, K hypotheses of each, N best that have ended, T the most pieces that there can
be, their end included, S source positions, X anything.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Any

import torch
from torch import Tensor

from mtkit.search.search import Hypothesis, Ranking


class Ended:
    """What has ended of each sentence, best first.

    Args:
        histories: tables (B, K, T, X) of what is kept of every piece of a hypothesis, like those that `add` is given.
    """

    def __init__(self, sentences: int, n_best: int, histories: Sequence[Tensor]) -> None:
        device, shape = histories[0].device, (sentences, n_best)
        self.here_B = torch.arange(sentences, device=device)
        self.set(
            [
                torch.full(shape, -inf, dtype=torch.float64, device=device),
                torch.zeros(shape, device=device),
                torch.zeros(shape, dtype=torch.long, device=device),
                *(table.new_zeros(*shape, *table.shape[2:]) for table in histories),
            ]
        )
        self.all = [table.clone() for table in self.tables()]
        """The same of all sentences, as far as they are no longer searched."""

    def set(self, tables: list[Tensor]) -> None:
        """Take other tensors."""
        self.scores_BN, self.logprobs_BN, self.lengths_BN, *self.histories = tables

    def tables(self) -> list[Tensor]:
        """Its tensors."""
        return [self.scores_BN, self.logprobs_BN, self.lengths_BN, *self.histories]

    @property
    def worst_B(self) -> Tensor:
        """The score of the last of them, minus infinity where there are fewer."""
        return self.scores_BN[:, -1]

    def add(self, scores_BK: Tensor, logprobs_BK: Tensor, length_1: Tensor, histories: Sequence[Tensor]) -> None:
        """Take in those of a step that have ended; of equals what came first is better.

        Args:
            scores_BK: minus infinity of what has not ended.
        """
        N = self.scores_BN.shape[1]
        scores_BM, places_BM = torch.cat([self.scores_BN, scores_BK], 1).sort(dim=1, descending=True, stable=True)
        places_BN = places_BM[:, :N]
        now = [logprobs_BK, length_1.expand(scores_BK.shape), *histories]
        before = self.tables()[1:]
        self.set([scores_BM[:, :N], *(_taken(torch.cat(both, 1), places_BN) for both in zip(before, now, strict=True))])

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the sentences."""
        self._put_by()
        self.here_B = self.here_B[rows]
        self.set([table[rows] for table in self.tables()])

    def fetched(self) -> list[Tensor]:
        """The tables of all sentences, in the processor's own memory."""
        self._put_by()
        return [table.cpu() for table in self.all]

    def _put_by(self) -> None:
        for whole, part in zip(self.all, self.tables(), strict=True):
            whole.index_copy_(0, self.here_B, part)


def _taken(x_BMX: Tensor, places_BN: Tensor) -> Tensor:
    places_BNX = places_BN.view(*places_BN.shape, *[1] * (x_BMX.dim() - 2))
    return x_BMX.gather(1, places_BNX.expand(-1, -1, *x_BMX.shape[2:]))


def hypotheses(
    fetched: Sequence[Tensor],
    part: slice,
    ranking: Ranking,
    source_lengths: list[int] | None = None,
    details: bool = False,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """Of some sentences, of what `Ended.fetched` gave; see `mtkit.search.search.search`."""
    scores_BN, logprobs_BN, lengths_BN, pieces_BNT, *more = (table[part] for table in fetched)
    B, N, T = pieces_BNT.shape
    normals = [ranking.normal(length) for length in range(T + 2)]
    by_score = bool(ranking.coverage_penalty)
    lines = pieces_BNT.flatten(0, 1).tolist()
    columns = (table.flatten().tolist() for table in (scores_BN, logprobs_BN, lengths_BN))
    made: list[list[Hypothesis]] = [[] for _ in range(B)]
    for place, (score, logprob, length) in enumerate(zip(*columns, strict=True)):
        if score == -inf:
            continue
        b, n = divmod(place, N)
        told: tuple[Any, ...] = ()
        if details or attention:
            sums = [0.0, *more[0][b, n, :length].tolist()] if details else []
            told = ([after - before for before, after in pairwise(sums)] if details else None,)
            if attention and source_lengths:
                told += (more[-1][b, n, :length, : source_lengths[part][b]],)
        worth = score if by_score else logprob / normals[length]
        made[b].append(Hypothesis(lines[place][: length - 1], logprob, worth, *told))
    return made
