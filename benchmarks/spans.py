"""Whether spans come out exactly once each and nested, in random places, and what that costs.

    python -m benchmarks.spans MODEL SOURCE [--lines 2000] [--runs 1]

MODEL is a bundle or a name, SOURCE lines of its source language, into each of which 1 to 6 spans are put: placeholders,
addresses, code, emoji, and tags that enclose words, some within others. Printed are how many lines have every span
exactly once, how many nest as their source does, how many warn, of the spans that stood beside a word how many stand
beside one that attention links to it, and the time beside that of the lines without spans.
"""

import argparse
import random
import time
from collections import Counter
from pathlib import Path

import torch

from mtkit import Translation, Translator
from mtkit.store.shipped import meant
from mtkit.text.compression import blocks
from mtkit.text.spans import Span, find, pairs

KINDS = ["{0}", "%s", "{name}", "%1$d", "${user}", "<br/>", "http://ex.org/?a=1", "a.b@ex.org", "`git log`", "🎉"]


def spanned(line: str, rng: random.Random) -> str:
    """A line with 1 to 6 spans; a pair of tags counts as two."""
    words, wanted = line.split(), rng.randint(1, 6)
    gaps: list[list[str]] = [[] for _ in range(len(words) + 1)]
    opened: list[tuple[int, int]] = []
    while wanted > 0:
        if wanted >= 2 and rng.random() < 0.5:
            first = rng.randint(0, len(words) - 1)
            last = rng.randint(first + 1, len(words))
            # Only what nests: inside another pair, around it, or apart.
            if all(
                b <= first or last <= a or (a <= first and last <= b) or (first <= a and b <= last) for a, b in opened
            ):
                opened.append((first, last))
            wanted -= 2
        else:
            gaps[rng.randint(0, len(words))].append(rng.choice(KINDS))
            wanted -= 1
    opened.sort(key=lambda one: (one[0], -one[1]))
    names = dict(zip(opened, rng.sample(["b", "i", "a", "u", "em", "q"], k=min(6, len(opened))), strict=False))
    made: list[str] = []
    for at in range(len(words) + 1):
        closing = "".join(f"</{names[one]}>" for one in reversed(opened) if one in names and one[1] == at)
        if closing:
            made[-1] += closing
        made += gaps[at]
        opening = "".join(f"<{names[one]}>" for one in opened if one in names and one[0] == at)
        if at < len(words):
            made.append(opening + words[at])
    return " ".join(made)


def nested(found: list[Span]) -> Counter[tuple[str, str]]:
    return Counter((found[a].text, found[b].text) for a, b in pairs(found).items())


def beside(line: str, made: Translation) -> tuple[int, int]:
    """Of the spans that are words of their own beside a word, how many stand beside a word that is linked to it."""
    source, target = line.split(), made.text.split()
    links = {(a, b) for a, b in made.candidates[0].alignment or []}
    right = count = 0
    for place, word in enumerate(source):
        if source.count(word) > 1 or word not in target or not find(word) or find(word)[0].text != word:
            continue
        others = [one for one in (place - 1, place + 1) if 0 <= one < len(source) and source[one].isalpha()]
        at = target.index(word)
        if others:
            count += 1
            right += any((one, other) in links for one in others for other in (at - 1, at + 1))
    return right, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("source", type=Path)
    parser.add_argument("--lines", type=int, default=2000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    translator, rng = Translator.load(meant(Path(given.model)), device="cpu"), random.Random(1)
    plain = [line for line in b"".join(blocks(given.source)).decode().split("\n") if line.strip() and not find(line)]
    plain = [plain[row % len(plain)] for row in range(given.lines)]
    some = [spanned(line, rng) for line in plain]
    start = time.perf_counter()
    without = translator.translate(plain, guard=True, align=True)
    between = time.perf_counter()
    made = translator.translate(some, guard=True, align=True)
    end = time.perf_counter()
    assert len(without) == len(made)
    whole = nests = warned = right = count = 0
    for line, one in zip(some, made, strict=True):
        wanted, found = find(line), find(one.text)
        whole += Counter(span.text for span in wanted) == Counter(span.text for span in found)
        nests += nested(wanted) == nested(found)
        warned += bool(one.warnings)
        a, b = beside(line, one)
        right, count = right + a, count + b
    print(f"{given.model}: {len(some)} lines; every span exactly once {whole}, nested {nests}, warned of {warned}")
    print(f"beside a word that is linked to one beside it in the source: {right} of {count}")
    print(
        f"time {end - between:.1f} s, without spans {between - start:.1f} s: {(end - between) / (between - start):.2f}"
    )


if __name__ == "__main__":
    main()
