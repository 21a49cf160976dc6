"""Work of cells, norms, loss and dropout in one pass over each row (elementwise.c); see `mtkit.ops.reference`."""

import torch
from torch import Tensor

from mtkit.ops.native.call import call
from mtkit.ops.reference.recurrence import Normed


def gru(
    from_input: Tensor, from_hidden: Tensor, last: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """See `mtkit.ops.reference.recurrence`."""
    *lead, n, H = last.shape
    if out is None:
        out = last.new_empty(*lead, n, H)
    rz, candidate = last.new_empty(*lead, n, 2 * H), last.new_empty(*lead, n, H)
    call("gru_forward", (n, H), (from_input, from_hidden, last, out, rz, candidate))
    return out, rz, candidate


def gru_backward(
    grad: Tensor, last: Tensor, rz: Tensor, n: Tensor, hidden_n: Tensor, to_input: Tensor, to_hidden: Tensor
) -> Tensor:
    """See `mtkit.ops.reference.recurrence`."""
    to_last = torch.empty_like(n)
    call("gru_backward", n.shape[-2:], (grad, last, rz, n, hidden_n, to_input, to_hidden, to_last))
    return to_last


def lstm(from_input: Tensor, from_hidden: Tensor, last_c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See `mtkit.ops.reference.recurrence`."""
    *lead, n, H = last_c.shape
    i_f = last_c.new_empty(*lead, n, 2 * H)
    g, o, c = (last_c.new_empty(*lead, n, H) for _ in range(3))
    call("lstm_forward", (n, H), (from_input, from_hidden, last_c, i_f, g, o, c))
    return i_f, g, o, c


def lstm_backward(
    grad_c: Tensor, grad_o: Tensor, i_f: Tensor, g: Tensor, o: Tensor, last_c: Tensor, to_gates: Tensor
) -> Tensor:
    """See `mtkit.ops.reference.recurrence`."""
    to_last = torch.empty_like(g)
    given = (grad_c.contiguous(), grad_o.contiguous(), i_f, g, o, last_c, to_gates, to_last)
    call("lstm_backward", g.shape[-2:], given)
    return to_last


def norm(x: Tensor, width: int, gain: Tensor, shift: Tensor | None = None) -> tuple[Tensor, Normed]:
    """See `mtkit.ops.reference.recurrence`."""
    *lead, n, G = x.shape
    unit, y, rstd = x.new_empty(*lead, n, G), x.new_empty(*lead, n, G), x.new_empty(*lead, n, G // width)
    call("norm_forward", (n, G, width), (x, gain, shift, unit, rstd, y))
    return y, (unit, rstd)


def norm_backward(
    grad: Tensor, saved: Normed, gain: Tensor, grad_gain: Tensor, grad_shift: Tensor | None, out: Tensor
) -> None:
    """See `mtkit.ops.reference.recurrence`."""
    unit, rstd = saved
    n, G = unit.shape[-2:]
    call(
        "norm_backward", (n, G, G // rstd.shape[-1]), (grad.contiguous(), unit, rstd, gain, grad_gain, grad_shift, out)
    )


def softmax_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    grad_bias_V: Tensor | None,
    weights_N: Tensor | None = None,
) -> Tensor:
    """See `mtkit.ops.reference.logits`, without weights; of a piece that does not exist the loss is not a number."""
    (n, V), threads = logits_NV.shape, torch.get_num_threads()
    losses_N = logits_NV.new_empty(n)
    sums_PV = None if grad_bias_V is None else logits_NV.new_zeros(threads, V)
    call("softmax_loss", (n, V, float(smoothing)), (logits_NV, bias_V, pieces_N, losses_N, sums_PV), threads)
    if grad_bias_V is not None and sums_PV is not None:
        grad_bias_V += sums_PV.sum(0)
    return losses_N.sum()


def twice_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    weights: tuple[float, float, float, float],
    grad_bias_V: Tensor | None,
    weights_N: Tensor | None = None,
) -> Tensor:
    """See `mtkit.ops.reference.logits`, without weights; of a piece that does not exist the loss is not a number."""
    (n, V), threads = logits_NV.shape, torch.get_num_threads()
    losses_n = logits_NV.new_empty(n // 2)
    sums_PV = None if grad_bias_V is None else logits_NV.new_zeros(threads, V)
    shares_PV = logits_NV.new_empty(2 * threads, V)
    sizes = (n // 2, V, float(smoothing), *map(float, weights))
    call("twice_loss", sizes, (logits_NV, bias_V, pieces_N, losses_n, shares_PV, sums_PV), threads)
    if grad_bias_V is not None and sums_PV is not None:
        grad_bias_V += sums_PV.sum(0)
    return losses_n.sum()


def fill_mask(mask: Tensor, low_key: int, high_key: int, dropped: int, kept: float) -> None:
    """See `mtkit.ops.reference.dropout`."""
    call("fill_mask", (mask.numel(), low_key, high_key, dropped, float(kept)), (mask.view(-1),))
