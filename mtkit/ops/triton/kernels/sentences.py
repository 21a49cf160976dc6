"""Attention of short sentences as a whole: all scores of a sentence and head in one program, so none goes to memory.

Dimensions: Q positions that ask, S that are looked at, D the width of a head. Tables may lie in any order of sentences,
heads and positions; the numbers of a head are side by side.
"""

import triton
import triton.language as tl


@triton.jit
def table(place, strides, b, head, times, columns, length):
    """Rows of a sentence and head (one a position; zeros beyond the last), and where they lie."""
    at = place + b * strides[0] + head * strides[1] + times[:, None].to(tl.int64) * strides[2] + columns[None, :]
    return at, (times < length)[:, None]


@triton.jit
def weights_of(
    queries, keys, mask, b, mask_stride, q, s, Q, S, scale,
    CAUSAL: tl.constexpr, MASK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Softmax of scaled products, (Q, S) in blocks; MASK: 0 none, 1 true at real positions, 2 added."""
    scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION) * scale
    seen = (s < S)[None, :] & (q >= 0)[:, None]
    if CAUSAL:
        seen = seen & (s[None, :] <= q[:, None])
    if MASK == 1:
        seen = seen & (tl.load(mask + b * mask_stride + s, s < S, 0) != 0)[None, :]
    if MASK == 2:
        scores += tl.load(mask + b * mask_stride + s, s < S, 0.0).to(tl.float32)[None, :]
    scores = tl.where(seen, scores, float("-inf"))
    e = tl.exp(scores - tl.max(scores, 1)[:, None])
    return e / tl.sum(e, 1)[:, None]


@triton.jit(do_not_specialize=["Q", "S"])
def attend(
    queries, keys, values, mask, out, Q, S, heads, scale, mask_stride,
    q_b, q_h, q_t, k_b, k_h, k_t, v_b, v_h, v_t, o_b, o_h, o_t,
    CAUSAL: tl.constexpr, MASK: tl.constexpr, PRECISION: tl.constexpr,
    QUERIES: tl.constexpr, POSITIONS: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """The contexts of a sentence and head."""
    b, head = tl.program_id(0).to(tl.int64) // heads, tl.program_id(0).to(tl.int64) % heads
    q, s, d = tl.arange(0, QUERIES), tl.arange(0, POSITIONS), tl.arange(0, D)
    at, here = table(queries, (q_b, q_h, q_t), b, head, q, d, Q)
    query = tl.load(at, here, 0.0)
    at, there = table(keys, (k_b, k_h, k_t), b, head, s, d, S)
    key = tl.load(at, there, 0.0)
    at, there = table(values, (v_b, v_h, v_t), b, head, s, d, S)
    value = tl.load(at, there, 0.0)
    weights = weights_of(query, key, mask, b, mask_stride, q, s, Q, S, scale, CAUSAL, MASK, PRECISION)
    context = tl.dot(weights.to(value.dtype), value, input_precision=PRECISION)
    at, here = table(out, (o_b, o_h, o_t), b, head, q, d, Q)
    tl.store(at, context.to(value.dtype), here)


@triton.jit(do_not_specialize=["Q", "S"])
def attend_backward(
    grads, queries, keys, values, mask, to_queries, to_keys, to_values, Q, S, heads, scale, mask_stride,
    g_b, g_h, g_t, q_b, q_h, q_t, k_b, k_h, k_t, v_b, v_h, v_t,
    tq_b, tq_h, tq_t, tk_b, tk_h, tk_t, tv_b, tv_h, tv_t,
    CAUSAL: tl.constexpr, MASK: tl.constexpr, PRECISION: tl.constexpr,
    QUERIES: tl.constexpr, POSITIONS: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """The gradient of the contexts -> of queries, keys and values; the weights are made once more."""
    b, head = tl.program_id(0).to(tl.int64) // heads, tl.program_id(0).to(tl.int64) % heads
    q, s, d = tl.arange(0, QUERIES), tl.arange(0, POSITIONS), tl.arange(0, D)
    at, here = table(queries, (q_b, q_h, q_t), b, head, q, d, Q)
    query = tl.load(at, here, 0.0)
    at, here = table(grads, (g_b, g_h, g_t), b, head, q, d, Q)
    grad = tl.load(at, here, 0.0)
    at, there = table(keys, (k_b, k_h, k_t), b, head, s, d, S)
    key = tl.load(at, there, 0.0)
    at, there = table(values, (v_b, v_h, v_t), b, head, s, d, S)
    value = tl.load(at, there, 0.0)
    weights = weights_of(query, key, mask, b, mask_stride, q, s, Q, S, scale, CAUSAL, MASK, PRECISION)
    to_value = tl.dot(tl.trans(weights.to(value.dtype)), grad, input_precision=PRECISION)
    to_weights = tl.dot(grad, tl.trans(value), input_precision=PRECISION)
    to_scores = weights * (to_weights - tl.sum(weights * to_weights, 1)[:, None]) * scale
    to_scores = to_scores.to(value.dtype)
    to_query = tl.dot(to_scores, key, input_precision=PRECISION)
    to_key = tl.dot(tl.trans(to_scores), query, input_precision=PRECISION)
    at, here = table(to_queries, (tq_b, tq_h, tq_t), b, head, q, d, Q)
    tl.store(at, to_query.to(value.dtype), here)
    at, there = table(to_keys, (tk_b, tk_h, tk_t), b, head, s, d, S)
    tl.store(at, to_key.to(value.dtype), there)
    at, there = table(to_values, (tv_b, tv_h, tv_t), b, head, s, d, S)
    tl.store(at, to_value.to(value.dtype), there)
