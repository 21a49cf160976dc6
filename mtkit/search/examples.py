"""Decoders, run once over pairs that somebody has made: what a search is steered with. Must not know text.

Dimensions: B pairs, T target positions, N real ones, L pieces of a target with its end, E width of a state.
"""

from collections.abc import Collection, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from mtkit.corpus.batch import Batcher
from mtkit.search.ensemble import Ensemble
from mtkit.search.nearest import Example

TOKENS = 4096  # pieces that are run together, with padding

Ids: TypeAlias = "tuple[Sequence[list[int]], list[int]]"
"""Of a source as each model reads it, and of its target; both without their ends."""


@torch.inference_mode()
def examples(
    ensemble: Ensemble, pairs: Sequence[Ids], *, bos: int, eos: int, silent: Collection[int] = ()
) -> list[Example]:
    """Each pair as the decoders go through it.

    Args:
        bos, eos: of targets.
        silent: pieces that no example says anything of.
    """
    keys: list[list[Tensor]] = [[] for _ in pairs]
    told = [[place for place, piece in enumerate([*target, eos]) if piece not in silent] for _, target in pairs]
    for i, (model, source_eos) in enumerate(zip(ensemble.models, ensemble.source_eos, strict=True)):
        batcher = Batcher(source_eos, bos, eos, device=ensemble.device)
        for rows in _together([1 + max(len(sources[i]), len(target)) for sources, target in pairs]):
            rows.sort(key=lambda row: -len(pairs[row][1]))  # as a batch has them
            batch = batcher([pairs[row][0][i] for row in rows], [pairs[row][1] for row in rows])
            with ensemble.entered():
                states_NE, _ = model(batch)
            for row, states_TE in zip(rows, batch.target_packing.unpack(states_NE), strict=True):
                keys[row].append(states_TE[told[row]])
    return [
        Example(tuple(own), [[*target, eos][place] for place in places])
        for own, places, (_, target) in zip(keys, told, pairs, strict=True)
    ]


def _together(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of about equal lengths."""
    made: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not made or (len(made[-1]) + 1) * lengths[row] > TOKENS:
            made.append([])
        made[-1].append(row)
    return made
