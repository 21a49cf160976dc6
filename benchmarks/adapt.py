"""What adapting gains and loses: a curve over the size of a text, and beside it training from nothing.

    python -m benchmarks.adapt --parent MODEL --text PREFIX --test NAME=PREFIX ... --work DIR
        [--pairs 50,100,500,2000,10000] [--scratch 2000] [--threads N]

PREFIX is parallel text in the parent's languages as mtkit reads it. The first test is of the text's kind, the others
are its parent's. For each size so many pairs are drawn from the text, the smaller among the larger, and `mtkit adapt`
is run on them as a user would; then all tests are translated as the model carries it. With --scratch a model of the
same kind is trained on so many pairs from nothing, for as long as adapting took, and for ten times as long.

A line a model: pairs, minutes (the whole command), and of each test BLEU and chrF. Signatures stand below.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import torch

from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Texts, scores
from mtkit.store import bundle
from mtkit.text.readers.reader import Pair, locate
from mtkit.translator.translator import Translator

MTKIT = [sys.executable, "-m", "mtkit"]


class Tests:
    """Texts that every model translates, and the scores of that."""

    __test__ = False  # for pytest

    def __init__(self, named: list[str], languages: Pair) -> None:
        self.languages = languages
        self.texts = {
            name: list(locate(Path(prefix), *languages)) for name, prefix in (one.split("=", 1) for one in named)
        }
        self.tokenize, _ = tokenizer_for("auto", languages[1])
        self.signatures: set[str] = set()

    def line(self, model: Path) -> str:
        """BLEU and chrF of each."""
        translator, told = Translator.load(model), []
        for name, pairs in self.texts.items():
            sources, references = (list(side) for side in zip(*pairs, strict=True))
            texts = Texts([one.text for one in translator.translate(sources)], [references], sources, self.tokenize)
            found = scores(("bleu", "chrf"), texts)
            self.signatures |= {f"{one.name} {one.signature}" for one in found}
            told.append(f"{name} " + " ".join(f"{one.score:.2f}" for one in found))
        return "  ".join(told)


def drawn(pairs: list[Pair], count: int, folder: Path, languages: Pair) -> Path:
    """So many pairs, as a text."""
    prefix = folder / f"text{count}"
    for side, language in enumerate(languages):
        lines = "".join(pair[side] + "\n" for pair in pairs[:count])
        Path(f"{prefix}.{language}").write_text(lines, encoding="utf-8")
    return prefix


def run(*arguments: str, folder: Path, threads: int | None) -> float:
    """A command; its minutes."""
    began = time.monotonic()
    more = ["--threads", str(threads)] if threads else []
    subprocess.run([*MTKIT, *arguments, "-q", *more], check=True, cwd=folder)
    return (time.monotonic() - began) / 60


def from_nothing(parent: bundle.Bundle, text: Path, minutes: float, folder: Path, threads: int | None) -> Path:
    """A model of the parent's kind that has only read the text."""
    name = f"scratch-{minutes:.2f}"
    tables = {
        "data": {"source_lang": parent.source_lang, "target_lang": parent.target_lang, "train": str(text)},
        "model": parent.config.model.model_dump(),
        "train": {"max_minutes": minutes, "max_epochs": 0, "patience": 0, "schedule": "linear", "lr": 2e-3}
        | {"warmup": 100, "batch_tokens": 1000},
    }
    sets = [f"{section}.{key}={json.dumps(value)}" for section, table in tables.items() for key, value in flat(table)]
    (folder / "nothing.toml").write_text('[data]\nsource_lang = "a"\ntarget_lang = "b"\ntrain = "c"\n')
    arguments = [part for one in [f"name={name}", *sets] for part in ("--set", one)]
    run("train", "-c", "nothing.toml", *arguments, folder=folder, threads=threads)
    return folder / "runs" / name


def flat(table: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Dotted keys and plain values; names of kinds before what belongs to them."""
    found: list[tuple[str, object]] = []
    for key, value in sorted(table.items(), key=lambda item: item[0] != "name"):
        found += flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return found


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parent", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--test", action="append", required=True, metavar="NAME=PREFIX")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pairs", default="50,100,500,2000,10000")
    parser.add_argument("--scratch", type=int, default=0)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(given)
    found = bundle.load(options.parent, torch.device("cpu"))
    languages = (found.source_lang, found.target_lang)
    tests = Tests(options.test, languages)
    options.work.mkdir(parents=True, exist_ok=True)
    folder, parent = options.work.resolve(), options.parent.resolve()
    pairs = list(locate(options.text, *languages))
    random.Random(1).shuffle(pairs)
    print(f"{'parent':>16}  {0:7.2f} min  {tests.line(parent)}", flush=True)
    for count in map(int, options.pairs.split(",")):
        text = drawn(pairs, count, folder, languages)
        minutes = run("adapt", str(parent), str(text), "-o", f"of{count}", folder=folder, threads=options.threads)
        print(f"{count:16,}  {minutes:7.2f} min  {tests.line(folder / f'runs/of{count}')}", flush=True)
        if count == options.scratch:
            for factor in (1, 10):
                made = from_nothing(found, text, factor * minutes, folder, options.threads)
                print(f"{f'{count:,} from nothing':>16}  {factor * minutes:7.2f} min  {tests.line(made)}", flush=True)
    print("\n".join(sorted(tests.signatures)))


if __name__ == "__main__":
    main()
