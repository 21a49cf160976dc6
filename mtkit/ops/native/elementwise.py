"""Element-wise work of cells, norms, attention and loss in one pass over each row (elementwise.c)."""

import torch
from torch import Tensor

from mtkit.ops.native.compiler import call


def gru_forward(from_input: Tensor, from_hidden: Tensor, last: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """Gates and last state -> the next state in `out`; returns r and z together, and n."""
    *lead, n, H = last.shape
    rz, candidate = last.new_empty(*lead, n, 2 * H), last.new_empty(*lead, n, H)
    strided = ((from_input, True), (from_hidden, True), (last, True), (out, True))
    call("gru_forward", (n, H), (*strided, (rz, False), (candidate, False)))
    return rz, candidate


def gru_backward(
    grad: Tensor, last: Tensor, rz: Tensor, candidate: Tensor, hidden_n: Tensor, to_input: Tensor, to_hidden: Tensor
) -> Tensor:
    """Gradient of the next state -> of the gates, and, returned, of the last state past them."""
    to_last = torch.empty_like(candidate)
    call(
        "gru_backward",
        candidate.shape[-2:],
        (
            (grad, True),
            (last, True),
            (rz, False),
            (candidate, False),
            (hidden_n, True),
            (to_input, True),
            (to_hidden, True),
            (to_last, False),
        ),
    )
    return to_last


def lstm_forward(from_input: Tensor, from_hidden: Tensor, last_c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See `mtkit.model.cells.lstm.remember`."""
    *lead, n, H = last_c.shape
    i_f = last_c.new_empty(*lead, n, 2 * H)
    g, o, c = (last_c.new_empty(*lead, n, H) for _ in range(3))
    made = ((i_f, False), (g, False), (o, False), (c, False))
    call("lstm_forward", (n, H), ((from_input, True), (from_hidden, True), (last_c, True), *made))
    return i_f, g, o, c


def lstm_backward(
    grad_c: Tensor, grad_o: Tensor, i_f: Tensor, g: Tensor, o: Tensor, last_c: Tensor, gates: Tensor
) -> Tensor:
    """See `mtkit.model.cells.lstm.remember_backward`."""
    to_last = torch.empty_like(g)
    given = (
        (grad_c.contiguous(), False),
        (grad_o.contiguous(), False),
        (i_f, False),
        (g, False),
        (o, False),
        (last_c, True),
    )
    call("lstm_backward", g.shape[-2:], (*given, (gates, True), (to_last, False)))
    return to_last


def norm_forward(x: Tensor, width: int, gain: Tensor, shift: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Each stretch of `width` at mean 0 and variance 1, the inverse deviations, and unit * gain + shift."""
    *lead, n, G = x.shape
    unit, y, rstd = x.new_empty(*lead, n, G), x.new_empty(*lead, n, G), x.new_empty(*lead, n, G // width)
    parameters = ((gain, False), (shift, False))
    call("norm_forward", (n, G, width), ((x, True), *parameters, (unit, False), (rstd, False), (y, False)))
    return unit, rstd, y


def norm_backward(
    grad: Tensor, unit: Tensor, rstd: Tensor, gain: Tensor, grad_gain: Tensor, grad_shift: Tensor | None, to: Tensor
) -> None:
    """Gradient of unit * gain + shift -> of x in `to`; those of gain and shift are added to what is given."""
    n, G = unit.shape[-2:]
    given = ((grad.contiguous(), False), (unit, False), (rstd, False), (gain, False))
    call("norm_backward", (n, G, G // rstd.shape[-1]), (*given, (grad_gain, False), (grad_shift, False), (to, True)))


def additive_forward(keys_nSA: Tensor, query_rA: Tensor, energy_A: Tensor, bias_nS: Tensor, out_RS: Tensor) -> None:
    """Scores (r * heads, S) of additive attention, r / n queries a sentence; padding, where bias is minus infinity, is
    passed over."""
    n, S, A = keys_nSA.shape
    r = len(query_rA)
    rows = (keys_nSA.view(-1, A), query_rA, energy_A, bias_nS, out_RS)
    call("additive_forward", (r, S, A, len(out_RS) // r, r // n), tuple((x, False) for x in rows))


def additive_backward(
    keys_nSA: Tensor, query_nA: Tensor, energy_A: Tensor, grad_rS: Tensor, grad_keys_nSA: Tensor, grad_energy_PA: Tensor
) -> Tensor:
    """Gradient of the scores -> of the query; those of keys (but for v) and of v, a row a thread, are added."""
    n, S, A = keys_nSA.shape
    grad_query_nA = torch.empty_like(query_nA)
    rows = (keys_nSA.view(-1, A), query_nA, energy_A, grad_rS, grad_keys_nSA, grad_query_nA, grad_energy_PA)
    # As many threads as there are rows for what they add up.
    call("additive_backward", (n, S, A, len(grad_rS) // n), tuple((x, False) for x in rows), len(grad_energy_PA))
    return grad_query_nA


def softmax_loss(
    logits_NV: Tensor, bias_V: Tensor, words_N: Tensor, smoothing: float, grad_bias_V: Tensor | None
) -> Tensor:
    """See `mtkit.train.loss.softmax_loss`."""
    (n, V), threads = logits_NV.shape, torch.get_num_threads()
    losses_N = logits_NV.new_empty(n)
    sums_PV = None if grad_bias_V is None else logits_NV.new_zeros(threads, V)
    given = tuple((x, False) for x in (logits_NV, bias_V, words_N, losses_N, sums_PV))
    call("softmax_loss", (n, V, float(smoothing)), given, threads)
    if grad_bias_V is not None and sums_PV is not None:
        grad_bias_V += sums_PV.sum(0)
    return losses_N.sum()


def twice_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    words_N: Tensor,
    smoothing: float,
    weights: tuple[float, float, float, float],
    grad_bias_V: Tensor | None,
) -> Tensor:
    """See `mtkit.train.loss.twice_loss`."""
    (n, V), threads = logits_NV.shape, torch.get_num_threads()
    losses_n = logits_NV.new_empty(n // 2)
    sums_PV = None if grad_bias_V is None else logits_NV.new_zeros(threads, V)
    shares_PV = logits_NV.new_empty(2 * threads, V)
    given = tuple((x, False) for x in (logits_NV, bias_V, words_N, losses_n, shares_PV, sums_PV))
    call("twice_loss", (n // 2, V, float(smoothing), *map(float, weights)), given, threads)
    if grad_bias_V is not None and sums_PV is not None:
        grad_bias_V += sums_PV.sum(0)
    return losses_n.sum()


def attend_forward(scores_RS: Tensor, bias_nS: Tensor, values_nhSd: Tensor, out_rH: Tensor) -> None:
    """Scores -> their softmax over real positions, in their place, and the context of all heads in `out_rH`.

    Args:
        scores_RS: a row a query and head, R = r * h.
        bias_nS: of each sentence, r / n queries of which follow each other.
        values_nhSd: laid in any order, but the numbers of a position side by side.
    """
    n, heads, S, d = values_nhSd.shape
    sizes = (len(scores_RS), S, d, heads, len(out_rH) // n, *values_nhSd.stride()[:2])
    call("attend_forward", sizes, ((scores_RS, False), (bias_nS, False), (values_nhSd, True), (out_rH, True)))


def attend_backward(grad_Rd: Tensor, values_RSd: Tensor, weights_RS: Tensor) -> Tensor:
    """The gradient of the context -> of the scores, RS."""
    grad_scores_RS = torch.empty_like(weights_RS)
    rows = (grad_Rd, values_RSd.view(-1, values_RSd.shape[2]), weights_RS, grad_scores_RS)
    call("attend_backward", (*weights_RS.shape, values_RSd.shape[2]), tuple((x, False) for x in rows))
    return grad_scores_RS


def fill_mask(mask: Tensor, low_key: int, high_key: int, dropped: int, kept: float) -> None:
    """See `mtkit.ops.dropout.mask_like`."""
    call("fill_mask", (mask.numel(), low_key, high_key, dropped, kept), ((mask.view(-1), False),))
