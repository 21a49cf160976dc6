"""What model fits so much text, and how long it takes to learn it: rules of thumb of this project's own recipes."""

import math
from dataclasses import dataclass

from mtkit.jobs.starting.dividing import Counts
from mtkit.text.languages import language, primary
from mtkit.text.readers.reader import Pair
from mtkit.text.reserved import SYMBOLS
from mtkit.text.tokenizer import PER_ROOT, SPECIAL, USUAL

PER_PIECE, PER_SYLLABIC_PIECE = 3.6, 1.7  # characters
SYLLABIC = ("ko", "am", "ti", "iu")  # which have spaces, and a character a syllable
BYTES = 256
PASSES, AT = 15.0, 29_000  # passes over so many pairs bring most of what there is: fewer over more, with their root
MOST_PASSES, LEAST_PASSES = 100.0, 2.0
LONGEST, SHORTEST = 480.0, 0.5  # minutes
VALIDATIONS = 20  # in a training
BESIDE = 1.1  # times as long it takes with validations


@dataclass(frozen=True)
class Sizes:
    """A model and its batches.

    Attributes:
        pairs: up to so many of which it is for.
    """

    pairs: float
    embed_dim: int
    hidden_dim: int
    dropout: float
    batch_tokens: int
    lr: float


TABLE = (
    Sizes(3_000, 128, 192, 0.3, 500, 3e-3),
    Sizes(50_000, 192, 256, 0.2, 1000, 3e-3),
    Sizes(300_000, 192, 320, 0.1, 1000, 3e-3),
    Sizes(math.inf, 256, 512, 0.1, 2000, 2e-3),
)


@dataclass(frozen=True)
class Estimate:
    """What is known of a text before there is a tokenizer.

    Attributes:
        pairs: to learn from.
        pieces: about so many of source and target, ends included.
        vocabulary: about so many pieces, as the tokenizer will choose.
    """

    pairs: int
    pieces: tuple[float, float]
    vocabulary: int

    @property
    def lengths(self) -> tuple[int, int]:
        """Pieces of a usual source and target."""
        source, target = (max(2, round(some / max(1, self.pairs))) for some in self.pieces)
        return source, target

    @property
    def sizes(self) -> Sizes:
        """The model that fits."""
        return next(one for one in TABLE if self.pairs <= one.pairs)

    @property
    def passes(self) -> float:
        """How often the text is worth reading."""
        return min(max(PASSES * math.sqrt(AT / max(1, self.pairs)), LEAST_PASSES), MOST_PASSES)

    @property
    def per_pass(self) -> int:
        """Updates of a pass over the text."""
        return max(1, math.ceil(max(self.pieces) * 1.05 / self.sizes.batch_tokens))  # with some padding

    def minutes(self, pace: float) -> float:
        """How long to train, in round numbers.

        Args:
            pace: target tokens a second.
        """
        wanted = self.passes * self.pieces[1] / pace / 60 * BESIDE
        return rounded(min(max(wanted, SHORTEST), LONGEST))

    def updates(self, minutes: float, pace: float) -> int:
        """About how many updates there will be."""
        return max(1, round(minutes / BESIDE * 60 * pace / (self.pieces[1] / self.per_pass)))


def estimate(counts: list[Counts], languages: Pair) -> Estimate:
    """What a text is worth, by its pairs and characters."""
    pairs = sum(one.usable for one in counts)
    characters = [sum(one.characters[side] for one in counts) for side in (0, 1)]
    pieces = [some / _per_piece(code) + pairs for some, code in zip(characters, languages, strict=True)]
    vocabulary = min(USUAL, int(PER_ROOT * math.sqrt(sum(characters))) + len(SYMBOLS) + SPECIAL + BYTES)
    return Estimate(pairs, (pieces[0], pieces[1]), vocabulary)


def rounded(minutes: float) -> float:
    """A number that somebody would say."""
    step = 0.5 if minutes < 5 else 1 if minutes < 20 else 5 if minutes < 120 else 15
    return max(SHORTEST, round(minutes / step) * step)


def validate_every(updates: int) -> int:
    """Updates between validations: a round number, with which there are about twenty of them."""
    wanted = max(10.0, updates / VALIDATIONS)
    step: int = 10 ** max(1, math.floor(math.log10(wanted)))
    return max(10, round(wanted / step * 2) * step // 2)


def warmup(updates: int) -> int:
    """Updates over which the rate rises: a tenth of few, 200 of many."""
    return min(200, max(10, updates // 10))


def _per_piece(code: str) -> float:
    few = primary(code) in SYLLABIC or not language(code).spaced
    return PER_SYLLABIC_PIECE if few else PER_PIECE
