"""A cell over a whole sequence, both directions at once (encoders, and decoders that feed nothing back).

`unroll_plain` is the reference.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.corpus.packing import Packing
from mtkit.model.cells.base import Cell, State
from mtkit.model.products import linear
from mtkit.model.steps import Carry, CellSteps, CellTensors, Pass, cut, run


def unroll(cells: list[Cell], inputs: list[Tensor], packing: Packing, state: State, truncate: int = 0) -> Tensor:
    """Run the cells of a layer, one a direction, over packed inputs.

    Args:
        inputs: x_NI of each direction, in its own order of time.
        state: initial, tensors DBH.
        truncate: steps after which gradients are cut; 0: never.

    Returns:
        The outputs DNH.
    """
    gates_DNG = torch.stack(
        [linear(x, cell.input.weight, cell.input.bias) for cell, x in zip(cells, inputs, strict=True)]
    )
    hidden = [cell.hidden for cell in cells if cell.hidden is not None]
    tensors = CellTensors(
        torch.stack([layer.weight for layer in hidden]) if hidden else None,
        torch.stack([layer.bias for layer in hidden]) if hidden and cells[0].biased else None,
        tuple(torch.stack(extra).unsqueeze(1) for extra in zip(*(cell.extras() for cell in cells), strict=True)),
    )
    (output_DNH,) = run(_Unroll, _Tensors(gates_DNG, tensors, state), type(cells[0]), packing, truncate)
    return output_DNH


def unroll_plain(cell: Cell, x_BLI: Tensor, state: State, truncate: int = 0) -> Tensor:
    """The reference: `cell.step` after `cell.step` on a padded table, one direction. Returns BLH."""
    outputs = []
    for t, x_BI in enumerate(x_BLI.unbind(1)):
        if cut(truncate, t):
            state = tuple(part.detach() for part in state)
        y_BH, state = cell.step(x_BI, state)
        outputs.append(y_BH)
    return torch.stack(outputs, 1)


class _Tensors(NamedTuple):
    gates_DNG: Tensor
    cell: CellTensors
    state: State


class _Unroll(Pass):
    def __init__(self, tensors: _Tensors, cell: type[Cell], packing: Packing, truncate: int) -> None:
        self.gates_DNG, cell_tensors, self.state = tensors
        self.packing, self.truncate = packing, truncate
        D, N, G = self.gates_DNG.shape
        output_DNH = self.gates_DNG.new_empty(D, N, G // cell.gates)
        self.steps = CellSteps(cell, cell_tensors, packing, output_DNH)

    def forward(self) -> tuple[Tensor, ...]:
        state = self.state
        for t in range(len(self.packing.counts)):
            state = self.steps.forward(t, self.gates_DNG[:, self.steps.rows(t)], state)
        return (self.steps.output,)

    def backward(self, *grads: Tensor) -> _Tensors:
        (grad_DNH,) = grads
        self.steps.prepare()
        carry: Carry = None
        for t in reversed(range(len(self.packing.counts))):
            carry = self.steps.backward(t, grad_DNH[:, self.steps.rows(t)], carry)
            if cut(self.truncate, t):
                carry = None
        assert carry is not None
        return _Tensors(self.steps.grad_input, self.steps.finish(), carry)
