"""What search is given: sentences, and what it must know of the target side. Must not know text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mtkit.search.nearest import Example

WITHIN, APART, OPENING = range(3)
"""What stands before a piece: a letter or digit; something else; nothing, or the end of a sentence."""
ENDS_SENTENCE = ".!?:…。！？"


@dataclass(frozen=True)
class Phrase:
    """Pieces that come one after the other.

    Attributes:
        pieces: ids; not empty.
        before: the least that must stand before them: WITHIN (anything), APART or OPENING.
        open_ended: the word that they end with may go on.
    """

    pieces: tuple[int, ...]
    before: int = WITHIN
    open_ended: bool = False


@dataclass(frozen=True)
class Group:
    """Phrases of which one has to be said, so often."""

    phrases: tuple[Phrase, ...]
    count: int = 1


@dataclass(frozen=True)
class Frame:
    """Pieces of which a translation says each exactly once, and how they nest.

    Attributes:
        pieces: ids, those of a longer frame after those of a shorter one.
        within: of each the number of the one that opens what it stands in, or, of one that closes, of what it closes;
            -1: it stands in nothing.
        closing: number of what opens -> number of what closes.
    """

    pieces: tuple[int, ...] = ()
    within: tuple[int, ...] = ()
    closing: Mapping[int, int] = field(default_factory=dict)


NOTHING = Frame()


@dataclass(frozen=True)
class Sentence:
    """What is to be translated.

    Attributes:
        sources: ids as each model's source tokenizer makes them, without their end; none may be empty.
        prefix: ids of pieces that the translation begins with.
        number: with the seed, what chance depends on.
        groups: what the translation has to say.
        examples: translations of like sentences, which steer the search.
        frame: what the translation says exactly once.
    """

    sources: Sequence[list[int]]
    prefix: Sequence[int] = ()
    number: int = 0
    groups: tuple[Group, ...] = ()
    examples: Sequence[Example] = ()
    frame: Frame = NOTHING

    @property
    def asked(self) -> int:
        """Pieces that it has to say, of each group those of its longest phrase."""
        return sum(max(len(one.pieces) for one in group.phrases) * group.count for group in self.groups)

    @property
    def needed(self) -> set[int]:
        """The pieces of its groups and its frame."""
        asked = {piece for group in self.groups for phrase in group.phrases for piece in phrase.pieces}
        return asked.union(self.frame.pieces)


@dataclass(frozen=True, eq=False)  # one is like itself alone, so that what is made of it can be kept by it
class Vocabulary:
    """The target side.

    Attributes:
        bos: what stands before the first piece.
        eos: the end of sentence.
        never: ids of pieces that must not be produced.
        names: all pieces by their ids, as the tokenizer writes them; for rules that look at them.
        spelling: how pieces that are bytes make characters: of each state the pieces that may come next, and the state
            after each; in state 0 no character is begun. Empty: there are no such pieces.
    """

    bos: int
    eos: int
    never: Sequence[int]
    names: Sequence[str] = ()
    spelling: Sequence[Mapping[int, int]] = ()

    @cached_property
    def edges(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Of each piece, whether it ends the word before it, and what it leaves for the next one: WITHIN and so on."""
        return np.array(list(map(_ends_word, self.names)), bool), np.array(list(map(_leaves, self.names)), np.int64)


def _ends_word(name: str) -> bool:
    return not _is_byte(name) and not name[:1].isalnum()


def _leaves(name: str) -> int:
    last = name[-1:]
    if _is_byte(name) or last.isalnum():
        return WITHIN
    return OPENING if last in ENDS_SENTENCE else APART


def _is_byte(name: str) -> bool:
    return name.startswith("<0x") and name.endswith(">")
