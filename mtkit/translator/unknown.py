"""Source words that the vocabulary lacks: where they are, and how models see them. Must not know models."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.spelled import Span, Spelled, kinds_of


@dataclass(frozen=True)
class Source:
    """A source in which something is unknown.

    Attributes:
        spelled: the pieces, those that are unknown as they stand in the text.
        units: what is to be copied: unknown words, or, where there are no spaces, unknown characters.
        stride: pieces that a column of attention stands for.
    """

    spelled: Spelled
    units: Sequence[Span]
    stride: int = 1

    @classmethod
    def of(cls, pieces: Sequence[str], unknown: Sequence[bool], stride: int = 1) -> "Source":
        """Of pieces, some of which are unknown."""
        spelled = Spelled.of(pieces)
        kinds, units = kinds_of(spelled.text), list[Span]()
        for span, strange in zip(spelled.spans, unknown, strict=True):
            inside = spelled.text[span.begin : span.end]
            begin, end = span.end - len(inside.lstrip()), span.begin + len(inside.rstrip())
            if not strange or begin >= end or (units and end <= units[-1].end):
                continue
            # Of a word with a strange letter, a name most likely, nothing is translated.
            while begin and kinds[begin - 1 : begin + 1] == "ww":
                begin -= 1
            while kinds[end - 1 : end + 1] == "ww":
                end += 1
            if units and begin < units[-1].end:
                units[-1] = Span(units[-1].begin, end)
            else:
                units.append(Span(begin, end))
        return cls(spelled, units, stride)

    def text(self, unit: Span) -> str:
        return self.spelled.text[unit.begin : unit.end]

    def whole(self, unit: Span) -> bool:
        """Whether it may be what a word of the translation stands for; a picture at a word is not."""
        return bool({*kinds_of(self.text(unit))} & {*"wu"}) or not (self.joins(unit, False) or self.joins(unit, True))

    def joins(self, unit: Span, after: bool) -> bool:
        """Whether no space is between it and what stands before or after it."""
        text = self.spelled.text
        return bool(text[unit.end : unit.end + 1].strip() if after else text[: unit.begin][-1:].strip())

    def nothing_known(self) -> bool:
        """Whether every word is unknown."""
        kinds = kinds_of(self.spelled.text)
        known = (one for one in self.spelled.tokens() if not any(map(one.meets, self.units)))
        return all(kinds[one.begin] in ".'" for one in known)


def known_words(tokenizer: Tokenizer, ids: list[int], text: str) -> list[int]:
    """The ids of a text, but a word with a strange letter is one piece, which is unknown: a model would only make
    something up of what is left of a name."""
    return ids if tokenizer.unknown not in ids else [number for _, number in _merged(tokenizer, text)]


def spelled(tokenizer: Tokenizer, ids: list[int], text: str) -> list[str] | None:
    """The pieces of `known_words`; None: all are known, or these are the ids of another text."""
    if tokenizer.unknown not in ids:
        return None
    merged = _merged(tokenizer, text)
    return [piece for piece, _ in merged] if [number for _, number in merged] == ids else None


def _merged(tokenizer: Tokenizer, text: str) -> list[tuple[str, int]]:
    pieces, ids, strange = tokenizer.surfaces(text), tokenizer.encode([text])[0], tokenizer.unknown
    assert strange is not None
    source = Source.of(pieces, [number == strange for number in ids])
    # A space of its own goes with it, too, where spaces are parts of pieces: it would be taken for a word.
    parts_of_pieces = any(piece.startswith("▁") and piece != "▁" for piece in pieces)
    made: list[tuple[str, int]] = []
    last: Span | None = None
    units = iter(source.units)  # in order, like the pieces
    following = next(units, None)
    for piece, number, span in zip(pieces, ids, source.spelled.spans, strict=True):
        while following and following.end <= span.begin:
            following = next(units, None)
        unit = following if following and following.meets(span) else None
        if unit and made and (unit == last or (parts_of_pieces and made[-1][0] == "▁")):
            made[-1] = made[-1][0] + piece, strange
        else:
            made.append((piece, strange if unit else number))
        last = unit
    return made
