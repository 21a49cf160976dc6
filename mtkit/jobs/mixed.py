"""How much of what is trained on is of each text, by a config and by what is there."""

from mtkit.corpus import mixture
from mtkit.corpus.sampler import Sampler
from mtkit.corpus.shards import Split
from mtkit.schema import Data


def shares(data: Data, split: Split) -> tuple[float, ...]:
    """The share of each part; (): every pair comes once an epoch.

    Raises:
        DataError: nothing is left of a text that has a share.
    """
    if not data.weights:
        return ()
    names, sizes = [part.name for part in split.parts], [part.pairs for part in split.parts]
    temperature = data.temperature if data.mixing == "temperature" else 0
    return tuple(mixture.shares(names, sizes, data.weights, temperature))


def told(sampler: Sampler) -> str:
    """What an epoch draws, in a line; "": all, once."""
    if not sampler.shares:
        return ""
    pairs = len(sampler.split)
    drawn = [
        f"{part.name} {share:.1%} ({share * pairs / part.pairs:.2f} times)"
        for part, share in zip(sampler.split.parts, sampler.shares, strict=True)
    ]
    return f"an epoch draws {pairs:,} pairs: {', '.join(drawn)}"
