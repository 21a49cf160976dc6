"""The layers of a decoder that feeds something back, step by step (see `mtkit.model.recurrent.steps`).

A wiring's pass is these parts called in its order, and in the reverse order for the gradients. What each
holds between steps, and nothing else, is what `RecurrentDecoder.step` hands on in its state.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, State
from mtkit.model.norm import NormSteps, has_steps
from mtkit.model.recurrent.steps import Carry, CellSteps, CellTensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import MapSteps


class LayerTensors(NamedTuple):
    """A layer's tensors. The input's weight is None where the gates that it makes are given; the bias, too."""

    input_weight: Tensor | None
    input_bias: Tensor | None
    cell: CellTensors
    norm: tuple[Tensor, ...]


def layer_tensors(cell: Cell, norm: torch.nn.Module, first_column: int = 0) -> LayerTensors:
    """The tensors of a layer whose input is its product's columns from `first_column` on.

    Where there are columns before these, the rest of the product and the bias are formed elsewhere.
    """
    assert has_steps(norm), "this norm has no step-by-step form"
    hidden = CellTensors(
        None if cell.hidden is None else cell.hidden.weight,
        cell.hidden.bias if cell.hidden is not None and cell.biased else None,
        cell.extras(),
    )
    weight = cell.input.weight[:, first_column:]
    return LayerTensors(
        weight if weight.shape[1] else None,
        cell.input.bias if cell.biased and not first_column else None,
        hidden,
        (norm.weight, norm.bias) if isinstance(norm, torch.nn.LayerNorm) else (),
    )


class StackSteps:
    """Layers one above the other.

    Args:
        masks_NH: of dropout between layers, one a layer but the first; empty: none.
        output_NH: where outputs are put; default: a place of its own.
    """

    def __init__(
        self,
        cells: list[type[Cell]],
        layers: tuple[LayerTensors, ...],
        states: tuple[State, ...],
        packing: Packing,
        masks_NH: list[Tensor],
        residual: bool,
        output_NH: Tensor | None = None,
    ) -> None:
        self.layers, self.states, self.packing = layers, list(states), packing
        self.masks, self.residual = masks_NH, residual
        like = states[0][0]
        last = like.new_empty(packing.positions, like.shape[-1]) if output_NH is None else output_NH
        self.output_NH = last
        # What the last cell says is the output, unless something follows it.
        self.follows = bool(layers[-1].norm) or (residual and len(cells) > 1)
        outputs = [torch.empty_like(last) for _ in cells[:-1]] + [torch.empty_like(last) if self.follows else last]
        self.cells = [
            CellSteps(cell, layer.cell, packing, output)
            for cell, layer, output in zip(cells, layers, outputs, strict=True)
        ]
        self.inputs = [None if layer.input_weight is None else MapSteps(layer.input_weight) for layer in layers]
        self.norms = [NormSteps((layer.norm[0], layer.norm[1])) if layer.norm else None for layer in layers]
        self.carry: list[Carry] = [None] * len(cells)

    def forward(self, t: int, x_nI: Tensor | None, base: Tensor | None) -> Tensor:
        """Input of the first layer (None: the gates are `base` alone) -> output of the last, rows of output_NH."""
        y_nH = x_nI
        for i, (cell, given) in enumerate(zip(self.cells, self.inputs, strict=True)):
            below_nH = y_nH
            if i:
                assert y_nH is not None
                base = self.layers[i].input_bias
                if self.masks:
                    y_nH = y_nH * self.masks[i - 1][self.packing.rows(t)]
            gates_nG = base if given is None or y_nH is None else given.forward(y_nH, base)
            assert gates_nG is not None
            self.states[i] = cell.forward(t, gates_nG, self.states[i])
            y_nH = self.states[i][0]
            if i and self.residual:
                assert below_nH is not None
                y_nH = y_nH + below_nH
            if (norm := self.norms[i]) is not None:
                y_nH = norm.forward(y_nH)
        assert y_nH is not None
        return self.output_NH[self.packing.rows(t)].copy_(y_nH) if self.follows else y_nH

    def prepare(self) -> None:
        """Make room for gradients."""
        for cell in self.cells:
            cell.prepare()

    def backward(self, t: int, grad_nH: Tensor) -> Tensor:
        """Gradient of the output -> of the first layer's gates; the states' own goes on to the step before."""
        for i in reversed(range(len(self.cells))):
            cell, norm, given = self.cells[i], self.norms[i], self.inputs[i]
            if norm is not None:
                grad_nH = norm.backward(grad_nH)
            self.carry[i] = cell.backward(t, grad_nH, self.carry[i])
            if i:
                assert given is not None
                through_nH = given.backward(cell.grad_input[self.packing.rows(t)])
                if self.masks:
                    through_nH = through_nH * self.masks[i - 1][self.packing.rows(t)]
                grad_nH = grad_nH + through_nH if self.residual else through_nH
        return self.cells[0].grad_input[self.packing.rows(t)]

    def cut(self) -> None:
        """Let no gradient of the states go on to the step before."""
        self.carry = [None] * len(self.carry)

    @property
    def first(self) -> MapSteps:
        """The map of what is fed to the first layer."""
        first = self.inputs[0]
        assert first is not None
        return first

    def finish(self) -> tuple[tuple[LayerTensors, ...], tuple[State, ...]]:
        """The gradients of the layers and of the initial states."""
        layers = []
        for layer, cell, given, norm in zip(self.layers, self.cells, self.inputs, self.norms, strict=True):
            layers.append(
                LayerTensors(
                    None if given is None else given.finish(cell.grad_input),
                    None if layer.input_bias is None else cell.grad_input.sum(0),
                    cell.finish(),
                    () if norm is None else norm.finish(),
                )
            )
        return tuple(layers), tuple(carry for carry in self.carry if carry is not None)
