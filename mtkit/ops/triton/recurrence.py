"""Work of cells, a kernel each; see `mtkit.ops.reference.recurrence`.

Dimensions: n rows, H the width of a state; tensors may have a first dimension of directions or sentences.
"""

from typing import Any

import torch
from torch import Tensor

from mtkit.ops.triton.launch import blocks, launch

SHAPE = 256, 2  # columns a program, and its warps: four numbers a thread, which it reads and writes together


def gru(
    from_input: Tensor, from_hidden: Tensor, last: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """See the reference."""
    *lead, n, H = last.shape
    if out is None:
        out = last.new_empty(*lead, n, H)
    rz, new = last.new_empty(*lead, n, 2 * H), last.new_empty(*lead, n, H)
    tensors = (from_input, from_hidden, last, out)
    places = _strides(tensors, (3, 3, 1, 1), last)
    _launch("recurrence:gru", last, *tensors, rz, new, n, H, *places)
    return out, rz, new


def gru_backward(
    grad: Tensor, last: Tensor, rz: Tensor, n: Tensor, hidden_n: Tensor, to_input: Tensor, to_hidden: Tensor
) -> Tensor:
    """See the reference."""
    to_last = torch.empty_like(n, memory_format=torch.contiguous_format)
    tensors = (grad, last, rz, n, hidden_n, to_input, to_hidden)
    places = _strides(tensors, (1, 1, 2, 1, 1, 3, 3), n)
    _launch("recurrence:gru_backward", n, *tensors, to_last, *n.shape[-2:], *places)
    return to_last


def lstm(from_input: Tensor, from_hidden: Tensor, last_c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See the reference."""
    *lead, n, H = last_c.shape
    i_f = last_c.new_empty(*lead, n, 2 * H)
    g, o, c = (last_c.new_empty(*lead, n, H) for _ in range(3))
    tensors = (from_input, from_hidden, last_c)
    places = _strides(tensors, (4, 4, 1), last_c)
    _launch("recurrence:lstm", last_c, *tensors, i_f, g, o, c, n, H, *places)
    return i_f, g, o, c


def lstm_backward(
    grad_c: Tensor, grad_o: Tensor, i_f: Tensor, g: Tensor, o: Tensor, last_c: Tensor, to_gates: Tensor
) -> Tensor:
    """See the reference."""
    to_last = torch.empty_like(g, memory_format=torch.contiguous_format)
    tensors = (grad_c, grad_o, i_f, g, o, last_c, to_gates)
    places = _strides(tensors, (1, 1, 2, 1, 1, 1, 4), g)
    _launch("recurrence:lstm_backward", g, *tensors, to_last, *g.shape[-2:], *places)
    return to_last


def _launch(where: str, like: Tensor, *arguments: Any) -> None:
    (block, warps), H = SHAPE, like.shape[-1]
    programs = like.numel() // max(1, H), blocks(H, block)
    launch(where, programs, *arguments, BLOCK=block, num_warps=warps)


def _strides(tensors: tuple[Tensor, ...], times: tuple[int, ...], like: Tensor) -> list[int]:
    """Of each, so many times as wide as `like`, those over the first dimension (0: there is none) and over rows."""
    strides = []
    for one, wide in zip(tensors, times, strict=True):
        assert one.shape == (*like.shape[:-1], wide * like.shape[-1]), f"{tuple(one.shape)} beside {tuple(like.shape)}"
        strides += [one.stride(0) if one.dim() > 2 else 0, one.stride(-2)]
    return strides
