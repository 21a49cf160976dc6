"""A document translated: which of its segments, sentence by sentence, what became of them, and the document's bytes.

What comes back without all of its markup is not taken: the source stays, and is told. Must not know any format, or how
a translator works.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mtkit.documents.document import Document, Edit, Segment
from mtkit.documents.marked import CODE, Marked
from mtkit.documents.passage import Passage
from mtkit.text import languages

NOT_WHOLE = "its markup did not come back whole: the source was kept"
NOTHING = "nothing came back: the source was kept"
SHOWN = 40  # characters of markup in a warning
AMONG_WORDS = "it chooses by number or kind amid other words: its variants were not translated"
_NO_LINE = re.compile(r"[\r\n\f\v\x85\u2028\u2029]+")


class Told(Protocol):
    """A translation of a line."""

    @property
    def text(self) -> str: ...

    @property
    def warnings(self) -> list[str]: ...

    @property
    def confidence(self) -> float | None: ...


Search = Callable[[Sequence[str]], Iterable[Told]]
"""Lines to their translations, in order."""


@dataclass(frozen=True)
class Answer:
    """What became of a segment.

    Attributes:
        translations: of its sources, with codes for markup.
        warnings: what a person is to look at it for; none: nothing is known to be wrong.
        taken: whether they are written, and not the source kept.
        confidence: the least of its lines; None: not known.
    """

    segment: Segment
    translations: Sequence[str]
    warnings: Sequence[str] = ()
    taken: bool = True
    confidence: float | None = None

    @property
    def source(self) -> str:
        """The text, of several forms the last."""
        return self.segment.sources[-1].text

    @property
    def translation(self) -> str:
        """Its translation."""
        return self.translations[-1]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "where": self.segment.where,
            "source": self.source,
            "translation": self.translation,
            "written": self.taken,
            "warnings": list(self.warnings),
            **({} if self.confidence is None else {"confidence": self.confidence}),
        }


@dataclass
class Outcome:
    """What became of a document.

    Attributes:
        data: its bytes.
        answers: of the segments that were translated, in order.
        kept: segments that were translated already.
        cautions: what is odd about all of it.
    """

    data: bytes
    answers: list[Answer] = field(default_factory=list)
    kept: int = 0
    cautions: list[str] = field(default_factory=list)

    @property
    def doubtful(self) -> list[Answer]:
        """Those that a person is to look at."""
        return [one for one in self.answers if one.warnings]


@dataclass(frozen=True)
class _Asked:
    """A segment with the sentences of each of its sources."""

    segment: Segment
    passages: list[Passage]


class Sentences:
    """The sentences of a document, of which each is translated once, however often it comes.

    Attributes:
        lines: they, as lines.

    Raises:
        DataError: the document is damaged.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        joints, everything = _joints(document.options.languages), document.options.everything
        segments = [one for one in document.segments() if any(source.text.strip() for source in one.sources)]
        wanted = [one for one in segments if everything or not one.target.strip()]
        self._kept = len(segments) - len(wanted)
        self._asked = [_Asked(one, [Passage(each, document.breaks, joints) for each in one.sources]) for one in wanted]
        sentences = (text for one in self._asked for each in one.passages for text in each.wanted)
        self.lines = list(dict.fromkeys(map(_line, sentences)))

    def put(self, translations: Iterable[Told]) -> Outcome:
        """The document with translations of its lines in their places.

        Raises:
            DataError: it cannot write one.
        """
        told = dict(zip(self.lines, translations, strict=True))
        answers = [_answer(one, told) for one in self._asked]
        edits = [edit for one in answers for edit in _edits(one)]
        return Outcome(self._document.written(edits), answers, self._kept, self._document.cautions())


def translate(document: Document, search: Search) -> Outcome:
    """Translate a document.

    Args:
        search: translates lines.

    Raises:
        DataError: the document is damaged, or cannot write a translation.
    """
    sentences = Sentences(document)
    return sentences.put(search(sentences.lines))


def _joints(pair: tuple[str, str]) -> tuple[str, str]:
    source, target = (languages.language(code).joint for code in pair)
    return source, target


def _line(text: str) -> str:
    """A sentence as a line."""
    return _NO_LINE.sub(" ", text)


def _answer(asked: _Asked, told: dict[str, Told]) -> Answer:
    """What became of a segment."""
    segment = asked.segment
    lines = [[told[_line(text)] for text in each.wanted] for each in asked.passages]
    if not any(lines):  # markup and white space, options and the like
        return Answer(segment, [source.text for source in segment.sources])
    warnings = dict.fromkeys(warning for some in lines for line in some for warning in line.warnings)
    if any(each.chooses for each in asked.passages):
        warnings[AMONG_WORDS] = None
    if segment.doubt:
        warnings[segment.doubt] = None
    made = [each.made(_texts(some)) for each, some in zip(asked.passages, lines, strict=True)]
    if not all(line.text.strip() for some in lines for line in some):
        return Answer(segment, made, [NOTHING], taken=False)
    if not all(source.whole(text) for source, text in zip(segment.sources, made, strict=True)):
        return Answer(segment, made, [*(_told(one, segment) for one in warnings), NOT_WHOLE], taken=False)
    sure = [line.confidence for some in lines for line in some if line.confidence is not None]
    return Answer(segment, made, [_told(one, segment) for one in warnings], confidence=min(sure, default=None))


def _told(warning: str, segment: Segment) -> str:
    """A warning that speaks of markup, and not of the codes for it."""
    codes = {code: markup for source in segment.sources for code, markup in source.codes.items()}

    def markup(code: re.Match[str]) -> str:
        found = codes.get(code[0], code[0])
        return found if len(found) <= SHOWN else f"{found[: SHOWN - 1]}…"

    return CODE.sub(markup, warning)


def _texts(lines: Sequence[Told]) -> list[str]:
    return [line.text.strip() for line in lines]


def _edits(answer: Answer) -> Iterable[Edit]:
    """What changes in the document."""
    if not answer.taken:
        return ()
    texts = [_restored(*pair) for pair in zip(answer.segment.sources, answer.translations, strict=True)]
    return answer.segment.write(texts, bool(answer.warnings))


def _restored(source: Marked, translation: str) -> str:
    return source.restored(translation)
