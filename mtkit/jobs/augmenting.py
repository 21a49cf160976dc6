"""How the pairs of a training are changed while it goes on: by the config, and as it is told."""

from mtkit.corpus.augmented import Augmented
from mtkit.corpus.shards import Split
from mtkit.schema import Config
from mtkit.text.changes import Changes
from mtkit.text.tokenizer import Tokenizer

SHOWN = 60  # characters of a side


def of(config: Config, split: Split, tokenizers: tuple[Tokenizer, Tokenizer]) -> Augmented | None:
    """What changes the pairs of a split as [augment] says; None: nothing does."""
    if not config.augment.any:
        return None
    own = Changes((config.data.source_lang, config.data.target_lang))
    changes = [own for _ in split.shards]
    shares = config.augment.model_dump()
    return Augmented(split, shares, changes, tokenizers, config.seed, config.filter.max_pieces)


def told(augmented: Augmented | None) -> list[str]:
    """A line a change, with a pair as it becomes by it: whoever trains on such text is to see it."""
    if augmented is None:
        return []
    lines = []
    for name, share in augmented.shares.items():
        pair = augmented.sample(name)
        such = f"such as {_short(pair[0])!r} ||| {_short(pair[1])!r}" if pair else "but none of those looked at can be"
        lines.append(f"changed while training: {name}, {100 * share:.3g}% of the pairs, {such}")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
