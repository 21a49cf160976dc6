"""Decoders, run once over pairs that somebody has made: what a search is steered with. Must not know text.

Dimensions: B pairs, T target positions with the end, S source positions, E width of a state.
"""

from collections.abc import Collection, Sequence
from typing import TypeAlias

import torch

from mtkit.corpus.batch import pad
from mtkit.search.ensemble import Ensemble
from mtkit.search.nearest import Example

TOKENS = 4096  # pieces that are run together, with padding

Ids: TypeAlias = "tuple[Sequence[list[int]], list[int]]"
"""Of a source as each model reads it, and of its target; both without their ends."""


@torch.inference_mode()
def examples(
    ensemble: Ensemble, pairs: Sequence[Ids], *, bos: int, eos: int, silent: Collection[int] = ()
) -> list[Example]:
    """Each pair as the decoders go through it, step by step as a search does.

    Args:
        bos, eos: of targets.
        silent: pieces that no example says anything of.
    """
    made: dict[int, Example] = {}
    for rows in _together([1 + max(map(len, (*sources, target))) for sources, target in pairs]):
        target_BT, _ = pad([pairs[row][1] for row in rows], eos)
        target_BT = target_BT.to(ensemble.device)
        sources = [list(ids) for ids in zip(*(pairs[row][0] for row in rows), strict=True)]
        parts = ensemble.encode(ensemble.padded(sources)).state.parts
        keys_BTE, looked = [], []
        with ensemble.entered():
            for model, part in zip(ensemble.models, parts, strict=True):
                last_B1 = torch.full_like(target_BT[:, :1], bos)
                steps = []
                for next_B in target_BT.unbind(1):
                    key_B1E, part, weights_B1S = model.step(last_B1, part, model.output.project)
                    steps.append((key_B1E.squeeze(1), weights_B1S.squeeze(1)))
                    last_B1 = next_B.unsqueeze(1)
                keys_BTE.append(torch.stack([key_BE for key_BE, _ in steps], 1))
                looked.append(torch.stack([weights_BS.argmax(1) for _, weights_BS in steps], 1).tolist())
        stride = ensemble.models[0].stride
        for b, row in enumerate(rows):
            first, target = pairs[row][0][0], [*pairs[row][1], eos]
            told = [place for place, piece in enumerate(target) if piece not in silent]
            places = [looked[0][b][place] * stride for place in told] if ensemble.models[0].decoder.attends else []
            made[row] = Example(
                tuple(of_BTE[b, told] for of_BTE in keys_BTE),
                [target[place] for place in told],
                [tuple(first[place : place + stride]) for place in places] or [()] * len(told),
            )
    return [made[row] for row in range(len(pairs))]


def _together(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of about equal lengths."""
    made: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not made or (len(made[-1]) + 1) * lengths[row] > TOKENS:
            made.append([])
        made[-1].append(row)
    return made
