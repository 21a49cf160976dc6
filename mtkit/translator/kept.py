"""What comes out of a line as it went in: white space at its ends, and all of it where nothing is to be translated."""

from dataclasses import replace

from mtkit.text.finder import Finder
from mtkit.text.fold import fold
from mtkit.translator.request import Candidate, Request, Translation

FORMS = Finder()


def blank(line: str) -> bool:
    """Whether nothing of it is seen."""
    return not fold(line).strip()


def wordless(line: str, finder: Finder | None = FORMS) -> bool:
    """Whether no letter is in it; of a line that is not blank.

    Args:
        finder: of placeholders, tags and the like, whose letters do not count; None: they do.
    """
    at = 0
    for span in finder.find(line) if finder else []:
        if any(map(str.isalpha, fold(line[at : span.start]))):
            return False
        at = span.end
    return not any(map(str.isalpha, fold(line[at:]) if at else line))


def as_it_is(line: str, request: Request, finder: Finder | None = FORMS) -> Translation:
    """A line that no model is given: its own translation; or nothing, if nothing is seen or tokenizers made nothing."""
    if blank(line) or not wordless(line, finder if request.protect else None):
        return Translation(line, [])
    links = [(word, word) for word in range(len(line.split()))]
    scores = list[float]() if request.details else None
    return Translation(line, [Candidate(line, 0.0, 0.0, [], scores, links if request.align else None)])


def framed(line: str, candidates: list[Candidate]) -> list[Candidate]:
    """Translations of a line between the white space that it has at its ends."""
    if _seen(line[0]) and _seen(line[-1]):
        return candidates
    first = next(place for place, character in enumerate(line) if _seen(character))
    last = next(place for place in range(len(line), 0, -1) if _seen(line[place - 1]))
    before, after = (_white(some) for some in (line[:first], line[last:]))
    return [replace(one, text=before + one.text + after) for one in candidates]


def _seen(character: str) -> bool:
    return "!" <= character <= "~" or (character != " " and bool(fold(character).strip()))


def _white(some: str) -> str:
    """Without what is invisible."""
    return "".join(character for character in some if fold(character))
