"""All that a model is made of, by name: its parameters, and the buffers that belong to its state (running statistics).

Must not know files, nor what the values are for.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtkit.errors import BundleError


def named(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers, in place and not copied; a tied matrix once, under its first name."""
    tensors, seen = {}, set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor
    return tensors


def contiguous(model: nn.Module) -> dict[str, Tensor]:
    """The same as `named`, as files take them: outside any graph, without gaps in memory."""
    return {name: tensor.detach().contiguous() for name, tensor in named(model).items()}


@torch.no_grad()
def assign(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy values into a model, each to the device and type of what it replaces.

    Raises:
        BundleError: they are not the model's.
    """
    own = named(model)
    if own.keys() != values.keys() or any(own[name].shape != values[name].shape for name in own):
        raise BundleError("these weights are of another model, or of another version of mtkit; start anew", "fresh")
    for name, tensor in own.items():
        tensor.copy_(values[name])
