"""Two vocabularies side by side: how the pieces of one are written in another. Must not know models."""

import re

from mtkit.text.tokenizer import Tokenizer

BYTE = re.compile("<0x[0-9A-F]{2}>")


def written_in(own: Tokenizer, other: Tokenizer) -> list[list[int]]:
    """For each id of one tokenizer the ids of another that stand for it.

    That is the same piece, if there is one; else the pieces that spell it, as few as can be; [] where none do. Single
    bytes spell nothing here: a model has hardly ever seen them.
    """
    same = {name: number for number, name in enumerate(other.names)}
    ends = {own.eos: other.eos, own.bos: other.bos}
    spelled = Spelling(other)
    rows = []
    for number, name in enumerate(own.names):
        if (there := ends.get(number, same.get(name))) is not None:
            rows.append([there])
        else:
            rows.append(spelled(name) if number in own.ordinary else [])
    return rows


class Spelling:
    """Writes a string in the ordinary pieces of a tokenizer: the fewest, and of as many those that it likes best."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._longest = max((len(tokenizer.names[number]) for number in tokenizer.ordinary), default=0)

    def __call__(self, text: str) -> list[int]:
        """The ids of a string, as SentencePiece writes it (▁ for a space); [] where there are none."""
        best: list[tuple[int, float, list[int]] | None] = [(0, 0.0, [])]  # of each beginning: pieces, -score, ids
        for end in range(1, len(text) + 1):
            found = []
            for start in range(max(0, end - self._longest), end):
                before, piece = best[start], self._tokenizer.id(text[start:end])
                if before is not None and piece is not None:
                    count, cost, ids = before
                    found.append((count + 1, cost - self._tokenizer.score(piece), [*ids, piece]))
            best.append(min(found, default=None))
        last = best[-1]
        return last[2] if last else []
