"""The table of operations, the boundary to C, and C itself."""

import inspect
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import mtkit
from mtkit.ops import native, recurrence, table
from mtkit.ops.native import compiler, takes, tiles
from mtkit.ops.native.call import ArgumentError, call
from mtkit.ops.native.prototypes import PROTOTYPES

here = pytest.mark.skipif(not native.status().ready, reason="no C compiler, or no OpenMP in torch, on this machine")


@pytest.mark.parametrize("name", table.OPERATIONS)
def test_every_form_is_there_and_takes_what_the_reference_takes(name: str) -> None:
    *others, reference = table.OPERATIONS[name]
    assert (reference.name, reference.takes) == ("torch", "")
    assert others
    wanted = list(inspect.signature(table._found(reference.where)).parameters)
    for form in others:
        assert list(inspect.signature(table._found(form.where)).parameters) == wanted
        takes = table._found(form.takes)
        assert form.name != "triton" or not takes((torch.zeros(2, 3),)), "a CPU has no use for it"


def test_another_backend_is_one_more_line(monkeypatch: pytest.MonkeyPatch) -> None:
    line = table.Form("ours", "test:form", "test:takes")
    found: dict[str, Callable[..., Any]] = {
        "test:form": lambda x, y: "ours",
        "test:takes": lambda given: len(given[0]) > 2,
    }
    original = table._found
    monkeypatch.setattr(table, "_found", lambda where: found.get(where) or original(where))
    monkeypatch.setitem(table.OPERATIONS, "log_sums", (line, *table.OPERATIONS["log_sums"]))

    def reference(x: Tensor, y: int) -> str:
        """The types."""
        return "reference"

    found["reference.logits:log_sums"] = reference
    asked = table.operation("log_sums", reference)
    with native.off():
        assert (asked(torch.zeros(3), 1), asked(torch.zeros(2), 1)) == ("ours", "reference")


def test_nobody_but_the_table_chooses_a_form() -> None:
    """Callers ask for an operation; of the native code they know its status and how it is switched off."""
    folder = Path(mtkit.__file__).parent
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(folder / "ops"):
            assert not re.search(r"\b(native|tiles|quantised)\.fits\b", text), path
        else:
            assert not re.search(r"(from|import) mtkit\.ops\.(native|reference)", text), path
            assert set(re.findall(r"\bnative\.(\w+)", text)) <= {"off", "status"}, path


def gru(n: int = 4, H: int = 8) -> list[Tensor]:
    torch.manual_seed(1)
    gates, state, empty = (torch.randn(n, 3 * H), torch.randn(n, 3 * H)), torch.randn(n, H), torch.empty(n, H)
    return [*gates, state, empty, torch.empty(n, 2 * H), torch.empty(n, H)]


@here
@pytest.mark.parametrize(
    ("place", "change", "told"),
    [
        (1, lambda x: x.double(), "from_hidden is torch.float64"),
        (2, lambda x: x.to("meta"), "last is torch.float32 .* on meta"),
        (4, lambda x: torch.empty(16, 4).T, "rz is .* expected contiguous"),
        (0, lambda x: torch.empty(24, 4).T, "from_input is .* expected rows of contiguous"),
        (2, lambda x: torch.empty(4, 7), "last is .* expected rows of contiguous torch.float32 \\(n H\\), 32 numbers"),
        (3, lambda x: torch.empty(8, 4), "next is "),
        (5, lambda x: None, "candidate is missing"),
        (5, lambda x: torch.empty(4, 8, dtype=torch.int64), "candidate is torch.int64"),
    ],
)
def test_a_tensor_that_c_cannot_take_is_refused_by_name(
    place: int, change: Callable[[Tensor], Tensor | None], told: str
) -> None:
    given: list[Tensor | None] = [*gru()]
    call("gru_forward", (4, 8), given)
    tensor = given[place]
    assert tensor is not None
    given[place] = change(tensor)
    with pytest.raises(ArgumentError, match=f"^gru_forward: {told}"):
        call("gru_forward", (4, 8), given)


@here
def test_calls_of_another_number_or_order_of_arguments_are_refused() -> None:
    given = gru()
    with pytest.raises(ArgumentError, match="given 2 sizes and 7 tensors; it takes 2 and 6"):
        call("gru_forward", (4, 8), [*given, given[0]])
    with pytest.raises(ArgumentError, match="given 3 sizes"):
        call("gru_forward", (4, 8, 8), given)
    with pytest.raises(ArgumentError, match="gru_forward: last is "):
        call("gru_forward", (4, 8), [given[0], given[1], given[4], given[3], given[2], given[5]])
    with pytest.raises(ArgumentError, match="gru_forward: from_input is "):
        call("gru_forward", (8, 4), given)
    with pytest.raises(ArgumentError, match="gru_forward: n is 4.5; expected int"):
        call("gru_forward", (4.5, 8), given)
    directions = [torch.stack([x, x]) for x in given]
    call("gru_forward", (4, 8), directions)
    with pytest.raises(ArgumentError, match="gru_forward: rz "):
        call("gru_forward", (4, 8), [*directions[:4], given[4], directions[5]])


@here
def test_a_gru_of_mixed_types_is_left_to_torch_and_no_garbage() -> None:
    """C would read float64 as fp32; torch computes the step, or refuses it."""
    from_input, from_hidden, last, *_ = gru()
    with torch.no_grad():
        h, *_ = recurrence.gru(from_input, from_hidden.double(), last.double())
        wanted, *_ = recurrence.gru(from_input, from_hidden, last)
    torch.testing.assert_close(h.float(), wanted, atol=1e-5, rtol=1e-5)


@here
def test_out_is_only_a_place_and_autograd_is_heard() -> None:
    """A GRU's step under autograd is differentiable whether or not it is given a place."""
    given = [x.clone().requires_grad_() for x in gru()[:3]]
    x, u, last = given
    h, *_ = recurrence.gru(x, u, last)
    assert h.requires_grad
    with torch.no_grad():
        out = torch.empty_like(h)
        made, *_ = recurrence.gru(x, u, last, out)
        assert made.data_ptr() == out.data_ptr()
        torch.testing.assert_close(recurrence.gru(x, u, last)[0], out)


DECLARATION = re.compile(r"^(void|int) (\w+)\(([^)]*)\)\s*\{", re.M)


def test_prototypes_are_those_of_the_c_code() -> None:
    """Function by function the kinds of the arguments: int, float, pointer to what."""
    kinds = {"float": "f32", "in_t": "f32", "out_t": "f32", "int64_t": "i64", "bf16": "bf16", "int8_t": "i8"}
    declared: dict[str, list[str]] = {}
    for source in compiler.SOURCES:
        for _, name, arguments in DECLARATION.findall(source.read_text(encoding="utf-8")):
            found = []
            for argument in filter(None, (one.strip() for one in arguments.replace("\n", " ").split(","))):
                words = argument.replace("restrict", " ").replace("const", " ").replace("*", " * ").split()
                if words == ["void"]:
                    continue
                pointer = "*" in words or words[0] in ("in_t", "out_t")
                found.append(f"{kinds[words[0]]}*" if pointer else words[0])
            declared[name] = found
    short = {torch.float32: "f32", torch.int64: "i64", torch.bfloat16: "bf16", torch.int8: "i8"}
    for name, prototype in PROTOTYPES.items():
        wanted = ["float" if kind is float else "int64_t" for kind in prototype.kinds]
        for tensor in prototype.tensors:
            wanted += [f"{short[tensor.dtype]}*", *(["int64_t"] if tensor.layout == "/" else [])]
        assert declared.pop(name) == ([*wanted, "int"] if wanted else []), name
    assert not declared, "functions that nothing can call"


@pytest.mark.system
@pytest.mark.parametrize("compiler_name", ["gcc", "clang"])
@pytest.mark.parametrize("march", ["native", "x86-64", "x86-64-v3", "skylake-avx512", "alderlake", "sapphirerapids"])
def test_c_compiles_without_a_warning(compiler_name: str, march: str, tmp_path: Path) -> None:
    """For this processor, one without AVX-512 and one with matrix tiles; products for one of each kind, or of none."""
    if shutil.which(compiler_name) is None:
        pytest.skip(f"no {compiler_name} on this machine")
    flags = [flag for flag in compiler.FLAGS if not flag.startswith("-march")]
    # A loop that clang leaves as it is is no mistake.
    flags += [f"-march={march}", "-fopenmp", "-Wall", "-Wextra", "-Werror", "-Wno-pass-failed"]
    of_products = [source for source in compiler.SOURCES if source.stem in ("quantised", "tiles")]
    for source in of_products if march in ("x86-64", "skylake-avx512", "alderlake") else compiler.SOURCES:
        command = [compiler_name, *flags, "-c", str(source), "-o", str(tmp_path / "made.o")]
        done = subprocess.run(command, capture_output=True, text=True)
        if ("unknown" in done.stderr and march in done.stderr) or "bad value" in done.stderr:
            pytest.skip(f"{compiler_name} knows no {march}")
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not takes.bf16_units((torch.zeros(1),)), reason="this processor has no units for bf16")
@pytest.mark.parametrize("start", [torch.zeros(7), torch.zeros(3, 8), torch.zeros(8, 2).T[:1].expand(2, 8)[:, ::2]])
def test_a_product_refuses_what_it_would_read_beyond(start: Tensor) -> None:
    x, weight = torch.randn(5, 6), torch.randn(8, 6)
    with pytest.raises(ArgumentError, match="a product \\(5, 8\\)"):
        tiles.product(x, 8, tiles.packed(weight), start)
    with pytest.raises(ArgumentError, match="b_packed is "):
        tiles.product(x, 40, tiles.packed(weight))
