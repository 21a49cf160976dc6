"""Catalogues of gettext: msgid is translated into msgstr, forms of plurals into as many as the target language has.

Only the strings of msgstr, the flag `fuzzy` and empty fields of the header are written, in the form that the strings of
the catalogue have: on one line, or broken at its width.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mtkit.documents import plurals
from mtkit.documents.document import Document, Edit, Segment
from mtkit.documents.marked import Marked
from mtkit.documents.plurals import Plurals
from mtkit.reading import shown

WIDTH = 77  # columns between quotes, as gettext's tools break them
MORE_FORMS = "the source has no such forms of plural: those of many are alike"
FORMS_UNKNOWN = "its Plural-Forms cannot be understood: those of the target language were taken"
CREDITS = ("translator-credits", "translator_credits")  # where translators enter themselves
_LINE = re.compile(
    r"[ \t]*(?:(?P<key>msgctxt|msgid_plural|msgid|msgstr(?:\[\d{1,3}\])?)[ \t]*)?"
    r'(?P<string>"(?:[^"\\]|\\.)*")[ \t\r]*'
)
_ESCAPED = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SPELLED = {ord(sign): f"\\{letter}" for letter, sign in _SIGNS.items()} | {ord("\\"): "\\\\", ord('"'): '\\"'}
_CHARSET = re.compile(rb"Content-Type:[^\n]{0,200}?charset=([\w.:-]{1,40})", re.IGNORECASE)
_WRITTEN_LINE = re.compile(r"(?:[^\\]|\\[^n])*\\n|(?:[^\\]|\\[^n])+")
_WIDE = r"\u3000-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
_UNBROKEN = re.compile(rf"[{_WIDE}](?![、。，．！？：；」』）】])[^\S\n]*|[^\s{_WIDE}]*\s+|[^\s{_WIDE}]+|.")
_FIELD = r"(?m)^{}:[ \t]*(.*)$"


@dataclass
class String:
    """A string of an entry: what it says, where its quotes begin and end, and whether it stands on several lines."""

    text: str
    start: int
    end: int
    parts: list[str]


@dataclass
class Entry:
    """A message: its strings by key, and its comments of interest.

    Attributes:
        start: of the first string's line.
        flags: the line of flags, as (start, end), without its end; None: there is none.
        before: where such a line would stand; -1: at `start`.
    """

    start: int = -1
    before: int = -1
    flags: tuple[int, int] | None = None
    strings: dict[str, String] = field(default_factory=dict)

    @property
    def forms(self) -> list[str]:
        """The keys of its translations, in order."""
        return [key for key in self.strings if key.startswith("msgstr")]


class PO(Document):
    """Every message is a segment."""

    expects = "a catalogue of gettext"

    def declared(self, data: bytes) -> str:
        found = _CHARSET.search(data[: 1 << 16])
        name = found[1].decode() if found else "utf-8"
        return "utf-8" if name == "CHARSET" else name

    def segments(self) -> list[Segment]:
        made = []
        for entry in self._entries:
            source = entry.strings["msgid"].text
            if entry is self._header or source in CREDITS or not source.strip():
                continue
            made.append(self._plural(entry) if "msgid_plural" in entry.strings else self._singular(entry))
        return made

    @property
    def languages(self) -> tuple[str, str]:
        return "", self._field("Language").split("@")[0]

    def _singular(self, entry: Entry) -> Segment:
        if "msgstr" not in entry.strings:
            raise self.refused(entry.start, "a message without msgstr")
        there = entry.strings["msgstr"]

        def write(texts: Sequence[str], doubtful: bool) -> Iterator[Edit]:
            yield Edit(there.start, there.end, self._quoted(texts[0], entry, "msgid", "msgstr "))
            yield from self._marks(entry, doubtful)

        source = Marked(entry.strings["msgid"].text)
        return Segment([source], self.where(entry.strings["msgid"].start), write, there.text)

    def _plural(self, entry: Entry) -> Segment:
        one, many = (entry.strings[key].text for key in ("msgid", "msgid_plural"))
        forms = self._plurals
        keys = [f"msgstr[{form}]" for form in range(forms.count)]
        there = [entry.strings[key] for key in entry.forms]
        if not there or entry.forms != [f"msgstr[{form}]" for form in range(len(there))]:
            raise self.refused(entry.start, "forms of a plural that are not msgstr[0], msgstr[1], and so on")
        of_one = forms.count > 1 and (forms.alone or ("%" in one or "{" in one) or not ("%" in many or "{" in many))
        sources = [one if of_one and form == forms.first else many for form in range(forms.count)]
        kept = {key: text.text for key, text in entry.strings.items() if not self.options.everything}
        begun = self.text.rindex("\n", 0, there[0].start) + 1 if "\n" in self.text[: there[0].start] else 0
        end = "\r\n" if self.text[entry.strings["msgid"].end : entry.strings["msgid"].end + 1] == "\r" else "\n"

        def write(texts: Sequence[str], doubtful: bool) -> Iterator[Edit]:
            lines = []
            for form, (key, text) in enumerate(zip(keys, texts, strict=True)):
                model = "msgid" if sources[form] is one else "msgid_plural"
                lines.append(f"{key} {self._quoted(kept.get(key) or text, entry, model, key + ' ')}")
            yield Edit(begun, there[-1].end, end.join(lines))
            yield from self._marks(entry, doubtful)
            yield from self._header_edits(True)

        whole = len(there) >= len(keys) and all(one.text.strip() for one in there[: len(keys)])
        doubt = FORMS_UNKNOWN if self._misunderstood else MORE_FORMS if forms.count > 2 else ""
        where = self.where(entry.strings["msgid"].start)
        return Segment(list(map(Marked, sources)), where, write, there[0].text if whole else "", doubt)

    def _marks(self, entry: Entry, doubtful: bool) -> Iterator[Edit]:
        """The flag that says that nobody has looked at it, and what the header lacks."""
        yield from self._header_edits(False)
        marked = self.options.marks(doubtful)
        if entry.flags is None:
            if marked:
                place = entry.start if entry.before < 0 else entry.before
                end = "\r\n" if self.text.find("\r\n", place) == self.text.find("\n", place) - 1 >= 0 else "\n"
                yield Edit(place, place, f"#, fuzzy{end}")
            return
        start, stop = entry.flags
        flags = [flag.strip() for flag in self.text[start:stop].removeprefix("#,").split(",")]
        if marked and "fuzzy" not in flags:
            yield Edit(start + 2, start + 2, " fuzzy,")
        elif not marked and "fuzzy" in flags:
            others = ", ".join(flag for flag in flags if flag != "fuzzy")
            after = self.text.find("\n", stop) + 1
            yield Edit(start, stop, f"#, {others}") if others else Edit(start, after, "")

    def _header_edits(self, plural: bool) -> Iterator[Edit]:
        """Fields of the header that a template leaves open."""
        if self._header is None or "msgstr" not in self._header.strings:
            return
        there = self._header.strings["msgstr"]
        language = re.compile(r"(Language:)[ \t]*(?=\\n)")
        if found := language.search(self.text, there.start, there.end):
            yield Edit(found.start(), found.end(), f"Language: {self.options.languages[1].replace('-', '_')}")
        if found := re.compile(r"charset=CHARSET").search(self.text, there.start, there.end):
            yield Edit(found.start(), found.end(), "charset=UTF-8")
        if plural and (self._misunderstood or self._unsaid):
            field = re.compile(r'Plural-Forms:(?:[^"\\]|"[ \t\r]*\n[ \t]*")*(?=\\n)')
            said = f"Plural-Forms: {self._plurals.text}"
            if found := field.search(self.text, there.start, there.end):
                yield Edit(found.start(), found.end(), said)
            else:
                end = "\r\n" if "\r\n" in self.text[there.start : there.end] else "\n"
                yield Edit(there.end, there.end, f'{end}"{said}\\n"')

    def _quoted(self, text: str, entry: Entry, model: str, before: str) -> str:
        """A string in the form that another one of the entry has.

        Args:
            before: what stands on its first line.
        """
        source = entry.strings[model]
        if source.text.endswith("\n") != text.endswith("\n"):  # which gettext takes for an error
            text = text.rstrip("\n") + "\n" * source.text.endswith("\n")
        if source.text.startswith("\n") != text.startswith("\n"):
            text = "\n" * source.text.startswith("\n") + text.lstrip("\n")
        written = text.translate(_SPELLED)
        width = WIDTH if self._wraps else 1 << 30
        several = len(source.parts) > 1
        if not several and _columns(before + written) <= width:
            return f'"{written}"'
        lines = [part for line in _WRITTEN_LINE.findall(written) for part in _wrapped(line, width)]
        if len(lines) < 2 and not several:
            return f'"{written}"'
        end = "\r\n" if "\r\n" in self.text[source.start : source.end + 2] else "\n"
        first = [""] if not several or source.parts[0] == "" else []
        return end.join(f'"{line}"' for line in [*first, *lines])

    @cached_property
    def _wraps(self) -> bool:
        """Whether some string is broken where it has no line end."""
        strings = (string for entry in self._entries for string in entry.strings.values())
        return any(part and not part.endswith("\\n") for string in strings for part in string.parts[:-1])

    @cached_property
    def _header(self) -> Entry | None:
        for entry in self._entries[:1]:
            if entry.strings["msgid"].text == "" and "msgctxt" not in entry.strings:
                return entry
        return None

    def _field(self, name: str) -> str:
        """What the header says of something; "": nothing."""
        text = self._header.strings["msgstr"].text if self._header and "msgstr" in self._header.strings else ""
        found = re.search(_FIELD.format(name), text)
        return found[1].strip() if found else ""

    @cached_property
    def _said(self) -> str:
        """What the header says of plurals."""
        return self._field("Plural-Forms")

    @property
    def _unsaid(self) -> bool:
        """Whether the header says nothing of plurals."""
        return not self._said or "INTEGER" in self._said

    @cached_property
    def _misunderstood(self) -> bool:
        """Whether what it says cannot be understood."""
        return not self._unsaid and plurals.parsed(self._said) is None

    @cached_property
    def _plurals(self) -> Plurals:
        return plurals.parsed(self._said) or plurals.of_language(self.options.languages[1])

    @cached_property
    def _entries(self) -> list[Entry]:
        made, entry, last = list[Entry](), Entry(), None
        start = 0
        for raw in self.text.split("\n"):
            end = start + len(raw)
            line = raw.strip()
            if not line or line.startswith("#"):
                if entry.strings:
                    made.append(self._checked(entry))
                    entry = Entry()
                last = None
                if line.startswith("#,"):
                    entry.flags = start + raw.index("#"), start + len(raw.rstrip())
                elif line.startswith("#|") and entry.before < 0:
                    entry.before = start
                elif not line:
                    entry = Entry()
            else:
                found = _LINE.fullmatch(raw)
                if not found:
                    raise self.refused(start, f"found {shown(line)}, expected msgid, msgstr or a string in quotes")
                key, at = found["key"], (start + found.start("string"), start + found.end("string"))
                written = found["string"][1:-1]
                if key in ("msgctxt", "msgid") and "msgid" in entry.strings:
                    made.append(self._checked(entry))
                    entry = Entry()
                if key and key in entry.strings:
                    raise self.refused(start, f"{key} comes twice in a message")
                if key:
                    last = String(_unescaped(written), *at, [written])
                    entry.strings[key] = last
                    entry.start = start if entry.start < 0 else entry.start
                elif last is None:
                    raise self.refused(start, f"found {shown(line)}, expected msgid or msgstr before it")
                else:
                    last.text += _unescaped(written)
                    last.end = at[1]
                    last.parts.append(written)
            start = end + 1
        return [*made, self._checked(entry)] if entry.strings else made

    def _checked(self, entry: Entry) -> Entry:
        if "msgid" not in entry.strings:
            raise self.refused(entry.start, f"{next(iter(entry.strings))} without msgid")
        return entry


def _unescaped(written: str) -> str:
    def sign(found: re.Match[str]) -> str:
        one = found[1]
        if one[0] == "x" and len(one) > 1:
            return chr(int(one[1:], 16))
        return chr(int(one, 8) & 255) if one.isdigit() and one[0] < "8" else _SIGNS.get(one, one)

    return _ESCAPED.sub(sign, written) if "\\" in written else written


def _columns(text: str) -> int:
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def _wrapped(line: str, width: int) -> Iterable[str]:
    """A line broken after white space, or between wide characters."""
    if _columns(line) <= width:
        return [line]
    made = [""]
    size = 0
    for word in _UNBROKEN.findall(line):
        length = _columns(word)
        if made[-1] and size + length > width:
            made.append("")
            size = 0
        made[-1] += word
        size += length
    return made
