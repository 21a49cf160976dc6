"""Subtitles, SRT and WebVTT: the text of each cue, in as many lines as it had, about as long as one another.

Numbers, times, settings, notes and styles stay. Lines that begin with a dash are of different people, and stay apart.
"""

import re
from collections.abc import Iterator

from mtkit.documents.document import Document, Segment, replacing
from mtkit.documents.marked import Marked, Marking, as_it_is

_TIME = r"(?:\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
_TIMES = re.compile(rf"[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t].*)?\r?")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}|<\d[\d:.]*>|<v(?:\.[\w.]+)?[ \t][^>]*>|</v>")
_BLOCKS = ("NOTE", "STYLE", "REGION")


class SRT(Document):
    """Every cue is a segment."""

    breaks = "lines"
    expects = "subtitles, cues with a line of times (00:00:01,000 --> 00:00:02,500)"

    def segments(self) -> list[Segment]:
        made = list[Segment]()
        for start, lines in self._blocks():
            times = next((number for number, line in enumerate(lines[:2]) if _TIMES.fullmatch(line)), None)
            if times is None:
                self._see(start, lines)
                continue
            begin = start + sum(len(line) + 1 for line in lines[: times + 1])
            end = start + sum(len(line) + 1 for line in lines) - 1
            text = self.text[begin:end]
            if text.strip():
                made.append(replacing(self, self._marked(text), begin, end))
        return made

    def _see(self, start: int, lines: list[str]) -> None:
        """A block without times."""
        raise self.refused(start, f"found {lines[0].strip()[:40]!r}, expected {self.expects}")

    def _blocks(self) -> Iterator[tuple[int, list[str]]]:
        """Lines up to a blank one, with where they begin."""
        start, lines = 0, list[str]()
        at = 0
        for line in [*self.text.split("\n"), ""]:
            if line.strip():
                start = start if lines else at
                lines.append(line)
            elif lines:
                yield start, lines
                lines = []
            at += len(line) + 1

    def _marked(self, text: str) -> Marked:
        """Text with what places it, or says who speaks or when, as codes."""
        made, at = Marking(), 0
        for found in _OVERRIDE.finditer(text):
            made.text(text[at : found.start()])
            made.single(found[0])
            at = found.end()
        made.text(text[at:])
        return made.made(as_it_is)


class VTT(SRT):
    """WebVTT: the same, with a head, notes and styles."""

    expects = "WebVTT, which begins with WEBVTT, and cues with a line of times"

    def segments(self) -> list[Segment]:
        if not re.match(r"WEBVTT(?:[ \t\r\n]|\Z)", self.text):
            raise self.refused(0, f"found {self.text[:20]!r}, expected {self.expects}")
        return super().segments()

    def _see(self, start: int, lines: list[str]) -> None:
        known = start == 0 or lines[0].split()[0].startswith(_BLOCKS)
        if not known and any("-->" in line for line in lines):
            super()._see(start, lines)
