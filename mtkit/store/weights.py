"""How a bundle's weights lie in a file: as they are, rounded to bf16, or matrices in 8 bits with a scale a row.

Dimensions of a matrix: O rows, I columns.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtkit.model.tensor_files import Spec
from mtkit.ops.quantise import quantise

SCALES = "#scales"  # after the name of a matrix in 8 bits


def stored(values: Mapping[str, Tensor], precision: str) -> dict[str, Tensor]:
    """Tensors as a file takes them. Vectors stay as they are: they are small, and much hangs on them."""
    made = {}
    for name, value in values.items():
        if value.dim() < 2 or not value.is_floating_point() or precision == "fp32":
            made[name] = value
        elif precision == "bf16":
            made[name] = value.bfloat16()
        else:
            numbers, scales = quantise(value.flatten(1))
            made[name], made[name + SCALES] = numbers.view(value.shape), scales
    return {name: value.contiguous() for name, value in made.items()}


def expected(own: Mapping[str, Spec], found: Mapping[str, Spec]) -> dict[str, Spec]:
    """What a file must hold that stands for tensors, each in the form that `stored` makes and the file speaks of.

    Args:
        own: the tensors that it is to stand for.
        found: what the file says that it holds.
    """
    made = {}
    for name, spec in own.items():
        made[name] = spec
        if len(spec.shape) < 2 or spec.type != "F32":
            continue
        if name + SCALES in found:
            made[name], made[name + SCALES] = Spec("I8", spec.shape), Spec("F32", spec.shape[:1])
        elif name in found and found[name].type == "BF16":
            made[name] = Spec("BF16", spec.shape)
    return made


def restored(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that a file stands for, in fp32."""
    made = {}
    for name, value in values.items():
        if name.endswith(SCALES):
            continue
        scales = values.get(name + SCALES)
        if scales is not None:
            made[name] = (value.flatten(1).float() * scales.unsqueeze(1)).view(value.shape)
        else:
            made[name] = value.float() if value.dtype == torch.bfloat16 else value
    return made
