"""What a translation memory gains and costs: corrected segments of a domain, unseen ones of it, and other text.

    python -m benchmarks.memory --model MODEL --text PREFIX --test PREFIX [--other NAME=PREFIX ...]
        [--pairs 200] [--lines 1000] [--rounds 5] [--threads N] [--fuzzy LIKENESS] [--set KEY=VALUE ...]

PREFIX is parallel text in the model's languages as mtkit reads it. So many pairs of --text, drawn by chance, are the
memory, as if somebody had corrected them. Then, with and without it:

- the pairs themselves: how many come out as they were corrected;
- --test, of the same kind, without what is in the memory: BLEU of all lines and of those that were steered, and how
  many of the others are as before;
- each --other text, the same;
- speed on --test, in turns, by the clock and by processor time; the first time with a memory its examples go through
  the model, from then on they are kept;
- how long it takes until a pair that is added counts, in a memory of this size and of 100,000.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mtkit.config import parse_decode
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Texts, scores
from mtkit.ops.device import set_threads
from mtkit.text.memory import Memory
from mtkit.text.readers.reader import Pair, locate
from mtkit.translator.memory import LEAST, Remembering
from mtkit.translator.request import MEMORY, MODEL, STEERED, Translation
from mtkit.translator.translator import Translator

MANY = 100_000


class Compared:
    """A translator without and with a memory, on texts."""

    def __init__(self, translator: Translator, remembering: Remembering) -> None:
        self.translator, self.remembering = translator, remembering
        self.tokenize, _ = tokenizer_for("auto", translator.target_lang)
        self.signature = ""

    def bleu(self, made: Sequence[Translation], pairs: Sequence[Pair], rows: Sequence[int]) -> float:
        """Of some lines."""
        if not rows:
            return float("nan")
        texts = Texts([made[i].text for i in rows], [[pairs[i][1] for i in rows]], None, self.tokenize)
        (found,) = scores(("bleu",), texts)
        self.signature = found.signature
        return found.score

    def line(self, name: str, pairs: Sequence[Pair]) -> str:
        """BLEU of a text, before and after, and of those of its lines that were and were not steered."""
        sources = [source for source, _ in pairs]
        before, after = self.translator.translate(sources), self.remembering.translate(sources)
        every = range(len(pairs))
        steered, alone = ([i for i in every if after[i].origin == origin] for origin in (STEERED, MODEL))
        same = sum(after[i].text == before[i].text for i in alone)
        told = " ".join(
            f"{what} {self.bleu(before, pairs, rows):.2f} -> {self.bleu(after, pairs, rows):.2f}"
            for what, rows in (("all", every), ("steered", steered))
        )
        counts = f"{len(pairs):,} lines, {len(steered):,} steered, {same:,} of {len(alone):,} others the same"
        return f"{name}: {counts}; BLEU {told}"


def paced(works: Sequence[Callable[[], object]], rounds: int) -> list[tuple[float, float]]:
    """Median seconds and processor seconds of some works, done in turns."""
    times: list[list[tuple[float, float]]] = [[] for _ in works]
    for _ in range(rounds):
        for work, mine in zip(works, times, strict=True):
            began, used = time.perf_counter(), time.process_time()
            work()
            mine.append((time.perf_counter() - began, time.process_time() - used))
    return [(statistics.median(a for a, _ in mine), statistics.median(b for _, b in mine)) for mine in times]


def until_it_counts(translator: Translator, path: Path, pairs: Sequence[Pair], languages: Pair) -> tuple[float, float]:
    """Seconds to begin with a memory of some pairs, and from when one more was written to when it is answered from."""
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    began = time.perf_counter()
    made = Remembering.of(translator, Memory([path], languages))
    made.translate("One that nobody has said.")
    ready = time.perf_counter() - began
    with path.open("a", encoding="utf-8") as file:
        file.write("Just corrected.\tEben verbessert.\n")
    began = time.perf_counter()
    told, like = made.translate(["Just corrected.", "Just corrected!"])
    assert (told.text, like.origin) == ("Eben verbessert.", STEERED)
    return ready, time.perf_counter() - began


def read(prefix: str, languages: Pair) -> list[Pair]:
    """Pairs that are a line each and have two sides."""
    pairs = [(source.strip(), target.strip()) for source, target in locate(Path(prefix), *languages)]
    return [pair for pair in pairs if all(pair) and "\t" not in "".join(pair)]


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--other", action="append", default=[], metavar="NAME=PREFIX")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--fuzzy", type=float, default=LEAST)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(given)
    set_threads(options.threads)
    settings = parse_decode(options.set, "--set")
    translator = Translator.load(options.model, device="cpu", decode=settings)
    languages = (translator.source_lang, translator.target_lang)
    every = read(options.text, languages)
    random.Random(1).shuffle(every)
    held = list(dict(every[: options.pairs]).items())
    known = {source for source, _ in held}
    unseen = [pair for pair in read(options.test, languages) if pair[0] not in known][: options.lines]
    beam, threads = translator.decode.beam_size, torch.get_num_threads()
    print(f"{options.model}, {translator.precision.name}, beam {beam}, {threads} threads")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.tsv"
        path.write_text("".join(f"{source}\t{target}\n" for source, target in held), encoding="utf-8")

        def remembering() -> Remembering:
            return Remembering.of(translator, Memory([path], languages), options.fuzzy)

        kept = remembering()
        compared = Compared(translator, kept)
        told = kept.translate([source for source, _ in held])
        right = sum(one.text == target and one.origin == MEMORY for one, (_, target) in zip(told, held, strict=True))
        print(f"in the memory: {right:,} of {len(held):,} as corrected", flush=True)
        print(compared.line("unseen", unseen), flush=True)
        for one in options.other:
            name, prefix = one.split("=", 1)
            print(compared.line(name, read(prefix, languages)[: options.lines]), flush=True)
        print(compared.signature)

        sources = [source for source, _ in unseen]
        plain, first, again = paced(
            [
                lambda: translator.translate(sources),
                lambda: remembering().translate(sources),
                lambda: kept.translate(sources),
            ],
            options.rounds,
        )
        for what, (seconds, used) in (("the first time", first), ("again", again)):
            print(
                f"speed with the memory, {what}: {plain[0] / seconds:.2f} of that without it by the clock, "
                f"{plain[1] / used:.2f} by processor time ({len(sources) / plain[0]:,.0f} lines a second without)"
            )
        for size in (len(held), MANY):
            pairs = [(f"{every[i % len(every)][0]} {i // len(every) or ''}".strip(), "x") for i in range(size)]
            ready, counts = until_it_counts(translator, Path(folder) / "grows.tsv", pairs, languages)
            print(f"memory of {size:,}: ready after {ready:.2f} s, a pair counts {counts:.3f} s after it was added")


if __name__ == "__main__":
    main()
