"""A cell over a whole sequence, both directions at once (encoders, and decoders that feed nothing back).

`unroll_plain` is the reference.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, State
from mtkit.model.recurrent.steps import Carry, CellSteps, CellTensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import MapSteps, Pass, cut, run


def unroll(cells: list[Cell], inputs: list[Tensor], packing: Packing, state: State, truncate: int = 0) -> Tensor:
    """Run the cells of a layer, one a direction, over packed inputs.

    Args:
        inputs: x_NI of each direction, in its own order of time.
        state: initial, tensors DBH.
        truncate: steps after which gradients are cut; 0: never.

    Returns:
        The outputs DNH.
    """
    hidden = [cell.hidden for cell in cells if cell.hidden is not None]
    tensors = CellTensors(
        torch.stack([layer.weight for layer in hidden]) if hidden else None,
        torch.stack([layer.bias for layer in hidden]) if hidden and cells[0].biased else None,
        tuple(torch.stack(extra).unsqueeze(1) for extra in zip(*(cell.extras() for cell in cells), strict=True)),
    )
    maps = tuple((cell.input.weight, cell.input.bias if cell.biased else None) for cell in cells)
    given = _Tensors(tuple(inputs), maps, tensors, state)
    (output_DNH,) = run(_Unroll, given, type(cells[0]), packing, truncate)
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
    inputs_NI: tuple[Tensor, ...]
    """Of each direction."""
    maps: tuple[tuple[Tensor, Tensor | None], ...]
    """Weight and bias that make its gates."""
    cell: CellTensors
    state: State


class _Unroll(Pass):
    def __init__(self, given: _Tensors, cell: type[Cell], packing: Packing, truncate: int) -> None:
        self.given, self.packing, self.truncate = given, packing, truncate
        self.maps = [MapSteps(weight) for weight, _ in given.maps]
        D, N, H = len(given.maps), packing.positions, len(given.maps[0][0]) // cell.gates
        like = given.inputs_NI[0]
        self.gates_DNG = like.new_empty(D, N, cell.gates * H)
        self.steps = CellSteps(cell, given.cell, packing, like.new_empty(D, N, H))

    def forward(self) -> tuple[Tensor, ...]:
        state = self.given.state
        parts = zip(self.maps, self.given.inputs_NI, self.given.maps, self.gates_DNG, strict=True)
        for each, x_NI, (_, bias), gates_NG in parts:
            each.forward(x_NI, bias, gates_NG)
        for t in range(len(self.packing.counts)):
            state = self.steps.forward(t, self.gates_DNG[:, self.packing.rows(t)], state)
        del self.gates_DNG  # nothing asks for them again
        return (self.steps.output,)

    def backward(self, *grads: Tensor) -> _Tensors:
        (grad_DNH,) = grads
        self.steps.prepare()
        carry: Carry = None
        for t in reversed(range(len(self.packing.counts))):
            carry = self.steps.backward(t, grad_DNH[:, self.packing.rows(t)], carry)
            if cut(self.truncate, t):
                carry = None
        assert carry is not None
        grads_DNG = self.steps.grad_input
        grad_maps = tuple(
            (each.finish(grad_NG), None if bias is None else grad_NG.sum(0))
            for each, (_, bias), grad_NG in zip(self.maps, self.given.maps, grads_DNG, strict=True)
        )
        grad_inputs = tuple(each.backward(grad_NG) for each, grad_NG in zip(self.maps, grads_DNG, strict=True))
        return _Tensors(grad_inputs, grad_maps, self.steps.finish(), carry)
