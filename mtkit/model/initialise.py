"""How a model's weights begin: one pass over all of it, so that no part has to know the choice."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell

Initialiser = Callable[[Tensor], object]
UNIFORM = 0.08  # Sutskever et al. 2014


def initialise(model: nn.Module, weights: Initialiser, recurrent: Initialiser) -> None:
    """Give every linear map and convolution its first values; a cell's matrices a gate at a time, biases zero.

    What is neither (embeddings, gains, vectors of energies) was initialised where it was made.

    Args:
        weights: of matrices from layer to layer.
        recurrent: of those from state to state.
    """
    of_cells: set[int] = set()
    for cell in model.modules():
        if isinstance(cell, Cell):
            for layer, fill in ((cell.input, weights), (cell.hidden, recurrent)):
                if layer is not None:
                    of_cells.add(id(layer))
                    for gate in layer.weight.detach().chunk(cell.gates):
                        fill(gate)
                    _zero(layer.bias)
            cell.reset_biases()
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d) and id(module) not in of_cells:
            weights(module.weight.detach())
            _zero(module.bias)


def _zero(bias: Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)


def xavier(weight: Tensor) -> None:
    """Uniform, by width in and out (Glorot and Bengio 2010)."""
    nn.init.xavier_uniform_(weight)


def kaiming(weight: Tensor) -> None:
    """Uniform, by width in, for ReLU (He et al. 2015)."""
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")


def uniform(weight: Tensor) -> None:
    """Uniform in ±0.08 (Sutskever et al. 2014)."""
    nn.init.uniform_(weight, -UNIFORM, UNIFORM)


def orthogonal(weight: Tensor) -> None:
    """An orthogonal matrix (Saxe et al. 2014): the length of a state is kept."""
    # Decompositions know no meta tensors; there is nothing to fill in one either.
    if weight.device != torch.device("meta"):
        nn.init.orthogonal_(weight)


def identity(weight: Tensor) -> None:
    """The identity (Le et al. 2015): a state is kept as it is."""
    nn.init.eye_(weight)
