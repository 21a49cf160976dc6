"""Softmax, loss and gradient of rows of logits: a program does a row, or a pair of rows, BLOCK columns at a time.

The first sweep finds the greatest number and the sums, the last one writes the gradient over the logits; what each
column is wanted to be (the smoothed target) is a number, not a row of memory.
"""

import triton
import triton.language as tl

from mtkit.ops.triton.kernels.functions import number


@triton.jit
def _logits(row, bias, column, V):
    """Of some columns; minus infinity beyond the end."""
    here = column < V
    x = number(row + column, here) + number(bias + column, here)
    return tl.where(here, x, float("-inf"))


@triton.jit
def _wanted(column, piece, smoothing, V):
    return tl.where(column < V, smoothing / V + tl.where(column == piece, 1 - smoothing, 0.0), 0.0)


@triton.jit
def _sums(row, bias, piece, smoothing, V, BLOCK: tl.constexpr):
    """The greatest logit, the sum of exponentials of what each is below it, and the loss."""
    top = tl.full((), float("-inf"), tl.float32)
    total = tl.full((), 0.0, tl.float32)
    met = tl.full((), 0.0, tl.float32)
    for start in range(0, V, BLOCK):
        column = start + tl.arange(0, BLOCK)
        x = _logits(row, bias, column, V)
        greatest = tl.maximum(top, tl.max(x, 0))
        total = total * tl.exp(top - greatest) + tl.sum(tl.exp(x - greatest), 0)
        top = greatest
        wanted = _wanted(column, piece, smoothing, V)
        met += tl.sum(tl.where(wanted != 0, x * wanted, 0.0), 0)
    loss = top + tl.log(total) - met
    return top, total, tl.where((piece >= 0) & (piece < V), loss, float("nan"))


@triton.jit
def _counted(x, weight, WEIGHTED: tl.constexpr):
    """Of what does not count nothing is left, whatever it is."""
    if WEIGHTED:
        x = tl.where(weight != 0, x * weight, 0.0)
    return x


@triton.jit
def softmax_loss(
    logits, bias, pieces, weights, losses, V, smoothing,
    WEIGHTED: tl.constexpr, GRAD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The loss of a row."""
    i = tl.program_id(0).to(tl.int64)
    row = logits + i * V
    piece = tl.load(pieces + i)
    weight = tl.load(weights + i) if WEIGHTED else 1.0
    top, total, loss = _sums(row, bias, piece, smoothing, V, BLOCK)
    tl.store(losses + i, _counted(loss, weight, WEIGHTED))
    if GRAD:
        for start in range(0, V, BLOCK):
            column = start + tl.arange(0, BLOCK)
            grad = tl.exp(_logits(row, bias, column, V) - top) / total - _wanted(column, piece, smoothing, V)
            tl.store(row + column, _counted(grad, weight, WEIGHTED), column < V)


@triton.jit
def twice_loss(
    logits, bias, pieces, weights, losses, V, smoothing, loss_p, loss_q, weight_pq, weight_qp,
    WEIGHTED: tl.constexpr, GRAD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The loss of a pair, rows 2i (p) and 2i + 1 (q)."""
    i = tl.program_id(0).to(tl.int64)
    row_p, row_q = logits + 2 * i * V, logits + (2 * i + 1) * V
    piece = tl.load(pieces + 2 * i)
    weight = tl.load(weights + 2 * i) if WEIGHTED else 1.0
    top_p, total_p, of_p = _sums(row_p, bias, piece, smoothing, V, BLOCK)
    top_q, total_q, of_q = _sums(row_q, bias, piece, smoothing, V, BLOCK)
    apart = (top_q + tl.log(total_q)) - (top_p + tl.log(total_p))  # log p - log q is this and the logits' difference
    kl_pq = tl.full((), 0.0, tl.float32)
    kl_qp = tl.full((), 0.0, tl.float32)
    for start in range(0, V, BLOCK):
        column = start + tl.arange(0, BLOCK)
        x, y = _logits(row_p, bias, column, V), _logits(row_q, bias, column, V)
        r = tl.where(column < V, x - y, 0.0) + apart
        kl_pq += tl.sum(tl.exp(x - top_p) / total_p * r, 0)
        kl_qp -= tl.sum(tl.exp(y - top_q) / total_q * r, 0)
    loss = loss_p * of_p + loss_q * of_q + weight_pq * kl_pq + weight_qp * kl_qp
    tl.store(losses + i, _counted(loss, weight, WEIGHTED))
    if GRAD:
        for start in range(0, V, BLOCK):
            column = start + tl.arange(0, BLOCK)
            x, y = _logits(row_p, bias, column, V), _logits(row_q, bias, column, V)
            p, q = tl.exp(x - top_p) / total_p, tl.exp(y - top_q) / total_q
            r = tl.where(column < V, x - y, 0.0) + apart
            wanted = _wanted(column, piece, smoothing, V)
            grad_p = weight_pq * p * (r - kl_pq) + weight_qp * (p - q) + loss_p * (p - wanted)
            grad_q = weight_qp * q * (-r - kl_qp) + weight_pq * (q - p) + loss_q * (q - wanted)
            tl.store(row_p + column, _counted(grad_p, weight, WEIGHTED), column < V)
            tl.store(row_q + column, _counted(grad_q, weight, WEIGHTED), column < V)
