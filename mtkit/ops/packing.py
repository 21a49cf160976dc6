"""How sentences of unequal length lie in memory without padding: time first, the longest sentence first.

All first positions, then all second ones, and so on; the sentences that have a position t are the first
counts[t] of the order. A recurrence then works on fewer and fewer rows, and whatever has no recurrence works on
real positions only.

Dimensions: B sentences, L positions of a padded table, N real positions, X anything.
"""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Packing:
    """The places of the real positions of a padded table of sentences.

    Args:
        lengths: of each sentence; at least 1.
        columns: of the padded table; default: the greatest length.
    """

    def __init__(self, lengths: NDArray[np.int64], columns: int = 0, device: torch.device | None = None) -> None:
        self.lengths, self.device = lengths, device or torch.device("cpu")
        self.columns = columns or int(lengths.max())
        self._order = np.argsort(-lengths, kind="stable")
        # counts[t]: sentences longer than t, without a loop over sentences.
        self._counts = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(int(lengths.max())), "right")
        self._starts = np.cumsum(self._counts) - self._counts
        self._times = np.repeat(np.arange(len(self._counts)), self._counts)
        self._ranks = np.arange(len(self._times)) - self._starts[self._times]

    @property
    def sentences(self) -> int:
        return len(self.lengths)

    @property
    def positions(self) -> int:
        """N, the real positions of all sentences."""
        return len(self._times)

    @property
    def pieces(self) -> int:
        """The positions that count: here all."""
        return self.positions

    @property
    def real_N1(self) -> Tensor | None:
        """True in the rows of real positions; None: there are no others."""
        return None

    @cached_property
    def counts(self) -> list[int]:
        """For each position t, how many sentences are longer than t."""
        return self._counts.tolist()  # type: ignore[no-any-return]

    @cached_property
    def starts(self) -> list[int]:
        """For each position t, the row where its sentences begin."""
        return self._starts.tolist()  # type: ignore[no-any-return]

    def rows(self, t: int) -> slice:
        """The rows of position t."""
        return slice(self.starts[t], self.starts[t] + self.counts[t])

    @property
    def sorted(self) -> bool:
        """Whether the table itself has the longest sentence first."""
        return bool((np.diff(self.lengths) <= 0).all())

    @cached_property
    def lengths_B(self) -> Tensor:
        return self._tensor(self.lengths)

    @cached_property
    def mask_BL(self) -> Tensor:
        """True where the padded table holds a real position."""
        return self._tensor(np.arange(self.columns) < self.lengths[:, None])

    @cached_property
    def sentence_N(self) -> Tensor:
        """The sentence of each row."""
        return self._tensor(self._order[self._ranks])

    @cached_property
    def time_N(self) -> Tensor:
        """The position of each row within its sentence."""
        return self._tensor(self._times)

    @cached_property
    def cells_N(self) -> Tensor:
        """The place of each row in the padded table, sentence * columns + position."""
        return self._tensor(self._order[self._ranks] * self.columns + self._times)

    @cached_property
    def rows_M(self) -> Tensor:
        """The row of each place in the padded table; of padding the first row."""
        rows = np.zeros(self.sentences * self.columns, np.int64)
        rows[self._order[self._ranks] * self.columns + self._times] = np.arange(self.positions)
        return self._tensor(rows)

    @cached_property
    def reversed_N(self) -> Tensor:
        """For each row the one that stands there when every sentence is turned round; its own inverse."""
        mirrored = self.lengths[self._order][self._ranks] - 1 - self._times
        return self._tensor(self._starts[mirrored] + self._ranks)

    @cached_property
    def first_B(self) -> Tensor:
        """The row of each sentence's first position."""
        return self._tensor(np.argsort(self._order))

    @cached_property
    def last_B(self) -> Tensor:
        """The row of each sentence's last position."""
        return self._tensor(self._starts[self.lengths - 1] + np.argsort(self._order))

    def to(self, device: torch.device) -> "Packing":
        """The same packing, with its tensors on another device."""
        return self if device == self.device else Packing(self.lengths, self.columns, device)

    def shortened(self, stride: int) -> "Packing":
        """Of sentences of which every stride-th position is left; the order of sentences stays."""
        return Packing(-(-self.lengths // stride), -(-self.columns // stride), self.device)

    def pack(self, table_BLX: Tensor) -> Tensor:
        """The real positions of a padded table, packed_NX."""
        packed: Tensor = _Select.apply(table_BLX.flatten(0, 1), self.cells_N)  # type: ignore[no-untyped-call]
        return packed

    def unpack(self, packed_NX: Tensor) -> Tensor:
        """The padded table_BLX of packed rows, zero on padding."""
        rows = self.sentences * self.columns
        table: Tensor = _Spread.apply(packed_NX, self.cells_N, rows)  # type: ignore[no-untyped-call]
        return table.view(self.sentences, self.columns, *packed_NX.shape[1:])

    def unpack_masked(self, packed_NX: Tensor) -> Tensor:
        """`unpack` for whoever never looks at padding, where any row stands; its gradient does not count."""
        table: Tensor = _Gather.apply(packed_NX, self.rows_M, self.cells_N)  # type: ignore[no-untyped-call]
        return table.view(self.sentences, self.columns, *packed_NX.shape[1:])

    def turn(self, packed_NX: Tensor) -> Tensor:
        """Every sentence turned round."""
        return permuted(packed_NX, self.reversed_N)

    def first(self, packed_NX: Tensor) -> Tensor:
        """The first position of every sentence, BX."""
        return packed_NX.index_select(0, self.first_B)

    def last(self, packed_NX: Tensor) -> Tensor:
        """The last position of every sentence, BX."""
        return packed_NX.index_select(0, self.last_B)

    def _tensor(self, values: NDArray[np.int64] | NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(values).to(self.device)


def permuted(x_NX: Tensor, rows_N: Tensor) -> Tensor:
    """Row rows[i] in place i, of a permutation that is its own inverse."""
    made: Tensor = _Permute.apply(x_NX, rows_N)  # type: ignore[no-untyped-call]
    return made


# Each row is read at most once: gradients are copied back, where index_select's own would add them.


class _Select(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_MX, rows_N):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows_N)
        ctx.shape = x_MX.shape
        return x_MX.index_select(0, rows_N)

    @staticmethod
    def backward(ctx, grad_NX):  # type: ignore[no-untyped-def]
        (rows_N,) = ctx.saved_tensors
        return grad_NX.new_zeros(ctx.shape).index_copy_(0, rows_N, grad_NX), None


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_NX, rows_N, size):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows_N)
        return x_NX.new_zeros(size, *x_NX.shape[1:]).index_copy_(0, rows_N, x_NX)

    @staticmethod
    def backward(ctx, grad_MX):  # type: ignore[no-untyped-def]
        (rows_N,) = ctx.saved_tensors
        return grad_MX.index_select(0, rows_N), None, None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_NX, rows_M, cells_N):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(cells_N)
        return x_NX.index_select(0, rows_M)

    @staticmethod
    def backward(ctx, grad_MX):  # type: ignore[no-untyped-def]
        (cells_N,) = ctx.saved_tensors
        return grad_MX.index_select(0, cells_N), None, None


class _Permute(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_NX, rows_N):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows_N)
        return x_NX.index_select(0, rows_N)

    @staticmethod
    def backward(ctx, grad_NX):  # type: ignore[no-untyped-def]
        (rows_N,) = ctx.saved_tensors
        return grad_NX.index_select(0, rows_N), None
