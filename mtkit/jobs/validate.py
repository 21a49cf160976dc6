"""Validation: loss on all of dev, and the scores of real, greedy translations of a part of it.

The processes of a group share it: each takes its share of the batches and of the lines, and all have the same scores.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from mtkit.corpus.batch import Batcher
from mtkit.corpus.sampler import Pairs, Sampler
from mtkit.errors import DivergedError, out_of_memory
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import LOSS, Texts, cautions, scores
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Config, Decode
from mtkit.store.prepared import Prepared
from mtkit.text.tokenizer import Tokenizer
from mtkit.train import loop
from mtkit.train.group import ALONE, Group
from mtkit.train.loss import batch_loss
from mtkit.translator.member import Member
from mtkit.translator.request import Request
from mtkit.translator.translator import Translator

ALWAYS = ("bleu", "chrf")  # what every validation tells, beside the metric that "best" goes by


@dataclass(frozen=True)
class Sample:
    """A translated sentence to look at."""

    source: str
    translation: str
    reference: str


class Cancelled(Exception):
    """A validation is to end early."""


class Validator:
    """Measures a model on the dev set of a prepared corpus.

    Args:
        batcher: makes batches on the model's device.
        check: called between batches; raises `Cancelled` to end a validation early, in all processes.
        group: whoever measures together.

    Attributes:
        signatures: how each metric was computed last.
        directions: where there are several, the metrics of each; in `measure`'s answer stand their means.
    """

    def __init__(
        self,
        config: Config,
        prepared: Prepared,
        tokenizers: tuple[Tokenizer, Tokenizer],
        batcher: Batcher,
        check: Callable[[], None],
        group: Group = ALONE,
    ) -> None:
        self.config, self.batcher, self.check, self.group = config, batcher, check, group
        self.tokenizers = tokenizers
        self.longest = prepared.split("train").longest_source
        sizes = (tokenizers[0].vocab_size, tokenizers[1].vocab_size)
        dev = prepared.split("dev").within(sizes, config.filter.max_pieces)
        self.sampler = Sampler(dev, config.train.batch_tokens, seed=0, rank=group.rank, world=group.size)
        sources, references = prepared.dev_text()
        self.tags = tuple(prepared.tags)
        rows, begin = list[int](), 0
        told: dict[tuple[str | None, tuple[str, str]], list[int]] = {}
        for part in prepared.manifest.splits["dev"]:
            share = min(config.train.validate_lines, len(sources)) * part.pairs / len(sources)
            spread = np.linspace(begin, begin + part.pairs - 1, max(1, round(share))).round().astype(int).tolist()
            own = told.setdefault((part.tag if self.tags else None, part.languages or config.data.own), [])
            own += range(len(rows), len(rows) + len(spread))
            rows += spread
            begin += part.pairs
        self.sources, self.references = [sources[i] for i in rows], [references[i] for i in rows]
        self.ways, warnings = list[_Way](), list[str]()
        for (tag, languages), own in told.items():
            tokenize, warning = tokenizer_for(config.eval.tokenize, languages[1])
            several = sum(languages == other for _, other in told) > 1
            name = f"{'-'.join(languages)}{f' <{tag}>' if several else ''}"
            self.ways.append(_Way(name, tag, languages, tokenize, own))
            warnings.append(warning)
        lengths = [len(ids) for ids in tokenizers[0].encode(self.sources)]
        self.by_length = np.argsort(lengths, kind="stable").tolist()
        self.sample_row = self.by_length[len(lengths) // 2]
        chosen = config.train.metric
        self.metrics = [*ALWAYS, *({chosen} - {LOSS, *ALWAYS})]
        for way in self.ways:
            warnings += cautions(self.metrics, Texts([], [way.of(self.references)], tokenize=way.tokenize))
        self.warnings = list(dict.fromkeys(filter(None, warnings)))
        self.signatures: dict[str, str] = {}
        self.directions: dict[str, dict[str, float]] = {}
        self.parts = 1

    def _loss(self, model: Seq2Seq, pair: Pairs) -> tuple[float, int]:
        """The loss of a batch and its tokens; in parts if memory runs out, as in training."""
        total, count = 0.0, 0
        try:
            for batch in loop.in_parts([pair], self.parts, self.batcher)[0]:
                loss, tokens = batch_loss(model, batch)
                total, count = total + float(loss), count + tokens
            return total, count
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or self.parts >= len(pair[0]):
                raise
        self.parts *= 2
        return self._loss(model, pair)

    def _translator(self, model: Seq2Seq, way: "_Way") -> Translator:
        """The model as the commands would use it, with what may be said as the config has it, but greedy."""
        member = Member(model, *self.tokenizers, self.longest, tags=self.tags, spans=self.config.data.hidden)
        asked = self.config.decode
        decode = Decode.model_validate(
            {"beam_size": 1, "max_ratio": asked.max_ratio, "precision": "fp32", "rules": asked.rules}
        )
        return Translator([member], decode, way.languages, way.tag)

    def measure(self, model: Seq2Seq) -> tuple[dict[str, float], Sample]:
        """Loss a target token (no smoothing), metrics by name, and a sample translation."""
        model.eval()
        own = None
        with contextlib.suppress(Cancelled):
            with torch.inference_mode():
                losses = list(self._losses(model))
            own = (losses, list(self._translations(model)))
        shares = self.group.gathered(own)
        if None in shares:
            raise Cancelled
        total, count = 0.0, 0
        for loss, tokens in chain.from_iterable(zip(*(losses for losses, _ in shares), strict=True)):
            total, count = total + loss, count + tokens  # in the order of one process
        if not math.isfinite(total):
            raise DivergedError(
                f"the loss on dev is {total}: training diverged; start anew with a lower train.lr", remedy="fresh"
            )
        translations = [""] * len(self.sources)
        for row, text in chain.from_iterable(found for _, found in shares):
            translations[row] = text
        row = self.sample_row
        sample = Sample(self.sources[row], translations[row], self.references[row])
        return {LOSS: total / count} | self._scored(translations), sample

    def _scored(self, translations: list[str]) -> dict[str, float]:
        """The metrics of the translations; of several directions, the mean of theirs."""
        found = [
            scores(
                self.metrics, Texts(way.of(translations), [way.of(self.references)], way.of(self.sources), way.tokenize)
            )
            for way in self.ways
        ]
        by_metric = list(zip(*found, strict=True))
        self.signatures = {some[0].name: " / ".join(dict.fromkeys(one.signature for one in some)) for some in by_metric}
        if len(found) > 1:
            told = zip(self.ways, found, strict=True)
            self.directions = {way.name: {one.name: one.score for one in some} for way, some in told}
        return {some[0].name: math.fsum(one.score for one in some) / len(some) for some in by_metric}

    def _losses(self, model: Seq2Seq) -> Iterator[tuple[float, int]]:
        """Of each batch of this process, with its tokens."""
        for pair in self.sampler.epoch(0):
            self.check()
            yield self._loss(model, pair)

    def _translations(self, model: Seq2Seq) -> Iterator[tuple[int, str]]:
        """Of the lines of this process, each with its row."""
        rows = range(len(self.sources))
        if self.group.size > 1:  # of all lengths as many as the others
            rows = self.by_length[self.group.rank :: self.group.size]
        # Placeholders and the like as the model says them, not as they are put in.
        request = Request(protect=self.config.data.spans)
        for way in self.ways:
            wanted = frozenset(way.rows)
            own = [row for row in rows if row in wanted]
            made = self._translator(model, way).translations([self.sources[row] for row in own], request=request)
            for row, one in zip(own, made, strict=True):
                self.check()
                yield row, one.text


@dataclass(frozen=True)
class _Way:
    """What of dev is to be translated in one way.

    Attributes:
        name: its direction, with the tag where there are several of that.
        tag: what is said before its sources; None: nothing ever is.
        tokenize: sacreBLEU's tokenizer for its target language.
        rows: of its lines, among all that are translated.
    """

    name: str
    tag: str | None
    languages: tuple[str, str]
    tokenize: str
    rows: Sequence[int]

    def of(self, lines: list[str]) -> list[str]:
        """Its own of all lines."""
        return [lines[row] for row in self.rows]
