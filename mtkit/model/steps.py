"""Parts of a recurrence that is run step by step with a hand-written backward pass.

Autograd over single steps is bound by overhead: many small nodes in a graph, and every step adding to every
weight's gradient. Here a step forward is its products and the element-wise lines of its cell; what can wait
until all steps are done (the gradients of weights) is one product at the end.

Every part has `forward`, `backward` (called once a step, the last step first) and `finish`, which gives the
gradients of its tensors in the shape in which they came. Steps are packed (`mtkit.corpus.packing`):
step t works on the first counts[t] sentences, and what is kept of it lies in rows starts[t] and on. `carried`
takes gradients from a step to the one before, which may have more sentences.

Dimensions: n the sentences that have a step, I the width of an input, O of an output.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mtkit.corpus.packing import Packing
from mtkit.model.cells.base import Cell, State
from mtkit.model.products import entered, operand, outer, precision


class CellTensors(NamedTuple):
    """What a layer multiplies its hidden state with, and the cell's own parameters."""

    hidden_weight: Tensor | None
    hidden_bias: Tensor | None
    extras: tuple[Tensor, ...]


Carry = State | None
"""The gradient of a state that the next step sends back; None: there is none, or it was cut."""


class MapSteps:
    """A linear map, W x + base; the gradients of what it gave are held by whoever asks."""

    def __init__(self, weight_OI: Tensor) -> None:
        self.weight = operand(weight_OI)
        self.inputs: list[Tensor] = []

    def forward(self, x_nI: Tensor, base: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        self.inputs.append(x_nI)
        return self.weight.times(x_nI, base, out)

    def backward(self, grad_nO: Tensor, start: Tensor | None = None) -> Tensor:
        """The gradient of the input, added to `start`."""
        return self.weight.back(grad_nO, start)

    def finish(self, grads_NO: Tensor) -> Tensor:
        inputs, self.inputs = stacked(self.inputs), []
        return outer(grads_NO, inputs)


class CellSteps:
    """A cell, in one direction (tensors (n, H)) or in several at once (D, n, H)."""

    def __init__(self, cell: type[Cell], tensors: CellTensors, packing: Packing, output: Tensor) -> None:
        """`output` (..., N, H) is filled step by step."""
        self.cell, self.packing, self.output = cell, packing, output
        weight, bias, self.extras = tensors
        self.recurrent = weight is not None
        if weight is not None:
            self.weight = operand(weight)
        self.bias = None if bias is None else bias.unsqueeze(-2) if bias.dim() > 1 else bias
        self.saved: list[Sequence[Tensor]] = []
        self.past: list[Tensor] = []

    def forward(self, t: int, from_input: Tensor, state: State) -> State:
        """Gates (..., n, G) and the last state, of n sentences or more -> the next state of n sentences."""
        n = self.packing.counts[t]
        if state[0].shape[-2] > n:
            state = tuple(part[..., :n, :] for part in state)
        from_hidden = None
        if self.recurrent:
            from_hidden = self.weight.times(state[0], self.bias)
            self.past.append(state[0])
        out = self.output[..., self.packing.rows(t), :]
        state, kept = self.cell.combine(from_input, from_hidden, state, self.extras, out)
        self.saved.append(kept)
        return state

    def prepare(self) -> None:
        """Make room for gradients; validation never comes here, and need not hold it."""
        *lead, N, H = self.output.shape
        self.grad_input = self.output.new_empty(*lead, N, self.cell.gates * H)
        self.grad_hidden = self.grad_input if self.cell.adds_gates else torch.empty_like(self.grad_input)
        self.grad_extras = [torch.zeros_like(extra) for extra in self.extras]

    def backward(self, t: int, grad_nH: Tensor, carry: Carry) -> State:
        """Gradients of step t's output, and of its state by the next step -> of the state before it.

        Those of the gates are in grad_input[rows].
        """
        rows = self.packing.rows(t)
        if carry is None:
            grad = (grad_nH, *(torch.zeros_like(grad_nH) for _ in range(self.cell.states - 1)))
        else:
            grad = (carried(grad_nH, carry[0]), *(widened(part, grad_nH) for part in carry[1:]))
        from_input, from_hidden = self.grad_input[..., rows, :], self.grad_hidden[..., rows, :]
        first, *others = self.cell.combine_backward(
            grad, self.saved.pop(), from_input, from_hidden, self.extras, self.grad_extras
        )
        if self.recurrent:
            first = self.weight.back(from_hidden, first)
        return tuple(torch.zeros_like(grad_nH) if part is None else part for part in (first, *others))

    def finish(self) -> CellTensors:
        if not self.recurrent:
            return CellTensors(None, None, tuple(self.grad_extras))
        past, self.past = stacked(self.past), []
        grad_weight = outer(self.grad_hidden, past)
        grad_bias = None if self.bias is None else self.grad_hidden.sum(-2)
        return CellTensors(grad_weight, grad_bias, tuple(self.grad_extras))


def stacked(parts: list[Tensor]) -> Tensor:
    """The rows of all parts (..., n, X), one after another: a view where they lie so in memory."""
    if parts[0].dim() == 2 and all(
        one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
        and one.data_ptr() + len(one) * one.stride(0) * one.element_size() == other.data_ptr()
        and one.stride() == other.stride()
        for one, other in itertools.pairwise(parts)
    ):
        return parts[0].as_strided((sum(map(len, parts)), parts[0].shape[1]), parts[0].stride())
    return torch.cat(parts, -2)


def carried(grad: Tensor, carry: Tensor | None) -> Tensor:
    """A step's gradient (..., n, X), and what the next step, of as many sentences or fewer, sends back."""
    if carry is None:
        return grad
    n = carry.shape[-2]
    if n == grad.shape[-2]:
        return grad + carry
    total = grad.clone()
    total[..., :n, :] += carry
    return total


def widened(carry: Tensor, like: Tensor) -> Tensor:
    """`carry` with rows of zeros for the sentences of `like` that it lacks."""
    return carry if carry.shape[-2] == like.shape[-2] else carried(torch.zeros_like(like), carry)


def cut(truncate: int, t: int) -> bool:
    """Whether gradients stop between step t and the one before (Williams and Peng 1990); 0: never."""
    return bool(truncate) and t > 0 and t % truncate == 0


class Pass:
    """A training pass over tensors, a tree of them (`run`)."""

    def forward(self) -> tuple[Tensor, ...]:
        """The outputs."""
        raise TypeError(f"{type(self).__name__} is no pass")

    def backward(self, *grads: Tensor) -> Any:
        """Gradients of the outputs -> a tree of gradients like that of the tensors."""
        raise TypeError(f"{type(self).__name__} is no pass")


def run(work: type[Pass], tensors: Any, *settings: Any) -> tuple[Tensor, ...]:
    """The outputs of `work(tensors, *settings)`, differentiable by its hand-written backward."""
    leaves, structure = pytree.tree_flatten(tensors)
    outputs: tuple[Tensor, ...] = _Run.apply(work, structure, settings, *leaves)  # type: ignore[no-untyped-call]
    return outputs


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx, work, structure, settings, *leaves):  # type: ignore[no-untyped-def]
        ctx.work = work(pytree.tree_unflatten(list(leaves), structure), *settings)
        ctx.precision = entered()
        # The work keeps its outputs under other tensor objects: on ctx itself they would make a cycle of references.
        return tuple(output.detach() for output in ctx.work.forward())

    @staticmethod
    def backward(ctx, *grads):  # type: ignore[no-untyped-def]
        work, ctx.work = ctx.work, None  # let go of as soon as used
        with precision(ctx.precision):
            gradients = work.backward(*grads)
        return None, None, None, *pytree.tree_leaves(gradients)
