"""What the cleaning rules find in a text that is damaged on purpose, and how fast.

    python -m benchmarks.cleaning PREFIX --languages de en [--other FILE] [--pairs 100000] [--workers 2] [--language]

PREFIX is clean parallel text as mtkit reads it. A tenth of its pairs each is damaged in one of six ways: the target in
another language (lines of --other, text of a third language; without it these are left out), shifted by one line,
cut off, a copy of the source, mojibake, a number changed (of the pairs that have numbers). Printed are, of the rules of
`filter.preset = "web"` (with those that always are), how many pairs of each kind they drop, which rule does, and the
share of clean pairs that they drop, too; of each rule precision (damaged, of what it drops) and recall (dropped by it,
of all damaged pairs that it is meant for); then pairs a second, without the rule on languages unless --language is
given, for one process and for --workers.
"""

import argparse
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit.jobs.preparing.chunks import Chunk, Treatment, cut
from mtkit.jobs.preparing.plan import Judge
from mtkit.jobs.sharing import Processes
from mtkit.schema import Filter
from mtkit.text.cleaning.near import near_key
from mtkit.text.compression import blocks
from mtkit.text.filters import TextRules, key
from mtkit.text.readers.reader import Pair, locate

SHARE = 0.1
NUMBER = re.compile(r"\d+")
MEANT = {  # rule -> the damage that it is meant for
    "language": {"wrong language"},
    "script": {"wrong language"},
    "max_char_ratio": {"cut off", "shifted"},
    "max_word_ratio": {"cut off", "shifted"},
    "drop_copies": {"copied"},
    "mojibake": {"mojibake"},
    "numbers": {"number changed", "shifted"},
    "spans": {"shifted"},
}


@dataclass(frozen=True)
class Damaged:
    """A pair, and what was done to it; "": nothing."""

    pair: Pair
    how: str


def damaged(pairs: Sequence[Pair], other: Sequence[str], seed: int) -> Iterator[Damaged]:
    """Pairs of which a tenth each is damaged in one of the ways."""
    rng = random.Random(seed)
    ways = [*(["wrong language"] if other else []), "shifted", "cut off", "copied", "mojibake", "number changed"]
    for number, (source, target) in enumerate(pairs):
        place = rng.random() / SHARE
        how = ways[int(place)] if place < len(ways) else ""
        made = target
        if how == "wrong language":
            made = rng.choice(other)
        elif how == "shifted":
            made = pairs[(number + 1) % len(pairs)][1]
        elif how == "cut off":
            words = target.split()
            made = " ".join(words[: len(words) // 3])
        elif how == "copied":
            made = source
        elif how == "mojibake":
            made = target.encode().decode("latin-1")
        elif how == "number changed":
            made = NUMBER.sub(lambda found: str(int(found[0][:15]) + rng.randint(1, 50)), target)
        # What the damage left as it was, or left nothing of, is not counted for it.
        yield Damaged((source, made or target), how if made and made != target else "")


def line(name: str, *cells: str) -> None:
    print(f"{name:<18}" + "".join(f"{cell:>16}" for cell in cells))


def judged(text: Sequence[Damaged], treatment: Treatment, languages: Pair) -> list[str]:
    """The rule that each pair breaks, those on what comes twice among them; "": none. "repaired": it was put right."""
    found, seen = [], set[int]()
    for one in text:
        ((pair, rule, names),) = treatment.judged(Chunk("", 0, [one.pair], languages=languages))
        if rule is None:
            keys = {key(*pair): "dedupe", near_key(*pair): "near_duplicates"}
            rule = next((name for value, name in keys.items() if value in seen), None)
            seen.update(keys)
        found.append(rule or ("repaired" if names else ""))
    return found


def report(text: Sequence[Damaged], rules: Sequence[str]) -> None:
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one, rule in zip(text, rules, strict=True):
        kinds[one.how][rule] += 1
    line("damage", "pairs", "dropped", "repaired", "   by")
    for how, found in sorted(kinds.items()):
        total = found.total()
        stay, repaired = found.pop("", 0), found.pop("repaired", 0)
        by = ", ".join(f"{rule} {count / total:.1%}" for rule, count in found.most_common(5))
        gone = total - stay - repaired
        line(how or "none", f"{total:,}", f"{gone / total:.2%}", f"{repaired / total:.2%}", f"   {by}")
    print()
    line("rule", "dropped", "precision", "recall")
    every = Counter(rules)
    right = Counter(rule for one, rule in zip(text, rules, strict=True) if one.how)
    for rule, count in every.most_common():
        if rule not in ("", "repaired"):
            meant = [found for one, found in zip(text, rules, strict=True) if one.how in MEANT.get(rule, ())]
            recall = f"{meant.count(rule) / len(meant):.1%}" if meant else "-"
            line(rule, f"{count:,}", f"{right[rule] / count:.1%}", recall)
    print()


def speed(pairs: Sequence[Pair], languages: Pair, treatment: Treatment, workers: int, rounds: int = 3) -> float:
    """Pairs a second of the first reading, as `mtkit preprocess` does it; the median of some rounds."""
    taken = []
    with Processes(workers)(Judge(treatment, False, near=bool(treatment.cleaning))) as each:
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in each(cut(pairs, "text", languages=languages)):
                pass
            taken.append(time.perf_counter() - start)
    return len(pairs) / sorted(taken)[rounds // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--languages", nargs=2, required=True, metavar=("SOURCE", "TARGET"))
    parser.add_argument("--other", type=Path, help="lines of a third language")
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--language", action="store_true", help="measure the speed with the rule on languages")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    source, target = given.languages
    every = list(locate(given.prefix, source, target).folded())
    # Sorted, since neighbours stay neighbours: a shift by one line is then as hard to see as it is in the text itself.
    places = sorted(random.Random(given.seed).sample(range(len(every)), min(given.pairs, len(every))))
    pairs = [every[place] for place in places]
    other = b"".join(blocks(given.other)).decode().split("\n")[:-1] if given.other else []
    text = list(damaged(pairs, other, given.seed))
    on = Filter(preset="web").cleaning()
    rules = TextRules(Filter().max_chars, Filter().drop_copies)
    report(text, judged(text, Treatment(rules, 0.0, tuple(on.items())), (source, target)))
    if not given.language:
        del on["language"]
    dirty = [one.pair for one in text]
    for name, cleaning in (("always on", ()), ("all", tuple(on.items()))):
        treatment = Treatment(rules, 0.0, cleaning)
        cells = [f"{speed(dirty, (source, target), treatment, workers):,.0f}" for workers in (1, given.workers)]
        line(f"pairs/s, {name}", *cells)


if __name__ == "__main__":
    main()
