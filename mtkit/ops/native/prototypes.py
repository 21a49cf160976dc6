"""What every function in C takes: the one table by which calls are checked (`mtkit.ops.native.call`).

A prototype is the function's sizes and its tensors, in the order of the C declaration. A tensor is written
`name(shape)`; its shape is that of one direction, in the sizes:

    scores(R S)       contiguous
    grad(n H)/        rows of contiguous numbers, any distance apart; C gets the stride of rows, too
    a(m k)*           any strides, which are among the sizes
    shift(G)?         may be missing
    pieces:i64(n)     of another type than fp32
    rz(n 2H)          a multiple; G/H a quotient; k^32 rounded up to a multiple of 32
    packed:i8()       of any shape: the caller looks at it

`threads`, which every function takes at last, may stand in shapes.
"""

import ctypes
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

TYPES = {"": torch.float32, "i64": torch.int64, "bf16": torch.bfloat16, "i8": torch.int8}
KINDS: dict[str, type] = {"int": ctypes.c_int64, "float": ctypes.c_float}


class Argument(NamedTuple):
    """A tensor that a function takes."""

    name: str
    dtype: torch.dtype
    shape: tuple[str, ...]
    layout: str
    """"" contiguous, "/" rows any distance apart, "*" any strides."""
    optional: bool


class Prototype(NamedTuple):
    """What a function takes and gives."""

    sizes: tuple[str, ...]
    kinds: tuple[type, ...]
    """Of the sizes: int or float."""
    tensors: tuple[Argument, ...]
    returns: bool
    """Whether it gives an int."""

    @property
    def argtypes(self) -> list[type]:
        """Of the C declaration."""
        kinds: list[type] = [ctypes.c_float if kind is float else ctypes.c_int64 for kind in self.kinds]
        for tensor in self.tensors:
            kinds += (ctypes.c_void_p, ctypes.c_int64) if tensor.layout == "/" else (ctypes.c_void_p,)
        return [*kinds, ctypes.c_int]


def _prototype(sizes: str, tensors: str, returns: bool = False) -> Prototype:
    names = [size.partition(":")[::2] for size in sizes.split()]
    found = re.findall(r"(\w+)(?::(\w+))?\(([^)]*)\)([/*]?)(\??)", tensors)
    return Prototype(
        tuple(name for name, _ in names),
        tuple(float if kind == "float" else int for _, kind in names),
        tuple(
            Argument(name, TYPES[kind], tuple(shape.split()), layout, bool(may))
            for name, kind, shape, layout, may in found
        ),
        returns,
    )


PROTOTYPES = {
    # elementwise.c
    "gru_forward": _prototype(
        "n H", "from_input(n 3H)/ from_hidden(n 3H)/ last(n H)/ next(n H)/ rz(n 2H) candidate(n H)"
    ),
    "gru_backward": _prototype(
        "n H",
        "grad(n H)/ last(n H)/ rz(n 2H) candidate(n H) hidden_n(n H)/ to_input(n 3H)/ to_hidden(n 3H)/ to_last(n H)",
    ),
    "lstm_forward": _prototype(
        "n H", "from_input(n 4H)/ from_hidden(n 4H)/ last_c(n H)/ i_f(n 2H) g(n H) o(n H) next_c(n H)"
    ),
    "lstm_backward": _prototype(
        "n H", "grad_c(n H) grad_o(n H) i_f(n 2H) g(n H) o(n H) last_c(n H)/ to_gates(n 4H)/ to_last(n H)"
    ),
    "norm_forward": _prototype("n G H", "x(n G)/ gain(G) shift(G)? unit(n G) rstd(n G/H) y(n G)"),
    "norm_backward": _prototype(
        "n G H", "grad(n G) unit(n G) rstd(n G/H) gain(G) grad_gain(G) grad_shift(G)? to(n G)/"
    ),
    "additive_forward": _prototype(
        "r S A heads queries", "keys(r/queries S A) query(r A) energy(A) bias(r/queries S) scores(r heads S)"
    ),
    "additive_backward": _prototype(
        "n S A heads",
        "keys(n S A) query(n A) energy(A) grad(n heads S) grad_keys(n S A) grad_query(n A) grad_energy(threads A)",
    ),
    "softmax_loss": _prototype(
        "n V smoothing:float", "logits(n V) bias(V) pieces:i64(n) losses(n) grad_bias(threads V)?"
    ),
    "twice_loss": _prototype(
        "n V smoothing:float loss_p:float loss_q:float kl_pq:float kl_qp:float",
        "logits(2n V) bias(V) pieces:i64(2n) losses(n) shares(2threads V) grad_bias(threads V)?",
    ),
    "attend_forward": _prototype(
        "R S d heads queries of_sentence of_head",
        "scores(R S) bias(R/heads/queries S) values(R/queries S d)/ context(R/heads heads*d)/",
    ),
    "attend_backward": _prototype("R S d", "grad(R d) values(R S d) weights(R S) to_scores(R S)"),
    "fill_mask": _prototype("count low_key high_key dropped kept:float", "mask(count)"),
    # search.c
    "log_sums": _prototype("n V", "logits(n V) sums(n)"),
    "best_pieces": _prototype("B K V M", "logits(B K V) added(B K) best(B M) places:i64(B M)"),
    "mix_told": _prototype(
        "B K V R M U E power temperature:float reach:float most:float",
        "logits(B K V) states(B K E) places:i64(R) keys(R M E) squares(R M) far(R M) pieces:i64(R U) spread(R M U)"
        " away(R K M) told(R K U)",
    ),
    # steps.c
    "add_norm": _prototype("n H epsilon:float", "x(n H) added(H)? gain(H) shift(H) y(n H)"),
    "attend_rows": _prototype(
        "n L A D first room scale:float",
        "made(n 3A*D)/ table(room 2A*D) rows:i64(n L) weights() context(n A*D)",
    ),
    "attend_memory": _prototype(
        "n K S T A D scale:float",
        "queries(n A*D) keys(n/K A*T*D) values(n/K S A*D) bias(n/K T) weights(threads T) context(n A*D) told(n T)?",
    ),
    "attend_dots": _prototype(
        "n K S A H heads",
        "queries(n A) keys(n/K S A) values(n/K S H) bias(n/K S) weights() context(n H) told(n S)",
    ),
    # tiles.c
    "tiles_form": _prototype("", "", returns=True),
    "tiles_pack": _prototype("x k x_step k_step", "from(x k)* to:bf16(x^16 k^32)"),
    "tiles_product": _prototype(
        "m n k ax ak bx bk start_row c_row",
        "a(m k)* b(n k)*? b_packed:bf16(n^16 k^32)? start()*? c(m n)*",
        returns=True,
    ),
    # quantised.c
    "quantised_form": _prototype("", "", returns=True),
    "quantised_pack": _prototype("n k", "weights(n k)/ to:i8()", returns=True),
    "quantised_product": _prototype("m n k a_row start_row c_row", "a(m k)* b:i8() start()*? c(m n)*", returns=True),
}


class Unfit(Exception):
    """An argument is not what the prototype says."""


class Extent(NamedTuple):
    """What a tensor must be in a call."""

    dtype: torch.dtype
    numbers: int
    """Of all directions; -1: any."""
    width: int
    layout: str
    optional: bool


def extents(name: str, sizes: Sequence[int | float], threads: int, directions: int) -> list[Extent]:
    """What each tensor must be in a call with these sizes."""
    prototype = PROTOTYPES[name]
    known = {**dict(zip(prototype.sizes, sizes, strict=True)), "threads": threads}
    found = []
    for tensor in prototype.tensors:
        shape = [eval(_expression(part), {}, known) for part in tensor.shape]
        numbers = math.prod(shape) * directions if shape else -1
        found.append(Extent(tensor.dtype, numbers, shape[-1] if shape else -1, tensor.layout, tensor.optional))
    return found


Given = list[int | float | None]
Check = Callable[[Sequence[int | float], Sequence[torch.Tensor | None], int, int], Given]
"""Sizes, tensors, threads and directions -> what C is given; raises Unfit, or an error of Python's own."""


def checked(name: str) -> Check:
    """The check of a function's arguments, written out: going through a table costs more than the least of them do."""
    prototype = PROTOTYPES[name]
    places = [f"t{number}" for number in range(len(prototype.tensors))]
    lines = [f"{', '.join(some)}, = {of}" for some, of in ((prototype.sizes, "sizes"), (places, "tensors")) if some]
    given: list[str] = []
    for place, tensor in zip(places, prototype.tensors, strict=True):
        tests = [f"{place}.dtype is not {place}_type", f"not {place}.is_cpu"]
        shape = [f"({_expression(part)})" for part in tensor.shape]
        if shape:
            tests.append(f"{place}.numel() != {' * '.join(shape)} * directions")
        if tensor.layout == "/":
            tests += [f"(s := {place}.stride())[-1] != 1", f"{place}.shape[-1] != {shape[-1]}"]
        elif tensor.layout == "":
            tests.append(f"not {place}.is_contiguous()")
        made = [f"if {' or '.join(tests)}: raise Unfit", f"{place}_at = {place}.data_ptr()"]
        made += [f"{place}_step = s[-2]"] if tensor.layout == "/" else []
        if tensor.optional:
            lines += [f"if {place} is None: {place}_at = None", "else:", *(f"    {line}" for line in made)]
        else:
            lines += made
        given += [f"{place}_at"] + [f"{place}_step"] * (tensor.layout == "/")
    lines.append(f"return [{', '.join([*prototype.sizes, *given, 'threads'])}]")
    text = "def check(sizes, tensors, threads, directions):\n" + "".join(f"    {line}\n" for line in lines)
    names: dict[str, Any] = {f"{place}_type": one.dtype for place, one in zip(places, prototype.tensors, strict=True)}
    names["Unfit"] = Unfit
    exec(text, names)
    made_check: Check = names["check"]
    return made_check


def _expression(part: str) -> str:
    """A part of a shape as Python computes it from the sizes."""
    if "^" in part:
        size, multiple = part.split("^")
        return f"-(-{size} // {multiple}) * {multiple}"
    factors = []
    for factor in part.split("*"):
        first, *divisors = factor.split("/")
        count, size = re.fullmatch(r"(\d*)(\w+)", first).groups()  # type: ignore[union-attr]
        made = f"{count} * {size}" if count else size
        for divisor in divisors:
            made = f"({made}) // max(1, {divisor})"
        factors.append(f"({made})")
    return " * ".join(factors)
