"""Compiles kernels for a GPU that need not be here, as each is launched by what the benchmark compares; prints names.

python -m tests.ops.compiled
"""

from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from benchmarks import kernels
from mtkit.ops.triton import launch

TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int64: "*i64", torch.bool: "*i1"}
H100 = GPUTarget("cuda", 90, 32)


def compiled(where: str, programs: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
    """In the place of a launch."""
    kernel = launch._kernel(where)
    options = {"num_warps": constants.pop("num_warps", 4)}
    named = {**dict(zip(kernel.arg_names, arguments, strict=False)), **constants}
    given = {name: named[name] for name in kernel.arg_names}
    signature, fixed, attributes = {}, {}, {}
    for place, (name, value) in enumerate(given.items()):
        signature[name] = (
            TYPES[value.dtype] if isinstance(value, Tensor) else "fp32" if isinstance(value, float) else "i32"
        )
        if value is None or name in constants or (isinstance(value, int) and value == 1):
            signature[name], fixed[(place,)] = "constexpr", value
        elif isinstance(value, Tensor) or (
            isinstance(value, int) and value % 16 == 0 and name not in kernel.do_not_specialize
        ):
            attributes[(place,)] = [["tt.divisibility", 16]]
    assert given.keys() == named.keys(), where
    triton.compile(ASTSource(kernel, signature, fixed, attributes), target=H100, options=options)
    print(where)


@torch.no_grad()
def main() -> None:
    """Sizes of workload A, and others: an odd width, several heads."""
    for module, _ in kernels.CASES.values():
        setattr(module, "launch", compiled)  # noqa: B010
    for sizes in (kernels.Sizes(sentences=8, rows=4), kernels.Sizes(3, 70, 37, 301, 4)):
        for case, (ours, _) in kernels.CASES.items():
            case(ours, kernels.Maker(sizes, "cpu", torch.float32))()


if __name__ == "__main__":
    main()
