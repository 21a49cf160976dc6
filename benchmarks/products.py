"""Microseconds a product, as a step of translating makes them: few rows, a weight made ready once, fp32 in and out.

    python -m benchmarks.products [--threads 1] [--seconds 20]

In fp32 (torch), in bf16 and in 8 bits, by what this processor has for each; the precisions take turns, and the median
counts. What an older processor would take, MTKIT_NATIVE_FLAGS shows: -mno-avx512vnni, -mno-avx512bf16, -mno-avx512f.
"""

import argparse
import time

import torch

from mtkit.ops import native, products
from mtkit.ops.native import units

ROWS = (1, 5, 16, 40, 100)
WEIGHTS = ((128, 128), (768, 256), (512, 512), (1536, 512), (512, 2048), (2000, 256), (8000, 128), (32000, 512))
PRECISIONS = ("fp32", "bf16", "int8")
LEAST = 9  # turns


def microseconds(m: int, n: int, k: int, seconds: float) -> list[float]:
    """The median of each precision."""
    x, weight, bias = torch.randn(m, k), torch.randn(n, k), torch.randn(n)
    taken: list[list[float]] = [[] for _ in PRECISIONS]
    calls = max(1, 4_000_000 // (m * n * k))
    with torch.inference_mode():
        ready = []
        for precision in PRECISIONS:
            with products.precision(precision, {}):
                ready.append(products.operand(weight))
            ready[-1].times(x, bias)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(taken[0]) < LEAST:
            for operand, times in zip(ready, taken, strict=True):
                began = time.perf_counter()
                for _ in range(calls):
                    operand.times(x, bias)
                times.append((time.perf_counter() - began) / calls * 1e6)
    return [sorted(times)[len(times) // 2] for times in taken]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0, help="Of all shapes together, about.")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    forms = {precision: units.unit(precision) or "torch" for precision in PRECISIONS[1:]}
    print(
        f"native code: {native.status().state}; bf16: {forms['bf16']}; int8: {forms['int8']}; torch {torch.__version__}"
    )
    head = f"{'rows':>5}{'columns':>9}{'depth':>7}{'fp32 us':>10}{'bf16 us':>10}{'int8 us':>10}"
    print(f"{head}{'bf16':>8}{'int8':>8}  times fp32")
    for n, k in WEIGHTS:
        for m in ROWS:
            fp32, bf16, int8 = microseconds(m, n, k, given.seconds / len(ROWS) / len(WEIGHTS))
            print(
                f"{m:5}{n:9}{k:7}{fp32:10.1f}{bf16:10.1f}{int8:10.1f}{fp32 / bf16:8.2f}{fp32 / int8:8.2f}", flush=True
            )


if __name__ == "__main__":
    main()
