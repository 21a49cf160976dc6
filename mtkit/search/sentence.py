"""What search is given: sentences, and what it must know of the target side. Must not know text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtkit.search.nearest import Example


@dataclass(frozen=True)
class Sentence:
    """What is to be translated.

    Attributes:
        sources: ids as each model's source tokenizer makes them, without their end; none may be empty.
        prefix: ids of pieces that the translation begins with.
        number: with the seed, what chance depends on.
        examples: translations of like sentences, which steer the search.
    """

    sources: Sequence[list[int]]
    prefix: Sequence[int] = ()
    number: int = 0
    examples: Sequence[Example] = ()


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
