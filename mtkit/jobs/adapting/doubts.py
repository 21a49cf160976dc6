"""Whether a text is what its parent translates, asked of the parent: pairs, swapped sides, and pairs that are none.

A model finds a translation more likely beside its own source than beside that of another, and in its own direction than
in the other, whatever the scripts and the kind of text. Where it does not, the sides are swapped, the lines are not
aligned, or the languages are others.
"""

from collections.abc import Sequence

from mtkit.errors import DataError
from mtkit.jobs.adapting.measuring import loss
from mtkit.store.bundle import Bundle
from mtkit.text.readers.reader import Pair

ASKED = 200  # pairs
LENGTH = 100  # pieces of a side
RELATED = 0.05  # of the loss beside other sources: so much smaller is that beside the right ones, at least


def doubt(found: Bundle, pairs: Sequence[Pair], what: str) -> str:
    """What is to be said of a text before work begins; "": nothing.

    Args:
        pairs: some of it.
        what: it is called.

    Raises:
        DataError: its sides are swapped.
    """
    tokenizers = (found.source_tokenizer, found.target_tokenizer)
    ordered = sorted(pairs, key=lambda pair: (len(pair[1]), pair))
    others = [source for source, _ in (*ordered[1:], ordered[0])]  # of targets of about the same length
    apart = [(source, target) for source, (_, target) in zip(others, ordered, strict=True)]
    turned = [(target, source) for source, target in ordered]
    right, wrong, swapped = (loss(found.model, tokenizers, some, LENGTH) for some in (ordered, apart, turned))
    source, target = found.source_lang, found.target_lang
    if swapped < right:
        raise DataError(
            f"{what}: its sides look swapped: the model translates {source} to {target}, and finds these targets more "
            "likely as sources; give the text the other way round"
        )
    if wrong - right < RELATED * wrong:
        return (
            f"{what}: to the model its targets are hardly translations of their sources; is this {source} to {target}, "
            "and does line N translate line N?"
        )
    return ""
