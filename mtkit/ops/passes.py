"""Passes that are run step by step with a backward written by hand, and the parts that any of them may have.

Autograd over single steps is bound by overhead: many small nodes in a graph, and every step adding to every
weight's gradient. Here a step forward is its products and the element-wise lines between them; what can wait
until all steps are done (the gradients of weights) is one product at the end.

Every part has `forward`, `backward` (called once a step, the last step first) and `finish`, which gives the
gradients of its tensors in the shape in which they came. Steps are packed (`mtkit.ops.packing`):
step t works on the first counts[t] sentences, and what is kept of it lies in rows starts[t] and on. `carried`
takes gradients from a step to the one before, which may have more sentences.

Dimensions: n the sentences that have a step, I the width of an input, O of an output.
"""

import itertools
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mtkit.ops import compute
from mtkit.ops.products import operand, outer


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
        ctx.compute = compute.current()
        # The work keeps its outputs under other tensor objects: on ctx itself they would make a cycle of references.
        return tuple(output.detach() for output in ctx.work.forward())

    @staticmethod
    def backward(ctx, *grads):  # type: ignore[no-untyped-def]
        work, ctx.work = ctx.work, None  # let go of as soon as used
        with compute.using(ctx.compute):
            gradients = work.backward(*grads)
        return None, None, None, *pytree.tree_leaves(gradients)
