"""Derivatives that torch has as single functions, under names that may move: here, and nowhere else."""

import torch
from torch import Tensor

aten = torch.ops.aten


def tanh_grad(grad: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """grad * (1 - y²), the derivative of y = tanh(x), in one pass."""
    if out is None:
        return aten.tanh_backward(grad, y)  # type: ignore[no-any-return]
    return aten.tanh_backward.grad_input(grad, y, grad_input=out)  # type: ignore[no-any-return]


def sigmoid_grad(grad: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """grad * y * (1 - y), the derivative of y = sigmoid(x), in one pass."""
    if out is None:
        return aten.sigmoid_backward(grad, y)  # type: ignore[no-any-return]
    return aten.sigmoid_backward.grad_input(grad, y, grad_input=out)  # type: ignore[no-any-return]


def softmax_grad(grad: Tensor, y: Tensor) -> Tensor:
    """y * (grad - sum of grad * y), the derivative of y = softmax(x) over the last dimension."""
    return aten._softmax_backward_data(grad, y, -1, y.dtype)  # type: ignore[no-any-return]
