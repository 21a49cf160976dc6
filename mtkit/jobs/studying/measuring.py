"""What a study measures of a run, a function a measure: numbers by name, and series of them by point."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from mtkit import files
from mtkit.config import Loaded
from mtkit.jobs.studying import alignments, gradients
from mtkit.jobs.studying.recorder import Updated
from mtkit.jobs.texts import used
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Texts, scores
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.registry import CHOICES
from mtkit.report.results import Number
from mtkit.schema.study import Alignment, Between, Dev, Gradients, Recall, Remembered, Scores
from mtkit.store import bundle, log
from mtkit.store.bundle import Bundle
from mtkit.store.prepared import Prepared
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.translator import Translator

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Found:
    """What measures give."""

    values: dict[str, Number] = field(default_factory=dict)
    series: dict[str, dict[str, Number]] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A run that is over, and what can be asked of it."""

    loaded: Loaded
    prepared: Prepared
    updates: list[Updated]
    diverged: bool
    text: Recall | None

    @property
    def best(self) -> Path | None:
        """The folder of its best model; None: it has none, since it went wrong before the first validation."""
        folder = files.standing(self.loaded.run_folder / "best")
        return folder if folder.exists() else None

    @cached_property
    def bundle(self) -> Bundle | None:
        best = self.best
        return bundle.load(best, CPU) if best else None

    @cached_property
    def tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Of source and target."""
        made = [Tokenizer.read(path) for path in self.prepared.tokenizer_files]
        return made[0], made[-1]

    @cached_property
    def test(self) -> list[Pair]:
        """The pairs of the test sets."""
        return [pair for use in used(self.loaded, self.loaded.config.data.test) for pair in use.reader]

    @cached_property
    def translations(self) -> list[str]:
        """Of the sources of the test sets; blank where there is no model."""
        if (best := self.best) is None:
            return [""] * len(self.test)
        translator = Translator.load(best, device="cpu", precision="fp32")
        return [one.text for one in translator.translations(source for source, _ in self.test)]

    def fresh(self) -> Seq2Seq:
        """The model as it was before the first update."""
        config, (source, target) = self.loaded.config, self.tokenizers
        shared = len(self.prepared.tokenizer_files) == 1
        torch.manual_seed(config.seed)
        return build(config.model, source.vocab_size, target.vocab_size, shared, config.train.bptt_steps)

    def longest(self, count: int) -> tuple[list[list[int]], list[int]]:
        """The ids of the longest sources of test, with their ends, and the first piece of each target."""
        source, target = self.tokenizers
        pairs = [(fold(one), fold(other)) for one, other in self.test]
        sources = [[*ids, source.eos] for ids in source.encode([one for one, _ in pairs])]
        firsts = [ids[0] if ids else target.eos for ids in target.encode([other for _, other in pairs])]
        order = sorted(range(len(sources)), key=lambda row: -len(sources[row]))[:count]
        return [sources[row] for row in order], [firsts[row] for row in order]


def test(made: Made, settings: Scores) -> Found:
    """Scores of the translations of test, and of buckets of source length."""
    found = _scored(made, settings.metrics, range(len(made.test)))
    found.series.update({f"{metric}_by_length": {} for metric in settings.metrics if settings.lengths})
    edges = [0, *settings.lengths, math.inf]
    for name, (low, high) in zip(settings.buckets(), pairwise(edges), strict=False):
        rows = [row for row, (source, _) in enumerate(made.test) if low < len(source.split()) <= high]
        for metric, score in _scored(made, settings.metrics, rows).values.items():
            found.series[f"{metric}_by_length"][name] = score
    return found


def dev(made: Made, settings: Dev) -> Found:
    """Scores of the best validation, and of the last one by so many minutes."""
    facts = made.bundle.config.training if made.bundle else None
    best = facts.scores if facts else {}
    found = Found({f"dev_{name}": best.get(name) for name in ("loss", "bleu", "chrf")})
    validations = [one for one in log.read(made.loaded.run_folder / "log.jsonl") if isinstance(one, log.Validation)]
    if settings.minutes:
        found.series["dev_bleu_by_minutes"] = {
            f"{minute:g}": next(
                (one.scores["bleu"] for one in reversed(validations) if one.seconds <= 60 * minute), None
            )
            for minute in settings.minutes
        }
    return found


def recall(made: Made, settings: Remembered) -> Found:
    """The share of words of each target that stand in their place, by distance."""
    assert made.text is not None, "the schema sees to that"
    right: dict[int, list[bool]] = {}
    for (source, target), found in zip(made.test, made.translations, strict=True):
        words, said = target.split(), found.split()
        marks = right.setdefault(len(source.split()) - len(words), [])
        marks += [place < len(said) and said[place] == word for place, word in enumerate(words)]
    shares = {distance: sum(marks) / len(marks) for distance, marks in sorted(right.items())}
    reach = 0
    for distance, share in shares.items():
        if share < settings.enough:
            break
        reach = distance
    every = [mark for marks in right.values() for mark in marks]
    by_distance: dict[str, Number] = {str(distance): share for distance, share in shares.items()}
    return Found({"recall": sum(every) / len(every), "reach": float(reach)}, {"recall_by_distance": by_distance})


def of_gradients(made: Made, settings: Gradients) -> Found:
    """Norms of gradients by steps, before training and after it."""
    sources, firsts = made.longest(settings.sentences)
    models = {"gradient_at_start": made.fresh(), "gradient_trained": made.bundle.model if made.bundle else None}
    series: dict[str, dict[str, Number]] = {}
    for name, model in models.items():
        found: dict[int, float | None] = dict.fromkeys(settings.steps)
        if model is not None:
            found = gradients.by_steps(model, sources, firsts, made.tokenizers[1].bos, settings.steps)
        series[name] = _points(found)
    return Found(series=series)


def between(made: Made, settings: Between) -> Found:
    """What norms between time steps would do before training."""
    sources, firsts = made.longest(settings.sentences)
    by_norm, neighbours = gradients.between_steps(made.fresh(), sources, firsts, made.tokenizers[1].bos, settings.steps)
    return Found(
        {f"neighbours_{name}": _finite(change) for name, change in neighbours.items()},
        {f"gradient_between_{name}": _points(found) for name, found in by_norm.items()},
    )


def alignment(made: Made, settings: Alignment) -> Found:
    """How often attention looks elsewhere than a lexical model."""
    if (best := made.best) is None:
        return Found({"alignment_error": None, "linked_words": None})
    translator = Translator.load(best, device="cpu", precision="fp32")
    pairs, split = made.test[: settings.sentences], made.prepared.split("train")
    share, linked = alignments.error(translator, made.tokenizers, split, pairs, settings.rank)
    return Found({"alignment_error": share, "linked_words": float(linked)})


def updates(made: Made, _: Any) -> Found:
    """What updates told."""
    norms, losses = [one.grad_norm for one in made.updates], [one.loss for one in made.updates]
    return Found(
        {
            "updates": float(len(made.updates)),
            "largest_gradient": _finite(max(norms, default=math.nan)),
            "median_gradient": _finite(statistics.median(norms)) if norms else None,
            "largest_loss": _finite(max(losses, default=math.nan)),
            "diverged": float(made.diverged),
        }
    )


def speed(made: Made, _: Any) -> Found:
    """What the clock said of updates: the median, since others may have used the machine, too."""
    if not made.updates:
        return Found({"tokens_per_second": None, "seconds_per_update": None})
    return Found(
        {
            "tokens_per_second": statistics.median(one.target_tokens / one.seconds for one in made.updates),
            "seconds_per_update": statistics.median(one.seconds for one in made.updates),
        }
    )


def size(made: Made, _: Any) -> Found:
    """Parameters, and states of the memory for a source of test."""
    model = made.fresh()
    lengths = [len(ids) + 1 for ids in made.tokenizers[0].encode([fold(source) for source, _ in made.test])]
    states = [-(-length // model.stride) for length in lengths]
    return Found(
        {
            "parameters": float(sum(one.numel() for one in model.parameters())),
            "memory_states": sum(states) / len(states),
        }
    )


MEASURES: dict[str, Callable[[Made, Any], Found]] = {
    "test": test,
    "dev": dev,
    "recall": recall,
    "gradients": of_gradients,
    "between": between,
    "alignment": alignment,
    "updates": updates,
    "speed": speed,
    "size": size,
}
"""Key of a study's [measure] -> what measures it."""


def _scored(made: Made, metrics: list[str], rows: Iterable[int]) -> Found:
    """Scores of some rows of test; without a model the worst there is, or none."""
    rows = list(rows)
    if not rows:
        return Found(dict.fromkeys(metrics))
    if made.best is None:
        return Found({metric: 0.0 if CHOICES["metric"][metric].higher_is_better else None for metric in metrics})
    config = made.loaded.config
    tokenize, _ = tokenizer_for(config.eval.tokenize, config.data.target_lang)
    texts = Texts(
        [made.translations[row] for row in rows],
        [[made.test[row][1] for row in rows]],
        [made.test[row][0] for row in rows],
        tokenize,
    )
    found = scores(metrics, texts)
    return Found({one.name: one.score for one in found}, signatures={one.name: one.signature for one in found})


def _points(found: dict[int, float | None]) -> dict[str, Number]:
    return {str(step): None if number is None else _finite(number) for step, number in found.items()}


def _finite(number: float) -> Number:
    return number if math.isfinite(number) else None
