"""HTML: text between the tags of blocks, with tags inside of it as codes, and attributes that are read by people.

Tags are found as browsers find them, and none is changed but for an attribute that is translated and the language that
<html> names. Scripts, styles, preformatted text and code stay, and so does what says translate="no".
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mtkit.documents.document import Document, Edit, Segment
from mtkit.documents.marked import Marked, Marking
from mtkit.documents.spelling import spelling

# What stands within a line; any other element begins a new text, and so does its end.
_OF_LINES = (
    "a abbr acronym b bdi bdo big cite data del dfn em font i img ins label mark meter nobr output picture progress q "
    "rp rt ruby s small source span strike strong sub sup time u wbr"
)
_INLINE = frozenset(_OF_LINES.split())
_CODE = frozenset(["code", "kbd", "samp", "var", "tt", "math", "svg", "object", "embed", "iframe"])
_RAW = frozenset(["script", "style", "textarea", "xmp", "noembed", "noframes", "template"])
_WITHOUT_END = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_WITHOUT_END.split())
_READ = ("alt", "title", "placeholder", "aria-label", "aria-description")
_OF_META = {"description", "keywords", "og:title", "og:description", "twitter:title", "twitter:description"}
_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
_IN_TAG = re.compile(r"""=\s*(["'])|>""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AMPERSAND = re.compile(r"&(?=(#?\w{0,32};?))")
_LESS = re.compile(r"<(?=[A-Za-z/!?])")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_NOT_OF_WINDOWS = set(b"\x81\x8d\x8f\x90\x9d")
_SLOT = "\ue000{}\ue001"  # where in a tag a translation comes


@dataclass
class Token:
    """A piece of the document: "text", "start", "end" or "other", such as a comment or what stays with all its tags."""

    kind: str
    start: int
    end: int
    name: str = ""


class HTML(Document):
    """Every run of text and tags within a line is a segment."""

    breaks = "space"
    expects = "HTML"
    untouched = _CODE  # elements that stay as they are

    def within(self, name: str) -> bool:
        """Whether a tag of this name stands within a line."""
        return name in _INLINE or name == "br"

    def declared(self, data: bytes) -> str:
        found = _DECLARED.match(data) or _CHARSET.search(data[: 1 << 12])
        if found:
            return found[1].decode()
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return "cp1252" if not _NOT_OF_WINDOWS & set(data) else "latin-1"  # as browsers take it, if that can be
        return "utf-8"

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, "xmlcharrefreplace")

    def segments(self) -> list[Segment]:
        made, run = list[Segment](), list[Token]()
        self._language: Edit | None = None
        for token in self._tokens():
            inside = token.kind in ("text", "other") or self.within(token.name)
            if inside:
                run.append(token)
                continue
            made += self._of_run(run)
            run = []
            made += self._of_tag(token)
            if token.kind == "start" and token.name == "html":
                self._see(token)
        return [*made, *self._of_run(run)]

    @property
    def languages(self) -> tuple[str, str]:
        return (self.text[self._language.start : self._language.end] if self._language else ""), ""

    def _see(self, token: Token) -> None:
        """Which language the document says it is in."""
        for found in _ATTRIBUTE.finditer(self.text, token.start, token.end):
            if found[1].lower() == "lang":
                start, end = found.span(2)
                quoted = found[2][0] in "\"'"
                self._language = Edit(start + quoted, end - quoted, self.options.languages[1])

    def _of_run(self, run: Sequence[Token]) -> Iterator[Segment]:
        """A text with the tags inside of it."""
        marking, slots, raws = Marking(), list[tuple[int, int]](), list[str]()
        for token in run:
            raw = self.text[token.start : token.end]
            if token.kind == "text":
                marking.text(_unescaped(raw))
                raws.append(raw)
            elif token.kind == "end":
                marking.close(raw, token.name)
            else:
                markup, at = "", token.start
                for start, end in self._read_by_people(token) if token.kind == "start" else ():
                    markup += self.text[at:start] + _SLOT.format(len(slots))
                    slots.append((start, end))
                    at = end
                markup += self.text[at : token.end]
                if token.kind == "start" and token.name not in _VOID and not raw.endswith("/>"):
                    marking.open(markup, token.name)
                else:
                    marking.single(markup, token.name == "br")
        if marking.blank:  # its attributes stand for themselves
            for token in run:
                yield from self._of_tag(token)
            return
        start, end = run[0].start, run[-1].end
        sources = [*(self._attribute(*slot) for slot in slots), marking.made(_escaping("".join(raws)))]

        def write(texts: Sequence[str], _: bool) -> Iterator[Edit]:
            whole = texts[-1]
            for number, text in enumerate(texts[:-1]):
                whole = whole.replace(_SLOT.format(number), text)
            yield from self._changed(start, end, whole)

        yield Segment(sources, self.where(start), write)

    def _of_tag(self, token: Token) -> Iterator[Segment]:
        """The attributes of a tag that is not inside of a text."""
        for start, end in self._read_by_people(token) if token.kind == "start" else ():

            def write(texts: Sequence[str], _: bool, start: int = start, end: int = end) -> Iterator[Edit]:
                yield from self._changed(start, end, texts[0])

            yield Segment([self._attribute(start, end)], self.where(start), write)

    def _changed(self, start: int, end: int, text: str) -> Iterator[Edit]:
        if text != self.text[start:end]:
            yield Edit(start, end, text)
            if self._language:
                yield self._language

    def _attribute(self, start: int, end: int) -> Marked:
        raw, quote = self.text[start:end], self.text[end : end + 1]
        write = _escaping(raw)
        return Marked(_unescaped(raw), escape=lambda text: write(text).replace(quote, f"&#{ord(quote)};"))

    def _read_by_people(self, token: Token) -> Iterator[tuple[int, int]]:
        """The places of values in quotes that are text."""
        tag = self.text[token.start : token.end]
        found = {one[1].lower(): one for one in _ATTRIBUTE.finditer(tag, len(token.name) + 1)}
        named = found.get("name") or found.get("property")
        names = list(_READ)
        if token.name == "meta" and named and named[2].strip("\"'").lower() in _OF_META:
            names.append("content")
        if token.name == "input" and "type" in found and found["type"][2].strip("\"'").lower() in ("submit", "button"):
            names.append("value")
        spans = [found[name].span(2) for name in names if name in found and found[name][2][0] in "\"'"]
        for start, end in sorted(spans):
            if tag[start + 1 : end - 1].strip():
                yield token.start + start + 1, token.start + end - 1

    def _tokens(self) -> Iterator[Token]:
        """The document in pieces."""
        text, at = self.text, 0
        while at < len(text):
            start = text.find("<", at)
            start = len(text) if start < 0 else start
            if start > at:
                yield Token("text", at, start)
            if start == len(text):
                return
            at = self._end_of(start)
            named = _NAME.match(text, start, at)
            if not named:
                yield Token("text" if at == start + 1 else "other", start, at)
                continue
            name = named[1].lower()
            if text[start + 1] == "/":
                yield Token("end", start, at, name)
                continue
            if name in _RAW or name == "pre" or name in self.untouched or self._stays(start, at):
                yield Token("block" if name in _RAW or name == "pre" else "other", start, self._closed(name, start, at))
                at = self._closed(name, start, at)
            else:
                yield Token("start", start, at, name)

    def _end_of(self, start: int) -> int:
        """Where something ends that begins with "<"; of a sign of less, behind it."""
        text = self.text
        following = text[start + 1 : start + 2]
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            return len(text) if end < 0 else end + 3
        if following in ("!", "?"):
            mark = "]]>" if text.startswith("<![CDATA[", start) else ">"
            end = text.find(mark, start)
            return len(text) if end < 0 else end + len(mark)
        if not re.match(r"</?[A-Za-z]", text[start : start + 3]):
            return start + 1
        at = start
        while found := _IN_TAG.search(text, at):
            if not found[1]:
                return found.end()
            at = text.find(found[1], found.end()) + 1
            if not at:
                break
        return len(text)  # a tag without end is the end of the document

    def _stays(self, start: int, end: int) -> bool:
        """Whether a tag says that nothing in its element is translated."""
        found = {one[1].lower(): one[2].strip("\"'") for one in _ATTRIBUTE.finditer(self.text, start, end)}
        return found.get("translate", "").lower() == "no" or "notranslate" in found.get("class", "").split()

    def _closed(self, name: str, start: int, end: int) -> int:
        """Where an element ends of which nothing is looked at."""
        if name in _VOID or self.text[start:end].endswith("/>"):
            return end
        pattern = re.compile(rf"<(/?){re.escape(name)}(?=[\s/>])", re.IGNORECASE)
        depth = 1
        for found in pattern.finditer(self.text, end):
            depth += -1 if found[1] else name not in _RAW
            if not depth:
                close = self.text.find(">", found.end())
                return len(self.text) if close < 0 else close + 1
        return len(self.text)


def _unescaped(raw: str) -> str:
    return _REFERENCE.sub(lambda found: html.unescape(found[0]), raw) if "&" in raw else raw


def _escaping(raw: str) -> Callable[[str], str]:
    """How text is written where `raw` stood: signs that may be bare are so where some of them were."""
    bare = _REFERENCE.sub("", raw)
    found = {html.unescape(one): one for one in _REFERENCE.findall(raw)}
    ampersand, less = found.get("&", "&amp;"), found.get("<", "&lt;")
    others = "".join(one for character, one in found.items() if character not in ("&", "<"))
    write = spelling(others, _REFERENCE, html.unescape, {})

    def kept_apart(sign: re.Match[str]) -> str:
        harmless = "&" in bare and html.unescape(f"&{sign[1]}") == f"&{sign[1]}"
        return "&" if harmless else ampersand

    def escape(text: str) -> str:
        text = _AMPERSAND.sub(kept_apart, text)
        return write(_LESS.sub(less, text) if "<" in bare else text.replace("<", less))

    return escape
