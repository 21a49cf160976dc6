"""What is drawn for one sentence, from a number of its own: the same whoever draws, and whatever was drawn before."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A row of draws.

    All of them come of `random.Random.random`, which Python promises to keep as it is from version to version.
    """

    def __init__(self, seed: int) -> None:
        self.share = random.Random(seed).random
        """A number of at least 0 and less than 1."""

    def below(self, count: int) -> int:
        """A whole number of at least 0 and less than `count`."""
        return int(self.share() * count)

    def pick(self, row: Sequence[T]) -> T:
        """One of a row, which is not empty."""
        return row[self.below(len(row))]

    def some(self, row: Sequence[T], share: float) -> list[T]:
        """So many of a row, in its order; one at least, if there is one."""
        found = [one for one in row if self.share() < share]
        return found or ([self.pick(row)] if row else [])
