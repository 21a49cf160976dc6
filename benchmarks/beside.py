"""Translating beside CTranslate2: the same Transformers, text and beam, from text to text, each at its best setting.

    python -m benchmarks.beside --work DIR [--ct2 PYTHON] [--data DIR] [--minutes 10] [--model DIR ...]
                                [--recurrent DIR] [PART ...]

Without --model two are trained on the text, so many minutes each, once a work folder: 4 + 4 blocks of 128 and 6 + 6 of
512 (--size takes one of them). The text is test_2016_flickr, val and the beginning of train in the folder of --data
(made for Multi30k), or else the bundled one. PYTHON has ctranslate2 and sentencepiece; default: this one. Parts:

- `speed`: greedy and with a beam of 5, by one worker and by two, of one thread each (CTranslate2's two threads on one
  batch are tried, too). First each finds its best setting on some lines: mtkit precision and batch, CTranslate2, in
  int8, its batch. Then in new processes both translate all lines in turn, the first one changing from round to round;
  rates are medians, ratios medians of those of a round. Memory is the peak of a process with its workers while it loads
  and translates once, before the clock runs. A model that --recurrent names takes its turns with them: what it says is
  another text, so the BLEU of both is beside it.
- `latency`: one short line after another by one thread.
- `same`: are translations in fp32, without penalties of length, the same? What differs by more than a tie is counted:
  in a beam of mtkit's a hypothesis that has ended keeps its place.

Of a model that has learnt nothing (--minutes 0) translations are as long as a limit lets them be; so each is made ten
pieces longer than its source in both, in batches of equal length, by one worker.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engine import Process, Settings
from benchmarks.transformers import SIZES, Model, exported, trained
from benchmarks.translate import TEST, distinct, read, score, texts

BEAMS, WORKERS = (1, 5), (1, 2)
PARTS = ("speed", "latency", "same")
TIE = 1e-4
LONGER = 10  # pieces of a translation beyond its source, where lengths are forced
SHORT = (0.1, 0.3)  # lines from the one to the other of these shares, by length
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "mtkit": {"precision": ("int8", "bf16", "fp32"), "batch": (8192, 4096, 16384)},
    "CTranslate2": {"type": ("int8",), "batch": (4096, 1024, 2048, 8192)},
}
"""Engine -> setting -> what is tried, the first one beside the others."""
COUNTED = ("the same", "ties", "better there", "better here")
Groups = list[tuple[int | None, list[str]]]


class Contender:
    """An engine with a model.

    Attributes:
        best: beam -> its settings.
    """

    def __init__(self, engine: str, model: Model, python: str) -> None:
        self.engine, self.model = engine, model
        self.python = python
        self.best: dict[int, Settings] = {}

    def started(self, weights: str = "int8") -> Process:
        """The engine, at work; CTranslate2's weights lie in a precision on disk."""
        folder = self.model.folder if self.engine == "mtkit" else self.model.exported[weights]
        return Process(self.engine, [self.python, "-m", f"benchmarks.engine_{self.engine.lower()}", str(folder)])

    def layouts(self, workers: int) -> list[Settings]:
        """Ways to use so many cores; processes of mtkit have a thread each."""
        several = {"workers": workers, "threads": 1}
        return [several] if workers == 1 or self.engine == "mtkit" else [several, {"workers": 1, "threads": workers}]

    def tune(self, beam: int, groups: Groups) -> None:
        """Find its best settings by one worker, key by key."""
        tried = CHOICES[self.engine]
        self.best[beam] = {"beam": beam} | {key: values[0] for key, values in tried.items()}
        process = self.started()
        for key, values in tried.items():
            if len(values) > 1:
                choices = [self.best[beam] | {key: value} for value in values]
                self.best[beam] = quickest(process, [one | self.layouts(1)[0] for one in choices], groups)
        process.close()

    def of_workers(self, beam: int, workers: int, groups: Groups) -> Settings:
        """Its best settings with the best way to use the workers."""
        choices = [self.best[beam] | layout for layout in self.layouts(workers)]
        if len(choices) == 1:
            return choices[0]
        process = self.started()
        found = quickest(process, choices, groups)
        process.close()
        return found


def quickest(process: Process, choices: list[Settings], groups: Groups) -> Settings:
    """The settings that take least time, each tried twice."""
    seconds = []
    for settings in choices:
        process.ask("load", settings=settings)
        seconds.append(min(process.ask("translate", groups=groups)["seconds"] for _ in range(2)))
    return choices[seconds.index(min(seconds))]


def in_turn(count: int, rounds: int) -> Iterable[list[int]]:
    """For each round the order of so many contenders, the other way round every second time."""
    for number in range(rounds):
        yield list(range(count))[:: -1 if number % 2 else 1]


def grouped(lines: list[str], model: Model, forced: bool) -> Groups:
    """Lines as they are given to engines: all at once, or by the length that their translations are to have."""
    if not forced:
        return [(None, lines)]
    from mtkit.translator.translator import Translator

    member = Translator.load(model.folder, device="cpu").members[0]
    pieces = [len(ids) for ids in member.source_tokenizer.encode(lines)]
    # What is longer would be translated in parts, each of which would be so long.
    pairs = sorted((n + LONGER, line) for n, line in zip(pieces, lines, strict=True) if n <= member.max_pieces)
    return [(length, [line for _, line in some]) for length, some in itertools.groupby(pairs, key=lambda pair: pair[0])]


def speed(options: argparse.Namespace, contenders: list[Contender], lines: list[str]) -> list[dict[str, Any]]:
    """Rows of the table, which are printed as they come."""
    groups, few = (grouped(some, contenders[0].model, options.forced) for some in (lines, lines[: options.tune]))
    tested = read(next(texts(options.data)))
    for beam in BEAMS:
        for one in contenders:
            one.tune(beam, few)
    rows = []
    for beam, workers in itertools.product(BEAMS, WORKERS[:1] if options.forced else WORKERS):
        processes: list[Process] = []
        found: list[dict[str, Any]] = []
        for one in contenders:
            settings = one.of_workers(beam, workers, few)
            process = one.started()
            process.ask("load", watched=True, settings=settings)
            made = process.ask("translate", watched=True, groups=groups)["texts"]
            processes.append(process)
            characters = sum(map(len, made)) / len(made)
            found.append({"engine": one.engine, "model": one.model.name, "workers": workers, "settings": settings})
            found[-1] |= {"memory": process.peak, "characters": characters, "seconds": []}
        for order in in_turn(len(contenders), options.rounds):
            for number in order:
                found[number]["seconds"].append(processes[number].ask("translate", groups=groups)["seconds"])
        for process, row in zip(processes, found, strict=True):
            if not options.forced:
                row["bleu"] = score(options.data, process.ask("translate", groups=[(None, tested)])["texts"])
            process.close()
            row["rate"] = sum(len(some) for _, some in groups) / statistics.median(row["seconds"])
            ratios = [theirs / ours for ours, theirs in zip(row["seconds"], found[1]["seconds"], strict=True)]
            row["ratio"], row["ratios"] = statistics.median(ratios), ratios
            setting = " ".join(str(row["settings"][key]) for key in CHOICES[row["engine"]])
            setting += f" x{row['settings']['threads']}" * (row["settings"]["threads"] > 1)
            print(
                f"{row['model']:12} {beam:4} {workers:7} {row['engine']:12} {setting:12} {row['rate']:11,.1f} "
                f"{row['ratio']:5.2f} ({min(ratios):.2f} to {max(ratios):.2f}) {row['memory']:7,.0f} MB "
                f"{row['characters']:6.1f} {row.get('bleu', 0):6.2f}",
                flush=True,
            )
        rows += found
    return rows


def latency(options: argparse.Namespace, contenders: list[Contender], lines: list[str]) -> list[dict[str, Any]]:
    """Milliseconds of one short line."""
    by_length = sorted(lines, key=len)
    first, end = (int(share * len(lines)) for share in SHORT)
    some = by_length[first:end][:: max(1, (end - first) // options.short)][: options.short]
    groups = grouped(some, contenders[0].model, options.forced)
    short = [(length, line) for length, lines in groups for line in lines]
    rows = []
    for beam in BEAMS:
        processes, took = [one.started() for one in contenders], [list[float]() for _ in contenders]
        for one, process in zip(contenders, processes, strict=True):
            tried = CHOICES[one.engine]
            key = "precision" if one.engine == "mtkit" else "type"
            usual = {"beam": beam, "workers": 1, "threads": 1} | {name: values[0] for name, values in tried.items()}
            middle = []
            for value in tried[key]:
                process.ask("load", settings=usual | {key: value})
                process.ask("latency", lines=short[:10])
                middle.append(statistics.median(process.ask("latency", lines=short[:30])))
            settings = usual | {key: tried[key][middle.index(min(middle))]}
            process.ask("load", settings=settings)
            process.ask("latency", lines=short[:10])
            rows.append({"engine": one.engine, "model": one.model.name, "beam": beam, "setting": settings[key]})
        for order in in_turn(len(contenders), options.rounds):
            for number in order:
                took[number] += processes[number].ask("latency", lines=short)
        for process, row, seconds in zip(processes, rows[-len(contenders) :], took, strict=True):
            process.close()
            row["p50"], row["p99"] = (1000 * quantile(seconds, share) for share in (0.5, 0.99))
            print(
                f"{row['model']:12} {beam:4} {row['engine']:12} {row['setting']:9} "
                f"p50 {row['p50']:6.1f} ms  p99 {row['p99']:6.1f} ms",
                flush=True,
            )
    return rows


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]


def same(options: argparse.Namespace, contenders: list[Contender], lines: list[str]) -> list[dict[str, Any]]:
    """How many translations are the same, and of the others what makes them so."""
    rows: list[dict[str, Any]] = []
    if options.forced:
        print("same: left out, since the model has learnt nothing")
        return rows
    for beam in BEAMS:
        found = []
        for one in contenders[:2]:
            process = one.started("fp32")
            usual = {"beam": beam, "workers": 1, "threads": 1, "batch": 4096, "precision": "fp32", "type": "float32"}
            process.ask("load", settings=usual)
            found.append(process.ask("search", lines=lines[: options.checked]))
            process.close()
        counts = compared(*found)
        rows.append({"model": contenders[0].model.name, "beam": beam, "lines": len(found[0])} | counts)
        told = ", ".join(f"{count:,} {what}" if what != "largest" else "" for what, count in counts.items())
        print(
            f"{contenders[0].model.name:12} {beam:4} of {len(found[0]):,}: {told}{counts['largest']:.1e} apart at most"
        )
    return rows


def compared(ours: list[tuple[list[str], float]], theirs: list[tuple[list[str], float]]) -> dict[str, Any]:
    """Counts of translations; and how far apart log-probabilities are of those that are the same."""
    counts: dict[str, Any] = dict.fromkeys(COUNTED, 0) | {"largest": 0.0}
    for (our_pieces, our_sum), (their_pieces, their_sum) in zip(ours, theirs, strict=True):
        apart = our_sum - their_sum
        if our_pieces == their_pieces:
            counts["the same"] += 1
            counts["largest"] = max(counts["largest"], abs(apart))
        else:
            counts["ties" if abs(apart) < TIE else "better here" if apart > 0 else "better there"] += 1
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--ct2", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--size", choices=list(SIZES), action="append")
    parser.add_argument("--model", type=Path, action="append", default=[])
    parser.add_argument("--recurrent", type=Path)
    for name, usual in (("lines", 2000), ("rounds", 5), ("tune", 300), ("short", 200), ("checked", 1000)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"unknown part {unknown[0]}; expected one of {', '.join(PARTS)}")
    python = shutil.which(options.ct2)
    if python is None:
        parser.error(f"--ct2 {options.ct2} is no Python that can be run")
    options.ct2 = os.path.abspath(python)  # engines have a folder of their own
    if options.data and not any(options.data.glob(f"{TEST}.en*")):
        parser.error(f"{options.data / TEST}.en.gz does not exist")
    options.forced = not options.model and not options.minutes
    options.work = options.work.resolve()
    options.data = options.data and options.data.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    lines = distinct(options.data, options.lines)
    models = [(path.name, path.resolve()) for path in options.model]
    for size in [] if models else options.size or SIZES:
        models.append((size, trained(size, options.work, options.data, options.minutes)))
    print(f"{len(lines):,} lines, {options.rounds} rounds; a worker has one thread unless it says x2")
    print(
        "model        beam workers engine       setting      sentences/s times CTranslate2      memory  chars   BLEU",
        flush=True,
    )
    told: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for name, folder in models:
        model = exported(name, folder, options.work, options.ct2)
        contenders = [Contender("mtkit", model, sys.executable), Contender("CTranslate2", model, options.ct2)]
        if options.recurrent:
            contenders.append(Contender("mtkit", Model("recurrent", options.recurrent.resolve()), sys.executable))
        for part in options.parts:
            told[part] += {"speed": speed, "latency": latency, "same": same}[part](options, contenders, lines)
        (options.work / "beside.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
