"""Products in bf16 on CUDA whose sums stay in fp32: a bf16 sum of a logit has two or three digits, and ties decide.

For parameters that do not change any more; `mtkit.ops.reference.operands` has the form for all else.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mtkit.ops.compute import Kept
from mtkit.ops.reference.operands import Rounded


class Wide(Rounded):
    """torch's bf16, with sums in fp32."""

    def _product(self, start: Tensor | None, x: Tensor, y: Tensor, out: Tensor | None) -> Tensor:
        made = in_fp32(x.bfloat16(), y)
        if start is not None:
            made += start
        return made if out is None else out.copy_(made)


def in_fp32(x: Tensor, y: Tensor) -> Tensor:
    """The product of bf16 matrices, or of as many of both, in fp32; on CUDA alone."""
    return (torch.bmm if x.dim() == 3 else torch.mm)(x, y, out_dtype=torch.float32)


def operands(parameters: Iterable[nn.Parameter]) -> Kept:
    """Those that are matrices of fp32 on CUDA, ready for products, by id; where torch is too old none."""
    able = "dtype" in torch.ops.aten.mm.overloads()
    return {
        id(one): Wide(one.detach())
        for one in parameters
        if able and one.is_cuda and one.dim() in (2, 3) and one.dtype is torch.float32
    }
