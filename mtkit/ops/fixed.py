"""A packing whose shape does not depend on the lengths: the same rows at every step, padding included.

A GPU is quick when the same kernels run again and again on the same shapes: one captured pass then serves every batch
of a shape (`mtkit.train.graphs`). So padding at the end of a sentence is worked on like any other position and read by
nobody, and whatever depends on lengths is a tensor, made on the device.

Dimensions: B sentences, L positions of a padded table, N = B L rows, X anything.
"""

from functools import cached_property

import torch
from torch import Tensor

from mtkit.ops.packing import Packing, permuted


class FixedPacking(Packing):
    """The places of a padded table of sentences, all first positions first; see `Packing`.

    Args:
        lengths_B: of each sentence; 0: it only fills the batch up, and none of its positions is real.
        columns: of the padded table.
        pieces: how many positions are real, if that is known without asking the device.
    """

    def __init__(self, lengths_B: Tensor, columns: int, pieces: int = 0) -> None:
        self.given_B, self.columns, self.device = lengths_B, columns, lengths_B.device
        self._pieces = pieces

    @property
    def sentences(self) -> int:
        return len(self.given_B)

    @property
    def positions(self) -> int:
        """N, the rows of all sentences, real or not."""
        return self.sentences * self.columns

    @property
    def pieces(self) -> int:
        """The real positions of all sentences."""
        return self._pieces

    @property
    def sorted(self) -> bool:
        """True: every step has all sentences."""
        return True

    @cached_property
    def counts(self) -> list[int]:
        """For each position, how many sentences have a row there: all."""
        return [self.sentences] * self.columns

    @cached_property
    def starts(self) -> list[int]:
        """For each position t, the row where its sentences begin."""
        return list(range(0, self.positions, self.sentences))

    @cached_property
    def lengths_B(self) -> Tensor:
        """At least 1, so that a sentence that fills up has somewhere to look."""
        return self.given_B.clamp(min=1)

    @cached_property
    def mask_BL(self) -> Tensor:
        """True where the padded table holds a position of a sentence."""
        return self._columns < self.lengths_B.unsqueeze(1)

    @cached_property
    def real_N1(self) -> Tensor:
        """True in the rows of real positions."""
        return (self._columns.unsqueeze(1) < self.given_B).view(-1, 1)

    @cached_property
    def sentence_N(self) -> Tensor:
        """The sentence of each row."""
        return self._rows.expand(self.columns, -1).flatten()

    @cached_property
    def time_N(self) -> Tensor:
        """The position of each row within its sentence."""
        return self._columns.unsqueeze(1).expand(-1, self.sentences).flatten()

    @cached_property
    def cells_N(self) -> Tensor:
        """The place of each row in the padded table, sentence * columns + position."""
        return (self._rows * self.columns + self._columns.unsqueeze(1)).flatten()

    @cached_property
    def reversed_N(self) -> Tensor:
        """For each row the one that stands there when every sentence is turned round; its own inverse."""
        times_L1 = self._columns.unsqueeze(1)
        mirrored_LB = torch.where(times_L1 < self.lengths_B, self.lengths_B - 1 - times_L1, times_L1)
        return (mirrored_LB * self.sentences + self._rows).flatten()

    @cached_property
    def first_B(self) -> Tensor:
        """The row of each sentence's first position."""
        return self._rows

    @cached_property
    def last_B(self) -> Tensor:
        """The row of each sentence's last position."""
        return (self.lengths_B - 1) * self.sentences + self._rows

    def to(self, device: torch.device) -> "FixedPacking":
        """The same packing on another device."""
        return self if device == self.device else FixedPacking(self.given_B.to(device), self.columns, self._pieces)

    def shortened(self, stride: int) -> "FixedPacking":
        """Of sentences of which every stride-th position is left."""
        return FixedPacking((self.given_B + stride - 1) // stride, -(-self.columns // stride))

    def pack(self, table_BLX: Tensor) -> Tensor:
        """All positions of a padded table, packed_NX."""
        return table_BLX.transpose(0, 1).flatten(0, 1)

    def unpack(self, packed_NX: Tensor) -> Tensor:
        """The padded table_BLX of packed rows, zero on padding."""
        table_BLX = self.unpack_masked(packed_NX).contiguous()
        padding_BLX = ~self.mask_BL.view(*self.mask_BL.shape, *[1] * (table_BLX.dim() - 2))
        return table_BLX.masked_fill(padding_BLX, 0)

    def unpack_masked(self, packed_NX: Tensor) -> Tensor:
        """`unpack` for whoever never looks at padding; without a copy."""
        return packed_NX.view(self.columns, self.sentences, *packed_NX.shape[1:]).transpose(0, 1)

    def turn(self, packed_NX: Tensor) -> Tensor:
        """Every sentence turned round; what is beyond its end stays there."""
        return permuted(packed_NX, self.reversed_N)

    def first(self, packed_NX: Tensor) -> Tensor:
        """The first position of every sentence, BX."""
        return packed_NX[: self.sentences]

    @cached_property
    def _columns(self) -> Tensor:
        return torch.arange(self.columns, device=self.device)

    @cached_property
    def _rows(self) -> Tensor:
        return torch.arange(self.sentences, device=self.device)
