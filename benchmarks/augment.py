"""What changing pairs while training costs, and what it gains on text as it also comes.

    python -m benchmarks.augment price [--config CONFIG] [--set KEY=VALUE ...] [--updates 40] [--rounds 5]
    python -m benchmarks.augment scores --model DIR [--model DIR ...] --test PREFIX [--lines N] [--set KEY=VALUE ...]

`price` makes batches of a config's text, plain and changed in turns, and updates on both: seconds a million target
tokens of each, medians of the rounds. Without [augment] in the config each share is a tenth.

`scores` translates a test text as it is, in capitals, in title case, without final marks (references likewise), with
typing errors and with wrong spaces in its sources; and with emoji, addresses and placeholders put beside both sides, of
which it also says in how many lines they came through. BLEU of each model.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from mtkit.config import load, parse_decode
from mtkit.corpus.batch import Batcher
from mtkit.corpus.sampler import Pairs, Sampler
from mtkit.jobs import augmenting, choosing
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.view import Silent
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Texts, scores
from mtkit.model.build import build
from mtkit.schema import Augment
from mtkit.text.changes import NAMES, PASSING, Changes
from mtkit.text.draws import Draws
from mtkit.text.readers.reader import Pair, locate
from mtkit.text.tokenizer import Tokenizer
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates
from mtkit.translator.translator import Translator

SHARE = 0.1


def price(options: argparse.Namespace) -> None:
    """Print what a million target tokens cost, plain and changed."""
    loaded = load(options.config, options.set)
    config = loaded.config
    if not config.augment.any:
        config = config.model_copy(update={"augment": Augment(**dict.fromkeys(NAMES, SHARE))})
    prepared, _ = preprocess(loaded, Silent())
    tokenizers = [Tokenizer.read(path) for path in prepared.tokenizer_files]
    source, target = tokenizers[0], tokenizers[-1]
    split = prepared.split("train")
    begun = time.perf_counter()
    augmented = augmenting.of(config, split, (source, target))
    plain = Sampler(split, config.train.batch_tokens, config.seed)
    changed = replace(plain, augmented=augmented)
    print(f"{changed.batches(0):,} batches an epoch, {plain.batches(0):,} plain; known after", end=" ")
    print(f"{time.perf_counter() - begun:.2f} s; target tokens {changed.target_tokens / plain.target_tokens:.3f} times")
    batcher = Batcher(source.eos, target.bos, target.eos)
    model = build(config.model, source.vocab_size, target.vocab_size, shared=len(tokenizers) == 1)
    progress = Progress()
    training = Training.begin(model, config.train, progress)
    progress.decide_precision(choosing.choice(config.train.precision, torch.device("cpu"), model).name)
    updates = Updates(training, config.train, config.seed)
    found: dict[str, list[tuple[float, float]]] = {"plain": [], "changed": []}
    streams = {"plain": plain.epoch(0), "changed": changed.epoch(0)}
    for some in streams.values():  # the first ones learn lengths, and compile
        _timed(updates, batcher, list(islice(some, 5)))
    for _ in range(options.rounds):
        for name, some in streams.items():
            begun = time.perf_counter()
            pairs = list(islice(some, options.updates))
            sampling = time.perf_counter() - begun
            training_, tokens = _timed(updates, batcher, pairs)
            found[name].append((1e6 * sampling / tokens, 1e6 * training_ / tokens))
    for name, rows in found.items():
        sampling, learning = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:<8} a million target tokens: {sampling:7.2f} s sampling, {learning:7.1f} s updates", end=" ")
        print(f"({100 * sampling / (sampling + learning):.2f}%)")


def _timed(updates: Updates, batcher: Batcher, pairs: Sequence[Pairs]) -> tuple[float, int]:
    begun, tokens = time.perf_counter(), 0
    for sources, targets in pairs:
        batch = batcher(sources, targets)
        updates.gradients([[batch]], batch.target_tokens)
        updates.apply(1e-4)
        tokens += batch.target_tokens
    return time.perf_counter() - begun, tokens


def robustness(options: argparse.Namespace) -> None:
    """Print the scores of models on a text as it also comes."""
    decode = parse_decode(options.set, "--set")
    translators = [Translator.load(path, device="cpu", decode=decode) for path in options.model]
    languages = (translators[0].source_lang, translators[0].target_lang)
    pairs = list(locate(options.test, *languages).folded())[: options.lines]
    changes = Changes(languages)
    tokenize, _ = tokenizer_for("auto", languages[1])
    signature = ""
    for name in ("", *NAMES):
        if name == "join":
            text = [changes([a, b], [name], Draws(0)) for a, b in zip(pairs[::2], pairs[1::2], strict=False)]
        else:
            text = [changes([pair], [name] if name else [], Draws(n)) for n, pair in enumerate(pairs)]
        row = []
        for translator in translators:
            made = [found.text for found in translator.translate([source for source, _ in text])]
            (score,) = scores(("bleu",), Texts(made, [[target for _, target in text]], None, tokenize))
            signature = score.signature
            row.append(f"{score.score:6.2f}" + (f" {_came_through(made, text, pairs):4.0%}" if name in PASSING else ""))
        print(f"{name or 'as it is':<14}{'   '.join(row)}")
    print(signature)


def _came_through(made: Sequence[str], text: Sequence[Pair], pairs: Sequence[Pair]) -> float:
    """In how many lines stands what was put beside."""
    put = [source.replace(plain, "\0").split("\0") for (source, _), (plain, _) in zip(text, pairs, strict=True)]
    there = [all(part.strip() in line for part in parts) for parts, line in zip(put, made, strict=True)]
    return sum(there) / len(there)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    of_price = commands.add_parser("price")
    of_price.add_argument("--config")
    of_price.add_argument("--updates", type=int, default=40)
    of_price.add_argument("--rounds", type=int, default=5)
    of_price.set_defaults(run=price)
    of_scores = commands.add_parser("scores")
    of_scores.add_argument("--model", type=Path, action="append", required=True)
    of_scores.add_argument("--test", type=Path, required=True)
    of_scores.add_argument("--lines", type=int, default=1000)
    of_scores.set_defaults(run=robustness)
    for one in (of_price, of_scores):
        one.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
