"""A matrix rounded to 8 bits, with a scale a row."""

from typing import NamedTuple

import torch
from torch import Tensor


class Quantised(NamedTuple):
    """A matrix (n, k) as whole numbers from -127 to 127 with a scale a row."""

    numbers_nk: Tensor
    scales_n: Tensor


def quantise(matrix_nk: Tensor) -> Quantised:
    """Round each row to multiples of its largest number over 127."""
    scales_n = matrix_nk.abs().amax(1) / 127
    numbers_nk = matrix_nk / scales_n.clamp(min=torch.finfo(scales_n.dtype).tiny).unsqueeze(1)
    # Away from zero at one half, as in C.
    return Quantised((numbers_nk + numbers_nk.sign() * 0.5).trunc().to(torch.int8), scales_n)
