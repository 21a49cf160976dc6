"""Scores of additive attention, softmax and contexts, one query at a time.

Dimensions: q queries, K of them a sentence, each with `heads` heads of width d, so q * heads rows; S source positions.
Row r is query r // heads and head r % heads; the query is one of sentence r // heads // K.
"""

import triton
import triton.language as tl

from mtkit.ops.triton.kernels.functions import number, tanh


@triton.jit(do_not_specialize=["S", "K"])
def additive_scores(
    keys, queries, energy, out, S, d, heads, K, query_stride, POSITIONS: tl.constexpr, BLOCK: tl.constexpr
):
    """energy . tanh(key + query) of a row's POSITIONS positions, BLOCK numbers of the head at a time."""
    r = tl.program_id(0).to(tl.int64)
    q, first = r // heads, r % heads * d
    s = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    keys += (q // K * S + s)[:, None] * (heads * d)
    total = tl.zeros((POSITIONS, BLOCK), tl.float32)
    for start in range(0, d, BLOCK):
        i = start + tl.arange(0, BLOCK)
        here = i < d
        query = number(queries + q * query_stride + first + i, here)
        v = number(energy + first + i, here)
        key = number(keys + (first + i)[None, :], here[None, :] & (s < S)[:, None])
        total += v[None, :] * tanh(key + query[None, :])
    tl.store(out + r * S + s, tl.sum(total, 1), s < S)


@triton.jit(do_not_specialize=["S"])
def additive_backward(
    keys, queries, energy, grad_scores, grad_keys, grad_queries, grad_energy, S, d, heads, query_stride,
    POSITIONS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Of BLOCK numbers of a row's head, over all positions; of v every query adds to a row of its own."""
    r = tl.program_id(0).to(tl.int64)
    n, first = r // heads, r % heads * d
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = i < d
    i += first
    query = number(queries + n * query_stride + i, there)
    sum_slope = tl.zeros((POSITIONS, BLOCK), tl.float32)
    sum_layer = tl.zeros((POSITIONS, BLOCK), tl.float32)
    for start in range(0, S, POSITIONS):
        s = start + tl.arange(0, POSITIONS)
        here = (s < S)[:, None] & there[None, :]
        place = (n * S + s)[:, None] * (heads * d) + i[None, :]
        grad = number(grad_scores + r * S + s, s < S)[:, None]
        layer = tanh(number(keys + place, here) + query[None, :])
        slope = grad * (1 - layer * layer)
        tl.store(grad_keys + place, number(grad_keys + place, here) + slope, here)
        sum_slope += slope
        sum_layer += grad * layer
    row = n * heads * d + i
    tl.store(grad_queries + row, tl.sum(sum_slope, 0) * number(energy + i, there), there)
    tl.store(grad_energy + row, number(grad_energy + row, there) + tl.sum(sum_layer, 0), there)


@triton.jit(do_not_specialize=["S", "K"], do_not_specialize_on_alignment=["scores", "bias"])
def attend(
    scores, bias, values, out, S, d, heads, K, bias_stride, values_n, values_h, values_s, out_stride,
    POSITIONS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A row's scores -> their softmax, in their place, and its context; POSITIONS is no less than S."""
    r = tl.program_id(0).to(tl.int64)
    q, head = r // heads, r % heads
    n = q // K
    s = tl.arange(0, POSITIONS)
    real = s < S
    x = number(scores + r * S + s, real) + number(bias + n * bias_stride + s, real)
    x = tl.where(real, x, float("-inf"))
    e = tl.exp(x - tl.max(x, 0))
    weights = e / tl.sum(e, 0)
    tl.debug_barrier()  # each warp may have read all of the row: none writes before every one has
    tl.store(scores + r * S + s, weights, real)
    values += n * values_n + head * values_h
    for start in range(0, d, BLOCK):
        i = start + tl.arange(0, BLOCK)
        here = real[:, None] & (i < d)[None, :]
        value = number(values + s[:, None] * values_s + i[None, :], here)
        tl.store(out + q * out_stride + head * d + i, tl.sum(weights[:, None] * value, 0), i < d)


@triton.jit(do_not_specialize=["S"], do_not_specialize_on_alignment=["weights", "grad_scores"])
def attend_backward(
    grads, values, weights, grad_scores, S, d, grad_stride, POSITIONS: tl.constexpr, BLOCK: tl.constexpr
):
    """A row's gradient of the context -> of its scores."""
    r = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, POSITIONS)
    real = s < S
    values += r * S * d + s[:, None] * d
    total = tl.zeros((POSITIONS, BLOCK), tl.float32)
    for start in range(0, d, BLOCK):
        i = start + tl.arange(0, BLOCK)
        grad = number(grads + r * grad_stride + i, i < d)
        total += grad[None, :] * number(values + i[None, :], real[:, None] & (i < d)[None, :])
    grad_weights = tl.sum(total, 1)
    weight = number(weights + r * S + s, real)
    tl.store(grad_scores + r * S + s, weight * (grad_weights - tl.sum(weight * grad_weights, 0)), real)
