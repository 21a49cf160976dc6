"""A batch: padded ids of some sentence pairs as tensors. The one place where text meets torch.

Dimensions: B sentences, S source positions, T target positions. Source and target both end in eos; the
decoder reads bos + target and predicts target + eos, so both counts include one end a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtkit.corpus.shards import Ids


@dataclass(frozen=True)
class Batch:
    """Padded ids; what stands beyond a sentence's length is never seen by loss, gradient or state."""

    source_BS: Tensor
    source_lengths_B: Tensor
    target_in_BT: Tensor
    target_out_BT: Tensor
    target_lengths_B: Tensor
    target_tokens: int
    """Real target tokens, the ends of sentence included."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        if device.type == "cpu":
            return self

        def move(x: Tensor) -> Tensor:
            return x.to(device, non_blocking=True)

        return Batch(
            move(self.source_BS),
            move(self.source_lengths_B),
            move(self.target_in_BT),
            move(self.target_out_BT),
            move(self.target_lengths_B),
            self.target_tokens,
        )


def pad_source(sources: Sequence[Ids | list[int]], eos: int) -> tuple[Tensor, Tensor]:
    """Return source_BS, each sentence ended by eos and padded with it, and lengths_B with that end."""
    lengths = np.fromiter((len(ids) + 1 for ids in sources), np.int64, len(sources))
    table = np.full((len(sources), int(lengths.max())), eos, np.int64)
    for row, ids in zip(table, sources, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(table), torch.from_numpy(lengths)


def make_batch(
    sources: Sequence[Ids | list[int]],
    targets: Sequence[Ids | list[int]],
    *,
    source_eos: int,
    target_bos: int,
    target_eos: int,
) -> Batch:
    """Pad pairs of ids (without bos and eos) into a batch."""
    source_BS, source_lengths_B = pad_source(sources, source_eos)
    target_out_BT, target_lengths_B = pad_source(targets, target_eos)
    target_in_BT = torch.empty_like(target_out_BT)
    target_in_BT[:, 0] = target_bos
    target_in_BT[:, 1:] = target_out_BT[:, :-1]
    return Batch(
        source_BS, source_lengths_B, target_in_BT, target_out_BT, target_lengths_B, int(target_lengths_B.sum())
    )


def mask_of(lengths_B: Tensor, length: int) -> Tensor:
    """A boolean mask_BL of `length` positions, true where a sentence is."""
    return torch.arange(length, device=lengths_B.device) < lengths_B[:, None]
