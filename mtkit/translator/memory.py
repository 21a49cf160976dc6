"""A translator with a memory before it: what people have said a line is to be is said so, without a model.

What they have said of like lines steers the search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from mtkit.errors import ConfigError
from mtkit.schema import Decode
from mtkit.text.memory import Memory
from mtkit.translator import kept
from mtkit.translator.examples import Steered
from mtkit.translator.request import MEMORY, Candidate, Line, Request, Translation
from mtkit.translator.translator import Translator

LEAST = 0.3  # likeness of what steers


class Remembering(Translator):
    """A translator that looks into a memory first, and at its files with every window: a correction counts at once."""

    _memory: Memory
    _least: float

    @classmethod
    def of(cls, translator: Translator, memory: Memory, least: float = LEAST) -> "Remembering":
        """A translator's models and settings, and a memory.

        Args:
            least: likeness of lines whose translations steer the search for another one's; 1: none does.
        """
        languages = (translator.source_lang, translator.target_lang)
        made = cls(translator.members, translator.asked, languages, translator.tag)
        made._memory, made._least = memory, least
        if least < 1:
            made._segmenter = Steered(made._segmenter, memory, least, made._ensembles.of(made.decode.precision))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """As of any translator, and the memory by its files."""
        return Remembering.of, (self._alone(), self._memory, self._least)

    def _alone(self) -> Translator:
        return Translator(self.members, self.asked, (self.source_lang, self.target_lang), self.tag)

    def tagged(self, tag: str | None) -> Translator:
        """See `Translator.tagged`.

        Raises:
            ConfigError: a memory is of one pair of languages.
        """
        if tag == self.tag:
            return self
        raise ConfigError("a memory has the languages of one tag: give the tag before the memory")

    def window(
        self, lines: Sequence[Line], decode: Decode | None = None, request: Request | None = None
    ) -> Iterator[Translation]:
        """See `Translator.window`; a line with a prefix is the model's, files of the memory that cannot be read now
        are a warning of the first line."""
        warnings = [f"{trouble}; the memory is as it was before"] if (trouble := self._memory.refresh()) else []
        targets = [None if line.prefix else self._memory.target(line.text) for line in lines]
        asked = [line for line, target in zip(lines, targets, strict=True) if target is None]
        made = super().window(asked, decode, request)
        for line, target in zip(lines, targets, strict=True):
            told = next(made) if target is None else remembered(line.text, target)
            if target is not None and request and request.confidence:
                told = replace(told, confidence=1.0)
            yield replace(told, warnings=[*warnings, *told.warnings]) if warnings else told
            warnings = []
        yield from made  # to its end, where what was wrong with it is said


def remembered(source: str, target: str) -> Translation:
    """What a memory says of a line, between the white space of the line."""
    return Translation(source, kept.framed(source, [Candidate(target, 0.0, 0.0, [])]), origin=MEMORY)
