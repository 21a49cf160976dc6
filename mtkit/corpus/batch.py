"""A batch: padded ids of some sentence pairs as tensors. The one place where text meets torch.

Dimensions: B sentences, S source positions, T target positions, N real target positions. Source and target
both end in eos; the decoder reads bos + target and predicts target + eos, so both counts include one end a
sentence. The longest target comes first, so that a decoder works on the first rows of a memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtkit.corpus.shards import Ids
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
        return self.target_packing.positions // self.copies

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


def pad(sentences: Sequence[Ids | list[int]], eos: int) -> tuple[Tensor, Packing]:
    """Return ids_BL, each sentence ended by eos and padded with it, and where its real positions are."""
    lengths = np.fromiter((len(ids) + 1 for ids in sentences), np.int64, len(sentences))
    table = np.full((len(sentences), int(lengths.max())), eos, np.int64)
    for row, ids in zip(table, sentences, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(table), Packing(lengths)
