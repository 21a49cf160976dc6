"""How fast a device translates, text to text: greedy and with a beam of 5, in fp32 and in bf16.

    python -m benchmarks.translate_gpu --model DIR --input FILE [--device cuda] [--output DIR]

The model is loaded once for each; the lines are translated twice, and the second time counts. On CUDA there follow the
kernels of another pass over some of the lines, those that take longest first. With --output the translations are kept.
"""

import argparse
import collections
import time
from pathlib import Path

import torch
from torch._C._autograd import DeviceType

from mtkit.cli import importing
from mtkit.translator.request import Line
from mtkit.translator.translator import Translator

SOME = 2048  # lines whose kernels are counted
SHOWN = 8  # kernels


def kernels(translator: Translator, lines: list[Line]) -> list[str]:
    """What a device does for some lines: a line in all, and one for each of the longest."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        list(translator.window(lines))
        torch.cuda.synchronize()
    counts: collections.Counter[str] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    for event in profile.events() or []:
        if event.device_type == DeviceType.CUDA:
            counts[event.name] += 1
            times[event.name] += event.time_range.elapsed_us()
    told = [f"    {counts.total():,} kernels, {times.total() / 1e3:.1f} ms, for {len(lines):,} lines"]
    return told + [f"    {us:8.0f} us {counts[name]:6} x {name[:80]}" for name, us in times.most_common(SHOWN)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    lines = [Line(text, number=i) for i, text in enumerate(options.input.read_text().split("\n")[:-1])]
    profiles = []
    importing.keep()  # as the command does
    for precision in ("fp32", "bf16"):
        for beam in (1, 5):
            translator = Translator.load(options.model, device=options.device, beam_size=beam, precision=precision)
            cuda = translator.device == "cuda"
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            for _ in range(2):
                start = time.perf_counter()
                made = [translation.text for translation in translator.window(lines)]
                seconds = time.perf_counter() - start
            memory = f", {torch.cuda.max_memory_reserved() / 2**30:.1f} GiB" if cuda else ""
            print(f"{precision}, beam of {beam}: {len(lines) / seconds:,.0f} lines/s{memory}", flush=True)
            if options.output:
                options.output.mkdir(parents=True, exist_ok=True)
                (options.output / f"{precision}.{beam}").write_text("".join(f"{text}\n" for text in made))
            if cuda:
                profiles += [f"{precision}, beam of {beam}:", *kernels(translator, lines[:SOME])]
    print("\n".join(profiles), flush=True)


if __name__ == "__main__":
    main()
