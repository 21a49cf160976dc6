"""Scores that can be computed again without the text: sacreBLEU's statistics of every segment, and what they add up to.

    python -m benchmarks.scores keep NAME --hyp FILE --ref FILE --lang de [--papers]
    python -m benchmarks.scores show [SYSTEM ...]

`keep` writes data/results/scores/NAME.json.gz: statistics of BLEU (13a, cased) and chrF, a row a segment, and the
sha256 of the output and of the reference. `show` computes the scores from them, and the mean of a system's seeds: names
that differ in a last `.seedN` only are one system. Texts that may not be passed on are not needed for it.

--papers adds BLEU as papers on Multi30k report it: output and references lower-cased, then normalised and tokenised by
sacremoses without escaping, and scored as they are (tokenize = none). The reference of test_2016_flickr.de then has
12,103 tokens. It is no better or worse a score than the other, only another one.
"""

import argparse
import gzip
import hashlib
import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

SCORES = Path(__file__).parents[1] / "data" / "results" / "scores"
SUFFIX = ".json.gz"
PAPERS = "bleu, lower-cased, tokenised by sacremoses, as papers report it"


def metric(name: str) -> Any:
    """What computes a score; the kept statistics are its own."""
    if name == "chrf":
        return CHRF()
    return BLEU(tokenize="none", force=True) if name == PAPERS else BLEU(tokenize="13a")


def prepared(lines: list[str], lang: str) -> list[str]:
    """Text as papers score it."""
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalizer, tokenizer = MosesPunctNormalizer(lang), MosesTokenizer(lang)
    return [tokenizer.tokenize(normalizer.normalize(line.lower()), escape=False, return_str=True) for line in lines]


def statistics_of(hypotheses: list[str], references: list[str], lang: str, papers: bool) -> dict[str, Any]:
    """For each metric its signature and a row of statistics a segment."""
    found = {}
    for name in ("bleu", "chrf", *([PAPERS] if papers else [])):
        texts = (hypotheses, references) if name != PAPERS else (prepared(hypotheses, lang), prepared(references, lang))
        scorer = metric(name)
        rows = scorer._extract_corpus_statistics(texts[0], [texts[1]])
        found[name] = {"signature": str(scorer.get_signature()), "statistics": rows}
    return found


def read(path: Path) -> tuple[list[str], str]:
    """The lines of a file, plain or .gz, and the sha256 of its text."""
    if not path.is_file():
        sys.exit(f"{path} does not exist; expected text, plain or .gz")
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return text.decode().split("\n")[:-1], hashlib.sha256(text).hexdigest()


def keep(name: str, hyp: Path, ref: Path, lang: str, papers: bool, folder: Path = SCORES) -> Path:
    """Write the statistics of an output."""
    (hypotheses, output), (references, reference) = read(hyp), read(ref)
    if len(hypotheses) != len(references):
        sys.exit(f"{hyp} has {len(hypotheses)} lines, {ref} {len(references)}: expected as many")
    whole = {
        "segments": len(hypotheses),
        "output_sha256": output,
        "reference_sha256": reference,
        "metrics": statistics_of(hypotheses, references, lang, papers),
    }
    path = folder / f"{name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    # No time of writing, so that the same scores make the same file.
    path.write_bytes(gzip.compress(json.dumps(whole, separators=(",", ":")).encode(), mtime=0))
    return path


def scores(path: Path) -> dict[str, float]:
    """What kept statistics add up to."""
    whole = json.loads(gzip.decompress(path.read_bytes()))
    found = {}
    for name, values in whole["metrics"].items():
        assert len(values["statistics"]) == whole["segments"]
        found[name] = float(metric(name)._aggregate_and_compute(values["statistics"]).score)
    return found


def kept(folder: Path = SCORES) -> dict[str, list[Path]]:
    """System -> the files of its seeds."""
    systems: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        systems.setdefault(re.sub(r"\.seed\d+$", "", path.name.removesuffix(SUFFIX)), []).append(path)
    return systems


def means(several: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each score."""
    return {key: statistics.mean(one[key] for one in several) for key in several[0]}


def show(names: list[str], folder: Path = SCORES) -> None:
    """Print the scores of each system's outputs, and their means."""
    systems = kept(folder)
    if unknown := set(names) - set(systems):
        sys.exit(f"nothing is kept of {', '.join(sorted(unknown))}; expected some of: {', '.join(systems)}")
    for name in names or systems:
        several = [scores(path) for path in systems[name]]
        for path, made in zip(systems[name], several, strict=True):
            print(line(path.name.removesuffix(SUFFIX), made))
        if len(several) > 1:
            spread = statistics.stdev(one["bleu"] for one in several)
            print(line(f"{name}, mean of {len(several)}", means(several)), f"(BLEU ± {spread:.2f})")


def line(name: str, made: dict[str, float]) -> str:
    text = f"{name:<48} BLEU {made['bleu']:.2f}  chrF {made['chrf']:.2f}"
    return text + (f"  as papers report it {made[PAPERS]:.2f}" if PAPERS in made else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    does = parser.add_subparsers(dest="does", required=True)
    keeping = does.add_parser("keep")
    keeping.add_argument("name")
    for option in ("--hyp", "--ref"):
        keeping.add_argument(option, type=Path, required=True)
    keeping.add_argument("--lang", required=True)
    keeping.add_argument("--papers", action="store_true")
    showing = does.add_parser("show")
    showing.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.does == "keep":
        path = keep(given.name, given.hyp, given.ref, given.lang, given.papers)
        print(line(given.name, scores(path)))
    else:
        show(given.names)


if __name__ == "__main__":
    main()
