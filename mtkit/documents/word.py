"""Documents of Word: the text of paragraphs, whose runs of one format are one, others being codes.

Word cuts a sentence into runs where somebody has typed, or a spelling was doubted: such runs are put together. Text in
the format that most of a paragraph has stands bare in a segment; that in others, links, notes and pictures are codes.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mtkit.documents.marked import Marked, Marking
from mtkit.documents.office import Office, Part
from mtkit.documents.xml import children, escaping, unescape

_TEXT = "t"
_BREAKS = ("br", "cr", "tab", "ptab")
_DROPPED = ("proofErr", "lastRenderedPageBreak")  # what says how the words stood that were there
_NO_FORMAT = re.compile(r"<\w+:(?:lang|noProof)\b[^>]*/>")
_NO_DIFFERENCE = re.compile(r"\s+\w+:rsid\w*=\"[^\"]*\"")


@dataclass
class Run:
    """Something in a paragraph, in order: text in a format, or markup.

    Attributes:
        kind: "text", "single", "break", "open" or "close".
        raw: text, unescaped; or markup.
        before: of text, what opens its run, up to its text.
    """

    kind: str
    raw: str
    before: str = ""

    @property
    def format(self) -> str:
        """What runs that are put together have in common."""
        return _NO_DIFFERENCE.sub("", _NO_FORMAT.sub("", self.before)).replace("<w:rPr></w:rPr>", "")


class WordPart(Part):
    """A member with w:p."""

    paragraphs = frozenset(("p",))
    expects = "Word's XML"

    def content(self, at: int) -> tuple[Marked, int, int] | None:
        runs = list(self._merged(self._runs(at + 1, self.events[at].partner)))
        texts = Counter[str]()
        for run in runs:
            if run.kind == "text":
                texts[run.format] += len(run.raw.strip())
        if not texts:
            return None
        base = max(texts, key=lambda one: texts[one])
        opening = next(run.before for run in runs if run.kind == "text" and run.format == base)
        prefix = self._prefix(at)
        closing = f"</{prefix}t></{prefix}r>"
        making = Marking()
        for number, run in enumerate(runs):
            if run.kind == "text" and run.format == base:
                making.text(run.raw)
            elif run.kind == "text":
                making.open(run.before, f"run {number}", plain=True)
                making.text(run.raw)
                making.close(closing, f"run {number}")
            elif run.kind in ("open", "close"):
                (making.open if run.kind == "open" else making.close)(run.raw, run.before)
            else:
                making.single(run.raw, run.kind == "break")
        write = escaping("")
        start = max(
            (
                self.events[self.events[one].partner].end
                for one in children(self.events, at)
                if self.events[one].name == "pPr"
            ),
            default=self.events[at].end,
        )
        end = self.events[self.events[at].partner].start
        return making.made(lambda text: f"{opening}{write(text)}{closing}" if text else "", write), start, end

    def _prefix(self, at: int) -> str:
        """Of the names of elements: "w:"."""
        name = re.match(r"<([\w.-]+:)?", self.text[self.events[at].start : self.events[at].start + 40])
        return (name[1] or "") if name else ""

    def _runs(self, first: int, last: int) -> Iterator[Run]:
        """What a paragraph consists of."""
        events, at = self.events, first
        while at < last:
            event = events[at]
            if event.kind != "start":
                at += 1
                continue
            if event.name == "r":
                yield from self._run(at)
                at = event.partner
            elif event.name in _DROPPED or event.name == "pPr":
                at = event.partner
            elif self._has_runs(at):
                yield Run("open", self.text[event.start : event.end], f"{event.name} {at}")
                yield from self._runs(at + 1, event.partner)
                closing = events[event.partner]
                yield Run("close", self.text[closing.start : closing.end], f"{event.name} {at}")
                at = event.partner
            else:
                yield Run("single", self.text[event.start : events[event.partner].end])
                at = event.partner
            at += 1

    def _run(self, at: int) -> Iterator[Run]:
        """A run, each of its parts as one."""
        event, prefix = self.events[at], self._prefix(at)
        parts = children(self.events, at)
        formats = [one for one in parts if self.events[one].name == "rPr"]
        head = self.text[event.start : event.end]
        for one in formats:
            head += self._whole(one)
        for one in parts:
            part = self.events[one]
            if part.name == _TEXT:
                inside = self.text[part.end : self.events[part.partner].start] if part.partner > one + 1 else ""
                if inside:
                    yield Run("text", unescape(inside), f'{head}<{prefix}t xml:space="preserve">')
            elif part.name not in ("rPr", *_DROPPED):
                kind = "break" if part.name in _BREAKS else "single"
                yield Run(kind, f"{head}{self._whole(one)}</{prefix}r>")

    def _whole(self, at: int) -> str:
        event = self.events[at]
        return self.text[event.start : self.events[event.partner].end]

    def _has_runs(self, at: int) -> bool:
        """Whether an element encloses text: a link, what was put in, a field; what was taken out does not count."""
        event = self.events[at]
        if event.name in ("del", "moveFrom", "oMath", "oMathPara"):
            return False
        return any(one.kind == "start" and one.name == "r" for one in self.events[at + 1 : event.partner])

    @staticmethod
    def _merged(runs: Iterator[Run]) -> Iterator[Run]:
        """Texts of one format that stand side by side as one."""
        last: Run | None = None
        for run in runs:
            if last and run.kind == "text" and run.format == last.format:
                last.raw += run.raw
                continue
            if last:
                yield last
                last = None
            if run.kind == "text":
                last = run
            else:
                yield run
        if last:
            yield last


class Word(Office):
    """The text, headers, footers and notes."""

    members = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes)\.xml")
    needed = "word/document.xml"
    expects = "a document of Word"
    part = WordPart
