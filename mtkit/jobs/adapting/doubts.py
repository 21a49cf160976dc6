"""Whether a text is what its parent translates, asked of the parent: pairs, swapped sides, and pairs that are none.

A model finds a translation more likely beside its own source than beside that of another, and in its own direction than
in the other, whatever the scripts and the kind of text. Where it does not, the sides are swapped, the lines are not
aligned, or the languages are others.
"""

import math
from collections.abc import Sequence

from mtkit.errors import DataError
from mtkit.jobs.adapting.measuring import losses
from mtkit.store.bundle import Bundle
from mtkit.text.readers.reader import Pair
from mtkit.translator.member import Member
from mtkit.translator.telling import first

ASKED = 200  # pairs
LENGTH = 100  # pieces of a side
SURE = 3.0  # standard deviations of chance


def doubt(found: Bundle, pairs: Sequence[Pair], what: str) -> str:
    """What is to be said of a text before work begins; "": nothing.

    Args:
        pairs: some of it.
        what: it is called.

    Raises:
        DataError: its sides are swapped.
    """
    ordered = sorted(pairs, key=lambda pair: (len(pair[1]), pair))
    turned = [(target, source) for source, target in ordered]
    right, swapped = (_Losses(found, some) for some in (ordered, turned))
    source, target = found.source_lang, found.target_lang
    if swapped.a_piece < right.a_piece and swapped.related:
        raise DataError(
            f"{what}: its sides look swapped: the model translates {source} to {target}, and finds these targets more "
            "likely as sources; give the text the other way round"
        )
    if not right.related:
        return (
            f"{what}: to the model its targets are hardly translations of their sources; is this {source} to {target}, "
            "and does line N translate line N?"
        )
    return ""


class _Losses:
    """What a model loses on pairs, those of about equal lengths after one another."""

    def __init__(self, found: Bundle, pairs: Sequence[Pair]) -> None:
        self._found, self._pairs = found, pairs
        self._beside_own = self._losses([source for source, _ in pairs])

    def _losses(self, sources: Sequence[str]) -> list[float]:
        pairs = [(source, target) for source, (_, target) in zip(sources, self._pairs, strict=True)]
        tokenizers, head = (self._found.source_tokenizer, self._found.target_tokenizer), first(Member.of(self._found))
        return losses(self._found.model, tokenizers, pairs, LENGTH, head)

    @property
    def a_piece(self) -> float:
        """The mean."""
        pieces = self._found.target_tokenizer.encode([target for _, target in self._pairs])
        return sum(self._beside_own) / sum(len(ids[:LENGTH]) + 1 for ids in pieces)

    @property
    def related(self) -> bool:
        """Whether more targets are likelier beside their own source than beside their neighbour's, not by chance."""
        sources = [source for source, _ in self._pairs]
        beside_others = self._losses([*sources[1:], sources[0]])
        better = sum(own < other for own, other in zip(self._beside_own, beside_others, strict=True))
        return better > (len(sources) + SURE * math.sqrt(len(sources))) / 2
