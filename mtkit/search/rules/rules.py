"""All rules of a batch, in the order in which they act. Must not know models, nor what any rule says."""

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor

from mtkit.registry import CHOICES, resolve
from mtkit.search.rules import forced
from mtkit.search.rules.forced import Forced
from mtkit.search.rules.rule import Context, Rule


class Rules:
    """What may be said: first the rules of the registry's table, each after those before it, then what is forced.

    Like a rule it is never changed.
    """

    def __init__(self, forced: Forced, rules: Sequence[Rule] = ()) -> None:
        self.forced, self.rules = forced, rules

    @property
    def eos(self) -> int:
        """Search's number of the end of sentence."""
        return self.forced.eos

    @property
    def limits_B(self) -> Tensor:
        """The most pieces of each sentence, its end not counted; in the processor's own memory."""
        return self.forced.limits_B

    @property
    def timeless(self) -> bool:
        """Whether they are the same at every step, but for the end at the greatest length."""
        return self.forced.prefix_BP is None and all(rule.timeless for rule in self.rules)

    @property
    def looks_back(self) -> int:
        """How many of the last pieces timeless rules ask for."""
        return max((rule.looks_back for rule in self.rules), default=0)

    def apply_anywhere(self, logits_BKV: Tensor, last_BKL: Tensor, said_1: Tensor, limits_B: Tensor | None) -> None:
        """`apply` of timeless rules, after so many pieces as the device alone knows.

        Args:
            last_BKL: the last `looks_back` of them.
            limits_B: on the device, too; None: no sentence is at its limit.
        """
        end_BK = None if limits_B is None else logits_BKV[:, :, self.eos].clone()
        for rule in self.rules:
            rule.apply(logits_BKV, last_BKL)
        if limits_B is not None and end_BK is not None:
            over_B1 = (limits_B <= said_1).unsqueeze(1)
            logits_BKV.masked_fill_(over_B1.unsqueeze(2), -inf)
            logits_BKV[:, :, self.eos] = torch.where(over_B1, end_BK, logits_BKV[:, :, self.eos])

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """See Rule."""
        held = self.forced.held(logits_BKV, pieces_BKL.shape[2])
        for rule in self.rules:
            rule.apply(logits_BKV, pieces_BKL)
        if held is not None:
            held.put(logits_BKV)

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Rules":
        """See Rule."""
        return Rules(self.forced, [rule.reorder(parents_BK, pieces_BK) for rule in self.rules])

    def keep(self, here: Tensor, sentences: Tensor) -> "Rules":
        """Those of some of the sentences, whose places are given in the processor's own memory and on the device."""
        return Rules(self.forced.keep(here), [rule.keep(sentences) for rule in self.rules])


def make(context: Context, ruled: bool = True) -> Rules:
    """The rules of a batch: those of mtkit, and of plug-ins those that decode.rules names.

    Args:
        ruled: False: only what is forced; to score what is given, whatever it is.
    """
    made: list[Rule] = []
    if ruled:
        settings = context.decode.rules
        for name, line in CHOICES["rule"].items():
            if line.always or name in settings:
                rule = resolve("rule", name)(context, **settings.get(name, {}))
                made += [] if rule is None else [rule]
    return Rules(forced.make(context), made)
