"""What a translation may be, whatever the model says. Must not know models, nor how hypotheses are chosen."""

import functools
from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rules:
    """Words that are ruled out at a step, by minus infinity in place of their logits.

    Dimensions: B sentences, K hypotheses of each, V vocabulary, L words so far, P of the longest prefix.

    Attributes:
        eos: the end of sentence.
        never: words that must not be produced.
        limits_B: the most words of each sentence, its end not counted. This and prefix_BP lie in the processor's own
            memory, so that to ask them makes no other device wait.
        min_length: the least words, the end not counted.
        no_repeat_ngram: no so many words in a row come twice; 0: they may.
        prefix_BP: words that each translation begins with, -1 where it is free.
    """

    eos: int
    never: list[int]
    limits_B: Tensor
    min_length: int = 0
    no_repeat_ngram: int = 0
    prefix_BP: Tensor | None = None

    def keep(self, sentences: Tensor) -> "Rules":
        """Those of some of the sentences."""
        prefix_BP = None if self.prefix_BP is None else self.prefix_BP[sentences]
        return replace(self, limits_B=self.limits_B[sentences], prefix_BP=prefix_BP)

    def apply(self, logits_BKV: Tensor, words_BKL: Tensor) -> None:
        """Rule words out, given what was said so far."""
        said = words_BKL.shape[2]
        forced_B = torch.full_like(self.limits_B, -1)  # -1: any word
        if self.prefix_BP is not None and said < self.prefix_BP.shape[1]:
            forced_B = self.prefix_BP[:, said]
        forced_B = forced_B.masked_fill(self.limits_B <= said, self.eos)
        at = (forced_B >= 0).nonzero().squeeze(1)
        rows, words = at.to(logits_BKV.device), forced_B[at].to(logits_BKV.device)
        alone_BK = logits_BKV[rows, :, words]  # a prefix may say what nothing else may
        for first, end in _stretches(tuple(self.never)):
            logits_BKV[:, :, first:end] = -inf
        if said < self.min_length:
            logits_BKV[:, :, self.eos] = -inf
        if self.no_repeat_ngram and said >= self.no_repeat_ngram:
            self._rule_out_repeats(logits_BKV, words_BKL)
        if len(rows):
            logits_BKV[rows] = -inf
            logits_BKV[rows, :, words] = alone_BK

    def _rule_out_repeats(self, logits_BKV: Tensor, words_BKL: Tensor) -> None:
        n = self.no_repeat_ngram
        grams_BKWn = words_BKL.unfold(2, n, 1)
        last_BK1n = words_BKL[:, :, words_BKL.shape[2] - n + 1 :].unsqueeze(2)
        repeats_BKW = (grams_BKWn[..., :-1] == last_BK1n).all(3)
        places = repeats_BKW.nonzero(as_tuple=True)
        logits_BKV[places[0], places[1], grams_BKWn[..., -1][places]] = -inf


@functools.cache
def _stretches(ids: tuple[int, ...]) -> list[tuple[int, int]]:
    """Ids as few stretches (first, end): to fill those is quicker than to fill single columns."""
    found: list[tuple[int, int]] = []
    for word in sorted(ids):
        if found and found[-1][1] == word:
            found[-1] = (found[-1][0], word + 1)
        else:
            found.append((word, word + 1))
    return found
