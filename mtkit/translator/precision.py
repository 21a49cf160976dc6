"""In which precision a translator forms products: the one that was asked for, or, for "auto", the quickest that pays.

It is one decision for all models of an ensemble, made when they are loaded, by the processor and the sizes of their
weights (`mtkit.ops.paces`), and not by how a text happens to go: the same line has the same translation from call to
call. Must not know how search goes.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from mtkit.model.seq2seq import Seq2Seq
from mtkit.model.transformer.positions import Positions
from mtkit.ops import paces, products
from mtkit.search.ensemble import Ensemble

LEAST = 200_000
"""Numbers in the weights of a model from which on rounding any of them can pay."""
PAYS = {"bf16": 1.15, "int8": 1.4}
"""How many times as fast as in fp32 products must be; for int8, which costs up to 0.4 BLEU, more than for bf16, which
costs 0.1. Half of the time of small models is no product."""
BETTER = 1.6
"""How many times as fast as in bf16 they must be in int8. Where they were 1.45 times, a GRU of 256 translated 1.3 times
as fast greedily, and with a beam of 5 no faster."""


@dataclass(frozen=True)
class Choice:
    """A precision, and why.

    Attributes:
        name: "fp32", "bf16" or "int8".
        told: what whoever asked for another one, or for one that does not pay here, is to hear; "": nothing.
    """

    name: str
    reason: str
    told: str = ""


class Ensembles:
    """Some models as one, in each precision that is asked for, made when it is first wanted; threads share them.

    Args:
        source_eos: of each model.
    """

    def __init__(self, models: Sequence[Seq2Seq], source_eos: Sequence[int]) -> None:
        self._models, self._source_eos = list(models), list(source_eos)
        self._choices: dict[str, Choice] = {}
        self._made: dict[str, Ensemble] = {}
        self._making = threading.RLock()

    @property
    def numbers(self) -> int:
        """In all weights that products are formed with."""
        return sum(n * k for n, k in _weights(self._models))

    def choice(self, asked: str) -> Choice:
        """The precision that is taken where one was asked for, or "auto"; the same as long as this lives."""
        with self._making:
            if asked not in self._choices:
                self._choices[asked] = choose(asked, self._models)
            return self._choices[asked]

    def of(self, precision: str) -> Ensemble:
        """The ensemble in a precision; what `choice` gave stays what it is."""
        with self._making:
            if precision not in self._made:
                self._made[precision] = Ensemble(self._models, self._source_eos, precision)
            return self._made[precision]


def choose(asked: str, models: Sequence[Seq2Seq]) -> Choice:
    """The precision in which models translate together, where one was asked for, or "auto"."""
    device = models[0].source_VE.device
    if asked == "auto":
        return _quickest(models, device)
    if slow := products.slow(asked, device):
        choice = _quickest(models, device)
        return Choice(choice.name, slow, f"{asked} is not quicker here, since {slow}: translating in {choice.name}")
    told = ""
    if asked == "int8" and (gain := paces.here().gain(asked, _weights(models))) < 1:
        told = f"int8 is slower than fp32 here for this model ({gain:.2f} times as fast); precision auto goes by that"
    return Choice(asked, "as asked", told)


def _quickest(models: Sequence[Seq2Seq], device: torch.device) -> Choice:
    if device.type != "cpu":
        return Choice("fp32", "on a GPU")
    weights = _weights(models)
    numbers = sum(n * k for n, k in weights)
    if numbers < LEAST:
        return Choice("fp32", f"weights of {numbers:,} numbers, and rounding pays from {LEAST:,} on")
    here = paces.here()
    gains = {name: here.gain(name, weights) for name in PAYS}
    name = "bf16" if gains["bf16"] >= PAYS["bf16"] else "fp32"
    if gains["int8"] >= max(PAYS["int8"], BETTER * gains[name] if name != "fp32" else 0):
        name = "int8"
    told = ", ".join(f"in {one} {gain:.1f} times as fast as in fp32" for one, gain in gains.items())
    return Choice(name, f"products are {told}, {here.how}" if here.times else f"no other is quicker, since {here.how}")


def _weights(models: Sequence[Seq2Seq]) -> list[tuple[int, int]]:
    """(n, k) of every matrix that products are formed with, those of a stack each by itself."""
    found = []
    for model in models:
        looked_up = {id(one) for one in _looked_up(model)}
        for one in model.parameters():
            if one.dim() > 1 and id(one) not in looked_up:
                n, k = one.shape[-2:]
                found += [(n, k)] * (one.numel() // (n * k))
    return found


def _looked_up(model: Seq2Seq) -> Iterator[nn.Parameter]:
    """Tables of which rows are taken, and that no product is formed with."""
    for table in (model.source_VE, model.target_VE):
        if table is not model.output.weight_VE:
            yield table
    for module in model.modules():
        if isinstance(module, Positions):
            yield from module.parameters()
