"""Normalisation after a layer; never between time steps.

A norm is made with a width and maps positions (..., H) to the same (`normalised`). One that looks across positions
takes `real_N1`, too: which rows are real; None: all are (batches of fixed shape have others). `NormSteps` is the
step-by-step form of layer normalisation; there is none of batch normalisation, which needs all positions at once. With
any other norm the decoders that feed something back take their plain path.
"""

import inspect

import torch
from torch import Tensor, nn

from mtkit.ops.packing import Packing

EPSILON = 1e-5
MOMENTUM = 0.1


def none(width: int) -> nn.Module:
    """No normalisation."""
    return nn.Identity()


class LayerNorm(nn.LayerNorm):
    """Layer normalisation (Ba et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=EPSILON)


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015) over the real positions of a batch, all time steps together
    (Laurent et al. 2016), with running statistics for translating."""

    running_mean_H: Tensor
    running_variance_H: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean_H", torch.zeros(width))
        self.register_buffer("running_variance_H", torch.ones(width))

    def forward(self, x: Tensor, real_N1: Tensor | None = None) -> Tensor:
        """x (..., H) -> the same shape; statistics are those of real rows."""
        if self.training and real_N1 is not None:
            return self._among(x, real_N1)
        rows_NH = x.reshape(-1, x.shape[-1])
        # One position alone has no variance.
        training = self.training and len(rows_NH) > 1
        y_NH = nn.functional.batch_norm(
            rows_NH,
            self.running_mean_H,
            self.running_variance_H,
            self.weight,
            self.bias,
            training,
            MOMENTUM,
            EPSILON,
        )
        return y_NH.view(x.shape)

    def _among(self, x_NH: Tensor, real_N1: Tensor) -> Tensor:
        """The same where some rows are not real, without asking the device how many: it may be recording."""
        count = real_N1.sum()
        some = count > 1  # one position alone has no variance
        mean_H = x_NH.masked_fill(~real_N1, 0).sum(0) / count
        centred_NH = (x_NH - torch.where(some, mean_H, self.running_mean_H)).masked_fill(~real_N1, 0)
        squares_H = centred_NH.square().sum(0)
        variance_H = torch.where(some, squares_H / count, self.running_variance_H)
        with torch.no_grad():
            weight = MOMENTUM * some
            self.running_mean_H.lerp_(mean_H, weight)
            self.running_variance_H.lerp_(squares_H / (count - 1).clamp(min=1), weight)
        return centred_NH * (variance_H + EPSILON).rsqrt() * self.weight + self.bias


def normalised(norm: nn.Module, x_NH: Tensor, packing: Packing) -> Tensor:
    """A norm over packed rows."""
    if packing.real_N1 is None or "real_N1" not in inspect.signature(norm.forward).parameters:
        return norm(x_NH)  # type: ignore[no-any-return]
    return norm(x_NH, packing.real_N1)  # type: ignore[no-any-return]


def has_steps(norm: nn.Module) -> bool:
    """Whether a norm can go step by step: `NormSteps` does what it does, or it does nothing."""
    if isinstance(norm, nn.LayerNorm):
        return type(norm).forward is nn.LayerNorm.forward and norm.eps == EPSILON
    return type(norm) is nn.Identity


class NormSteps:
    """Layer normalisation, step by step (see `mtkit.model.recurrent.steps`)."""

    def __init__(self, tensors: tuple[Tensor, Tensor]) -> None:
        self.weight, self.bias = tensors
        self.saved: list[tuple[Tensor, Tensor, Tensor]] = []
        self.grad_weight, self.grad_bias = torch.zeros_like(self.weight), torch.zeros_like(self.bias)

    def forward(self, x_nH: Tensor) -> Tensor:
        y_nH, mean, rstd = torch.native_layer_norm(x_nH, [x_nH.shape[-1]], self.weight, self.bias, EPSILON)
        self.saved.append((x_nH, mean, rstd))
        return y_nH

    def backward(self, grad_nH: Tensor) -> Tensor:
        x_nH, mean, rstd = self.saved.pop()
        grad_x_nH, grad_weight, grad_bias = torch.ops.aten.native_layer_norm_backward(
            grad_nH, x_nH, [x_nH.shape[-1]], mean, rstd, self.weight, self.bias, [True, True, True]
        )
        self.grad_weight += grad_weight
        self.grad_bias += grad_bias
        return grad_x_nH  # type: ignore[no-any-return]

    def finish(self) -> tuple[Tensor, Tensor]:
        return self.grad_weight, self.grad_bias
