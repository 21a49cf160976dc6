"""Validation: loss on all of dev, and the scores of real, greedy translations of a part of it.

The processes of a group share it: each takes its share of the batches and of the lines, and all have the same scores.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
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
        some = min(config.train.validate_lines, len(sources))
        rows = np.linspace(0, len(sources) - 1, some).round().astype(int).tolist()  # spread over dev
        self.sources, self.references = [sources[i] for i in rows], [references[i] for i in rows]
        self.tokenize, warning = tokenizer_for(config.eval.tokenize, config.data.target_lang)
        lengths = [len(ids) for ids in tokenizers[0].encode(self.sources)]
        self.by_length = np.argsort(lengths, kind="stable").tolist()
        self.sample_row = self.by_length[len(lengths) // 2]
        chosen = config.train.metric
        self.metrics = [*ALWAYS, *({chosen} - {LOSS, *ALWAYS})]
        unspaced = cautions(self.metrics, Texts([], [self.references], tokenize=self.tokenize))
        self.warnings = [*([warning] if warning else []), *unspaced]
        self.signatures: dict[str, str] = {}
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

    def _translator(self, model: Seq2Seq) -> Translator:
        """The model as the commands would use it, with what may be said as the config has it, but greedy."""
        member = Member(model, *self.tokenizers, self.longest, spans=self.config.data.hidden)
        asked = self.config.decode
        decode = Decode.model_validate(
            {"beam_size": 1, "max_ratio": asked.max_ratio, "precision": "fp32", "rules": asked.rules}
        )
        return Translator([member], decode, (self.config.data.source_lang, self.config.data.target_lang))

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
        scored = scores(self.metrics, Texts(translations, [self.references], self.sources, self.tokenize))
        self.signatures = {one.name: one.signature for one in scored}
        row = self.sample_row
        sample = Sample(self.sources[row], translations[row], self.references[row])
        return {LOSS: total / count} | {one.name: one.score for one in scored}, sample

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
        made = self._translator(model).translations([self.sources[row] for row in rows], request=request)
        for row, one in zip(rows, made, strict=True):
            self.check()
            yield row, one.text
