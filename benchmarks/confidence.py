"""How far confidence can be trusted on text that it was not fitted on.

    python -m benchmarks.confidence MODEL SOURCE REFERENCE TEST_SOURCE TEST_REFERENCE [--lines 2000]

A copy of the bundle MODEL is fitted on SOURCE and REFERENCE; the test lines are translated, and their chrF is held
beside what it says of them: expected calibration error, the area under the curve of the worst tenth beside that of the
mean log-probability alone, the bins, and what it costs (the time with it over that without, in turns).
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import torch
from sacrebleu.metrics.chrf import CHRF

from mtkit import Translation, Translator
from mtkit.jobs.confidence import LEAST, fit_confidence
from mtkit.metrics.confidence import BINS, calibration_error, worst_found
from mtkit.store.shipped import meant
from mtkit.text.compression import blocks


def lines(path: Path, most: int) -> list[str]:
    return b"".join(blocks(path)).decode().split("\n")[:-1][:most]


def timed(translator: Translator, sources: list[str], confidence: bool) -> tuple[list[Translation], float]:
    start = time.perf_counter()
    made = translator.translate(sources, guard=True, confidence=confidence)
    return made, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    for name in ("source", "reference", "test_source", "test_reference"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--lines", type=int, default=2000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(meant(Path(given.model)), f"{scratch}/bundle"))
        sides = (lines(given.source, given.lines), lines(given.reference, given.lines))
        facts, _ = fit_confidence(folder, list(zip(*sides, strict=True)), device="cpu")
        translator = Translator.load(folder, device="cpu")
    print(f"fitted on {facts.lines} lines, {100 * facts.good:.1f} % good (chrF {LEAST:g} or more); ", end="")
    print(f"five-fold: calibration error {facts.error:.3f}, worst tenth {facts.worst:.3f}")
    sources, references = lines(given.test_source, given.lines), lines(given.test_reference, given.lines)
    made, after = timed(translator, sources, True)
    plain, before = timed(translator, sources, False)
    assert [one.text for one in made] == [one.text for one in plain]
    chrf = CHRF()
    qualities = [chrf.sentence_score(one.text, [right]).score for one, right in zip(made, references, strict=True)]
    told = [one.confidence or 0.0 for one in made]
    good = [quality >= LEAST for quality in qualities]
    best = [one.candidates[0] if one.candidates else None for one in made]
    likely = [one.logprob / (len(one.tokens) + 1) if one else 0.0 for one in best]
    print(f"{len(told)} test lines, {100 * sum(good) / len(good):.1f} % good: ", end="")
    print(
        f"calibration error {calibration_error(told, good):.3f}, worst tenth {worst_found(told, qualities):.3f}", end=""
    )
    print(f" (by mean log-probability alone {worst_found(likely, qualities):.3f}); time {after / before:.2f}")
    for one in range(BINS):
        inside = [row for row, p in enumerate(told) if min(int(p * BINS), BINS - 1) == one]
        if inside:
            mean, right = (sum(some[row] for row in inside) / len(inside) for some in (told, good))
            print(f"  from {one / BINS:.1f} on: {len(inside):5} lines, told {mean:.2f}, good {right:.2f}")


if __name__ == "__main__":
    main()
