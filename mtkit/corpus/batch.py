"""A batch: padded ids of some sentence pairs as tensors. The one place where text meets torch.

Dimensions: B sentences, S source positions, T target positions, N real target positions. Source and target
both end in eos; the decoder reads bos + target and predicts target + eos, so both counts include one end a
sentence. The longest target comes first, so that a decoder works on the first rows of a memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mtkit.corpus.shapes import Shape, shape_of
from mtkit.corpus.shards import Ids
from mtkit.ops.fixed import FixedPacking
from mtkit.ops.packing import Packing

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Batch:
    """Padded ids; what stands beyond a sentence's length is never seen by loss, gradient or state."""

    source_BS: Tensor
    source_packing: Packing
    target_in_BT: Tensor
    target_out_BT: Tensor
    target_packing: Packing
    copies: int = 1
    """How often each pair stands here, one copy after the other."""

    @property
    def target_tokens(self) -> int:
        """Real target tokens, the ends of sentence included; those of copies count once."""
        return self.target_packing.pieces // self.copies

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        if device.type == "cpu":
            return self

        def move(x: Tensor) -> Tensor:
            return x.to(device, non_blocking=True)

        return Batch(
            move(self.source_BS),
            self.source_packing.to(device),
            move(self.target_in_BT),
            move(self.target_out_BT),
            self.target_packing.to(device),
            self.copies,
        )


@dataclass(frozen=True)
class Batcher:
    """Makes batches for a model: called with sources and targets, pairs of ids without bos and eos.

    Attributes:
        source_eos: ends a source.
        target_bos: what the decoder reads first.
        target_eos: ends a target.
        copies: how often each pair is to stand in a batch, one copy after the other.
        device: where batches are put.
    """

    source_eos: int
    target_bos: int
    target_eos: int
    copies: int = 1
    device: torch.device = CPU

    def __call__(self, sources: Sequence[Ids | list[int]], targets: Sequence[Ids | list[int]]) -> Batch:
        """Pad pairs into a batch, the longest target first; at least one pair."""
        order = [i for i in sorted(range(len(targets)), key=lambda i: -len(targets[i])) for _ in range(self.copies)]
        source_BS, source = pad([sources[i] for i in order], self.source_eos)
        target_out_BT, target = pad([targets[i] for i in order], self.target_eos)
        target_in_BT = torch.empty_like(target_out_BT)
        target_in_BT[:, 0] = self.target_bos
        target_in_BT[:, 1:] = target_out_BT[:, :-1]
        return Batch(source_BS, source, target_in_BT, target_out_BT, target, self.copies).to(self.device)


@dataclass(frozen=True)
class FixedBatch(Batch):
    """A batch of one of a few shapes, all of it in one tensor, so that it is on another device after one copy."""

    shape: Shape = field(kw_only=True)
    numbers: Tensor = field(kw_only=True)
    """Sources, what the decoder reads, what it predicts, and both lengths, one after the other."""

    @classmethod
    def of(cls, numbers: Tensor, shape: Shape, pieces: int = 0) -> "FixedBatch":
        """Read a tensor as a batch, without a copy.

        Args:
            pieces: real target positions, if known.
        """
        B, S, T = shape.sentences, shape.source, shape.target
        source, target_in, target_out, lengths = numbers.split([B * S, B * T, B * T, 2 * B])
        source_B, target_B = lengths.chunk(2)
        return cls(
            source.view(B, S),
            FixedPacking(source_B, S),
            target_in.view(B, T),
            target_out.view(B, T),
            FixedPacking(target_B, T, pieces),
            shape.copies,
            shape=shape,
            numbers=numbers,
        )

    def to(self, device: torch.device) -> "FixedBatch":
        """The same batch on another device."""
        if device == self.numbers.device:
            return self
        return FixedBatch.of(self.numbers.to(device, non_blocking=True), self.shape, self.target_packing.pieces)


@dataclass(frozen=True)
class FixedBatcher(Batcher):
    """Makes batches of a few shapes; they stay in (pinned) memory of the CPU, for whoever knows where they are to go.

    Attributes:
        batch_tokens: see `mtkit.corpus.shapes.shape_of`.
    """

    batch_tokens: int = 1

    def __call__(self, sources: Sequence[Ids | list[int]], targets: Sequence[Ids | list[int]]) -> FixedBatch:
        """Pad pairs into a batch; at least one pair."""
        order = np.repeat(np.arange(len(targets)), self.copies)
        source_lengths, target_lengths = (np.array([len(ids) + 1 for ids in side]) for side in (sources, targets))
        shape = shape_of(
            len(targets), int(source_lengths.max()), int(target_lengths.max()), self.batch_tokens, self.copies
        )
        B = shape.sentences
        source, target_out = (
            np.full((B, length), eos, np.int64)
            for length, eos in ((shape.source, self.source_eos), (shape.target, self.target_eos))
        )
        lengths = np.zeros((2, B), np.int64)
        for table, side, row_lengths, of_all in zip(
            (source, target_out), (sources, targets), lengths, (source_lengths, target_lengths), strict=True
        ):
            row_lengths[: len(order)] = of_all[order]
            # All ids at once: a loop over rows takes longer than what a GPU does with them.
            places = np.arange(table.shape[1]) < row_lengths[: len(order), None] - 1
            table[: len(order)][places] = np.concatenate([side[i] for i in order.tolist()])
        target_in = np.concatenate([np.full((B, 1), self.target_bos), target_out[:, :-1]], 1)
        numbers = np.concatenate([part.ravel() for part in (source, target_in, target_out, lengths)])
        made = torch.from_numpy(numbers)
        if self.device.type == "cuda":
            made = made.pin_memory()
        return FixedBatch.of(made, shape, int(lengths[1].sum()))


def pad(sentences: Sequence[Ids | list[int]], eos: int) -> tuple[Tensor, Packing]:
    """Return ids_BL, each sentence ended by eos and padded with it, and where its real positions are."""
    lengths = np.fromiter((len(ids) + 1 for ids in sentences), np.int64, len(sentences))
    table = np.full((len(sentences), int(lengths.max())), eos, np.int64)
    for row, ids in zip(table, sentences, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(table), Packing(lengths)
