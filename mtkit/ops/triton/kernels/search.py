"""What a search makes of rows of logits: a program does a row, BLOCK columns at a time, or the rows of a sentence.

Of equals the first is the better one, and what is no number is as bad as minus infinity.
"""

import triton
import triton.language as tl

from mtkit.ops.triton.kernels.functions import number


@triton.jit
def log_sums(logits, sums, V, BLOCK: tl.constexpr):
    """The logarithm of the sum of exponentials of a row."""
    i = tl.program_id(0).to(tl.int64)
    row = logits + i * V
    top = tl.full((), float("-inf"), tl.float32)
    total = tl.full((), 0.0, tl.float32)
    for start in range(0, V, BLOCK):
        column = start + tl.arange(0, BLOCK)
        x = tl.where(column < V, number(row + column, column < V), float("-inf"))
        greatest = tl.maximum(top, tl.max(x, 0))
        # Where all so far is minus infinity, differences from it would be no numbers.
        near = tl.where(greatest == float("-inf"), 0.0, greatest)
        total = total * tl.exp(top - near) + tl.sum(tl.exp(x - near), 0)
        top = greatest
    tl.store(sums + i, top + tl.log(total))


@triton.jit(do_not_specialize=["end"])
def rule_out(logits, states, out, V, end, BLOCK: tl.constexpr):
    """Minus infinity where `out` has a mark in the row of a state; in state 0 there is none from `end` on."""
    i = tl.program_id(0).to(tl.int64)
    state = tl.load(states + i)
    stop = tl.where(state > 0, V, end)
    for start in range(0, stop, BLOCK):
        column = start + tl.arange(0, BLOCK)
        marked = tl.load(out + state * V + column, column < V, other=0) != 0
        tl.store(logits + i * V + column, float("-inf"), marked & (column < V))


@triton.jit
def _first_best(x, place, there, last, last_place):
    """The best of what comes after the last one taken, and its place; the greatest place of all: nothing."""
    x = tl.where(x == x, x, float("-inf"))
    left = there & ((x < last) | ((x == last) & (place > last_place)))
    best = tl.max(tl.where(left, x, float("-inf")), 0)
    return best, tl.min(tl.where(left & (x == best), place, 0x7FFFFFFF), 0)


@triton.jit(do_not_specialize=["K", "count"])
def best_of_row(logits, added, best, places, V, K, count, BLOCK: tl.constexpr):
    """The best `count` of a row of logits, plus what is added to all of it; places are those in the sentence."""
    i = tl.program_id(0).to(tl.int64)
    row, plus = logits + i * V, tl.load(added + i).to(tl.float32)
    last = tl.full((), float("inf"), tl.float32)
    last_column = tl.full((), -1, tl.int32)
    for m in range(0, count):
        found = tl.full((), float("-inf"), tl.float32)
        found_column = tl.full((), 0x7FFFFFFF, tl.int32)
        for start in range(0, V, BLOCK):
            column = start + tl.arange(0, BLOCK)
            x = number(row + column, column < V) + plus
            one, one_column = _first_best(x, column, column < V, last, last_column)
            better = (one > found) | ((one == found) & (one_column < found_column))
            found = tl.where(better, one, found)
            found_column = tl.where(better, one_column, found_column)
        tl.store(best + i * count + m, found)
        tl.store(places + i * count + m, (i % K) * V + found_column)
        last, last_column = found, found_column


@triton.jit(do_not_specialize=["given", "count"])
def best_of_sentence(row_best, row_places, best, places, given, count, BLOCK: tl.constexpr):
    """The best `count` of the `given` best of a sentence's rows; BLOCK is no less than `given`."""
    b = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = number(row_best + b * given + i, i < given)
    last = tl.full((), float("inf"), tl.float32)
    last_i = tl.full((), -1, tl.int32)
    for m in range(0, count):
        last, last_i = _first_best(x, i, i < given, last, last_i)
        tl.store(best + b * count + m, last)
        tl.store(places + b * count + m, tl.load(row_places + b * given + last_i))
