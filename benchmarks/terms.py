"""What a glossary, the guard of broken translations and minimum Bayes risk do, and what they cost.

    python -m benchmarks.terms MODEL SOURCE REFERENCE [--terms 200] [--runs 3] [--mbr]

MODEL is a bundle or a name, SOURCE and REFERENCE a test set. Printed are, in turn: of a glossary mined from the test
set how much is rendered, BLEU and time without and with it; of hard lines, made here, loops, copies and the like
without and with the guard, and of the test set's lines how many it touched, and its time; with --mbr, chrF and BLEU of
minimum Bayes risk beside a beam's. Times are medians of runs that take turns, in one process with one thread.
"""

import argparse
import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sacrebleu
import torch

from mtkit import Sampling, Translation, Translator
from mtkit.metrics.broken import broken
from mtkit.metrics.risk import METRICS
from mtkit.store.shipped import meant
from mtkit.text.compression import blocks
from mtkit.text.terms import Form, Glossary, Term

WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
SURE, ASSOCIATED, LEAST = (
    0.9,
    0.5,
    3,
)  # share of references with a term's translation; Dice; times it is there


def lines(path: Path) -> list[str]:
    return b"".join(blocks(path)).decode().split("\n")[:-1]


def mined(sources: Sequence[str], references: Sequence[str], pair: tuple[str, str], most: int) -> Glossary:
    """Words whose translation the references agree on, with its forms that begin alike; the commonest first."""
    given = [{word.lower() for word in WORD.findall(line)} for line in sources]
    right = [set(WORD.findall(line)) for line in references]
    counts, others, both = Counter[str](), Counter[str](), defaultdict[str, Counter[str]](Counter)
    for source, target in zip(given, right, strict=True):
        counts.update(source)
        others.update(target)
        for word in source:
            both[word].update(target)
    found = []
    for word, count in counts.items():
        if count < LEAST or len(word) < 3:
            continue
        dice = {one: 2 * n / (count + others[one]) for one, n in both[word].items()}
        best = max(dice, key=lambda one: (dice[one], one))
        alike = [one for one in dice if one[:4].lower() == best[:4].lower() and abs(len(one) - len(best)) < 3]
        forms = sorted(alike, key=lambda one: -dice[one])
        there = [target for source, target in zip(given, right, strict=True) if word in source]
        if dice[best] >= ASSOCIATED and sum(not target.isdisjoint(forms) for target in there) >= SURE * len(there):
            found.append((count, word, forms))
    found.sort(reverse=True)
    return Glossary([Term((Form(word),), tuple(map(Form, forms))) for _, word, forms in found[:most]], pair)


def hard(sources: Sequence[str], count: int = 300) -> list[str]:
    """Lines that models say nonsense of: single words, capitals, numbers, names, code, emoji, scripts, all lengths."""
    words = sorted({word for line in sources for word in WORD.findall(line)})
    step = max(1, len(words) // 60)
    made = words[::step][:60]
    made += [word.upper() for word in made[::2]]
    made += [" ".join([word] * times) for word, times in zip(made[:30], [2, 3, 5, 9, 20, 60] * 5, strict=True)]
    made += [line.upper() for line in sources[:30]]
    made += [f"{word} {number}" for word, number in zip(made, (7, 42, 1984, 31536000, 3.14159), strict=False)]
    made += [f"{n}. {n * 37}, {n * 1001:,} {words[n]} {n}/{n + 3}" for n in range(1, 21)]
    made += ["Привет, мир", "你好，世界。", "안녕하세요 세계", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया"]
    made += ["🙂", "👍 👍 👍", "a 🎉 b", "…", "?!", "-", "a", "I", "***", "e.g.", "x = y + 1;", "if (a < b) { f(c); }"]
    made += ["for i in range(10): print(i)", "SELECT name FROM users WHERE id = 3", "C:\\temp\\a.txt", "a" * 30]
    made += ["Tom Smith", "Mr. O'Neill-Jones of St. Mary's", "Reykjavík", "Łódź", "New York, London, Paris, Berlin"]
    made += [" ".join(sources[start : start + size]) for size in (2, 4, 8, 16) for start in range(0, 60, 5)]
    made += [" ".join(words[start : start + 200 : 7]) for start in range(0, 400, 10)]
    made += [line.replace(" ", "") for line in sources[:10]] + [line[: len(line) // 3] for line in sources[:60]]
    return made[:count]


def timed(runs: int, *jobs: Callable[[], list[Translation]]) -> tuple[list[list[Translation]], list[float]]:
    """What each job makes, and the median of its seconds; they take turns."""
    made = [job() for job in jobs]
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(runs):
        for job, own in zip(jobs, seconds, strict=True):
            start = time.perf_counter()
            job()
            own.append(time.perf_counter() - start)
    return made, list(map(statistics.median, seconds))


def translated(translator: Translator, some: list[str], **wanted: Any) -> list[Translation]:
    return translator.translate(some, **wanted)


def texts(made: Sequence[Translation]) -> list[str]:
    return [one.text for one in made]


def scores(made: Sequence[Translation], references: list[str]) -> str:
    found = texts(made)
    bleu, chrf = sacrebleu.corpus_bleu(found, [references]), sacrebleu.corpus_chrf(found, [references])
    return f"BLEU {bleu.score:.2f}  chrF {chrf.score:.2f}"


def of_glossary(translator: Translator, sources: list[str], references: list[str], most: int, runs: int) -> None:
    terms = mined(sources, references, (translator.source_lang, translator.target_lang), most)
    (plain, with_terms), (before, after) = timed(
        runs,
        partial(translated, translator, sources, guard=False),
        partial(translated, translator, sources, guard=False, glossary=terms),
    )
    asked = [term for one in with_terms for term in one.terms]
    there = [term for one in plain for term in terms.told(terms.find(one.source), one.text)]
    rendered, by_itself = (sum(term.rendered for term in some) for some in (asked, there))
    same = sum(a.text != b.text for a, b in zip(plain, with_terms, strict=True) if not b.terms)
    having = sum(bool(one.terms) for one in with_terms)
    print(f"glossary: {len(terms)} terms, asked for {len(asked)} times in {having} lines")
    print(f"  without: {100 * by_itself / len(asked):.1f} % rendered  {scores(plain, references)}  {before:.2f} s")
    print(f"  with:    {100 * rendered / len(asked):.1f} % rendered  {scores(with_terms, references)}  {after:.2f} s")
    print(f"  times {after / before:.2f}; lines without a term that changed: {same}")


def of_guard(translator: Translator, sources: list[str], references: list[str], runs: int) -> None:
    pair = (translator.source_lang, translator.target_lang)
    difficult = hard(sources)
    for name, some in (("hard", difficult), ("test", sources)):
        (plain, guarded), (before, after) = timed(
            runs, partial(translated, translator, some, guard=False), partial(translated, translator, some, guard=True)
        )
        print(f"guard, {len(some)} {name} lines: touched {sum(bool(one.broken) for one in guarded)}", end="; ")
        changed = sum(a.text != b.text for a, b in zip(plain, guarded, strict=True))
        print(f"changed {changed}; {before:.2f} s without, {after:.2f} s with")
        for what, made in (("without", plain), ("with", guarded)):
            found = Counter(fault for one in made for fault in broken(one.source, one.text, pair))
            print(f"  {what}: {dict(found) or 'nothing broken'}")
        if name == "test":
            print(f"  {scores(plain, references)} without, {scores(guarded, references)} with")
            kept = sum(bool(broken(a, b, pair)) for a, b in zip(sources, references, strict=True))
            print(f"  of the references {kept} of {len(references)} would be touched")


def of_risk(translator: Translator, sources: list[str], references: list[str], runs: int) -> None:
    ways: dict[str, dict[str, Any]] = {"beam": {}, "beam of 16": {"beam_size": 16}}
    for metric in METRICS:
        ways[f"--mbr {metric}, beam of 16"] = {"beam_size": 16, "mbr": metric}
        ways[f"--mbr {metric}, 32 draws"] = {"mbr": metric, "sampling": Sampling(1.0, 10), "draws": 32}
    made, seconds = timed(
        runs, *(partial(translated, translator, sources, guard=False, **wanted) for wanted in ways.values())
    )
    for name, found, own in zip(ways, made, seconds, strict=True):
        print(f"{name:26} {scores(found, references)}  {own:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("source", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--terms", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--mbr", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    translator = Translator.load(meant(Path(given.model)), device="cpu")
    sources, references = (lines(path)[: given.lines] for path in (given.source, given.reference))
    print(f"{given.model}: {len(sources)} lines, beam {translator.decode.beam_size}, {translator.precision.name}")
    of_glossary(translator, sources, references, given.terms, given.runs)
    of_guard(translator, sources, references, given.runs)
    if given.mbr:
        of_risk(translator, sources, references, given.runs)


if __name__ == "__main__":
    main()
