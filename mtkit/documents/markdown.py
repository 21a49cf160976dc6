"""Markdown: text of paragraphs, headings, lists and tables, with emphasis, links, code and tags inside of it as codes.

The parser is markdown-it-py, which says in which lines a text stands and of what it consists, but not where in them:
so its tokens are laid along the text again, and a text along which they do not fit stays as it is, and is told. Code,
blocks of HTML, definitions of links and what stands before the text (front matter) stay.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mtkit.documents.document import Document, Edit, Segment
from mtkit.documents.marked import Marked, Marking
from mtkit.documents.spelling import spelling
from mtkit.errors import DataError

_FRONT = re.compile(r"(---|\+\+\+)[ \t]*\r?\n(?:.*?\r?\n)??\1[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_SPECIAL = re.compile(r"\[\^[^\]\s]{1,60}\]|\A\[[ xX]\](?=[ \t])")
_ALERT = re.compile(r"\A\[![A-Z]{2,20}\][ \t]*(?=\n)")
_NOTHING = re.compile(r"(?!)")
_BLOCK_START = re.compile(r"(?:[-+*>#|]|\d{1,9}[.)]|=+[ \t]*$|~~~|```)")
_SOFT = re.compile(r" *\n[ \t]*")
_HARD = re.compile(r"(?: *|\\)\n[ \t]*")
_PAIRS = {"em": "em", "strong": "strong", "s": "s", "link": "link"}


class Misfit(Exception):
    """The tokens do not fit along the text."""


class Markdown(Document):
    """Every paragraph, heading and cell is a segment."""

    breaks = "space"
    expects = "Markdown"

    def segments(self) -> list[Segment]:
        try:
            from markdown_it import MarkdownIt
        except ImportError:
            raise DataError(f"{self.options.name}: Markdown needs pip install 'mtkit[documents]'") from None
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
        found = _FRONT.match(self.text)
        front = found.end() if found else 0
        starts = [front]
        for line in re.finditer("\n", self.text[front:]):
            starts.append(front + line.end())
        body = re.sub(r"\r(?!\n)", " ", self.text[front:])
        self._eol = "\r\n" if "\r\n" in self.text else "\n"
        made, cell_at = list[Segment](), 0
        for place, token in enumerate(tokens := parser.parse(body)):
            if token.type != "inline" or not token.content.strip():
                continue
            around = tokens[place - 1]
            cell = around.type in ("th_open", "td_open")
            lines = token.map or around.map
            if lines is None:
                continue
            cell_at = max(cell_at, starts[lines[0]])
            spans = self._places(token.content, starts, lines[0], cell_at if cell else starts[lines[0]])
            if spans is None:
                made.append(_untouched(token.content, self.where(cell_at)))
                continue
            cell_at = spans[-1][1]
            made.append(self._segment(token, spans, cell))
        return made

    def _places(self, content: str, starts: Sequence[int], line: int, at: int) -> list[tuple[int, int]] | None:
        """Where the lines of a content stand; None: somewhere else, for all that is seen."""
        made = []
        for number, part in enumerate(content.split("\n")):
            part = part.rstrip()
            if line + number >= len(starts):
                return None
            begin = max(at, starts[line + number])
            end = self.text.find("\n", begin)
            found = self.text.find(part, begin, len(self.text) if end < 0 else end)
            if found < 0:
                return None
            made.append((found, found + len(part)))
        return made

    def _segment(self, token: Any, spans: Sequence[tuple[int, int]], cell: bool) -> Segment:
        start, end = spans[0][0], spans[-1][1]
        text = "\n".join(self.text[first:last] for first, last in spans)
        # What stands before the second line, > of a quotation and the like, stands before those that come.
        prefix = self.text[self.text.rfind("\n", 0, spans[1][0]) + 1 : spans[1][0]] if len(spans) > 1 else ""
        trailing = [self.text[last : self.text.find("\n", last)].rstrip("\r") for _, last in spans[:-1]]
        text = "\n".join(map("".join, zip((self.text[a:b] for a, b in spans), [*trailing, ""], strict=True)))
        try:
            marked = _marked(token, text, cell)
        except Misfit:
            return _untouched(text, self.where(start))

        def write(texts: Sequence[str], _: bool) -> Iterator[Edit]:
            if texts[0] != marked.restored(marked.text):
                yield Edit(start, end, _safe(texts[0], text).replace("\n", self._eol + prefix))

        return Segment([marked], self.where(start), write)


def _untouched(text: str, where: str) -> Segment:
    """A segment that is told, and stays."""
    return Segment([Marked(text, check=lambda _: False)], where, lambda texts, doubtful: ())


def _safe(text: str, source: str) -> str:
    """A text of which no line begins as another block does."""
    lines = text.split("\n")
    made = [lines[0]]
    for line in lines[1:]:
        if _BLOCK_START.match(line.lstrip()):
            made[-1] += " " + line.lstrip()
        else:
            made.append(line)
    found = _BLOCK_START.match(made[0])
    if found and not _BLOCK_START.match(source):
        sign = found.end() - 1
        made[0] = f"{made[0][:sign]}\\{made[0][sign:]}"
    return "\n".join(made)


def _marked(token: Any, text: str, cell: bool) -> Marked:
    """A text with markup as codes.

    Raises:
        Misfit: its tokens do not fit along it.
    """
    made, raws, at = Marking(), list[str](), 0
    spelled: dict[str, str] = {"|": "\\|"} if cell else {}
    opened: list[int] = []  # where the texts of links begin
    alert = _ALERT.match(text)

    def take(raw: str) -> str:
        nonlocal at
        if not text.startswith(raw, at):
            raise Misfit
        at += len(raw)
        return raw

    def matched(pattern: re.Pattern[str]) -> str:
        found = pattern.match(text, at)
        if not found:
            raise Misfit
        return take(found[0])

    linked = False  # inside of an address in pointed brackets, which was taken whole
    for child in token.children or ():
        kind, _, edge = child.type.partition("_")
        if linked:
            linked = child.type != "link_close"
        elif child.type == "text":
            raw = take(child.content)
            raws.append(raw)
            _add(made, raw, alert is not None and at <= alert.end())
        elif child.type == "text_special":
            raw = take(child.markup)
            if len(child.content) == 1:
                made.text(child.content)
                spelled[child.content] = raw
            else:
                made.single(raw)
        elif child.type == "softbreak":
            raw = matched(_SOFT)
            if alert and at <= alert.end() + len(raw):
                made.single(raw, breaking=True)
            else:
                made.text(raw)
        elif child.type == "hardbreak":
            made.single(matched(_HARD), breaking=True)
        elif child.type == "code_inline":
            made.single(take(_code(text, at, child.markup)))
        elif child.type == "html_inline":
            made.single(take(child.content)) if not _tag(child.content) else _html(made, take(child.content))
        elif child.type == "image":
            made.single(take(_image(text, at)))
        elif child.type == "link_open" and child.markup == "autolink":
            made.single(take(text[at : text.find(">", at) + 1]))
            linked = True
        elif child.type == "link_open":
            made.open(take("["), "link")
            opened.append(at)
        elif child.type == "link_close":
            label = text[opened.pop() : at]
            raw = take(_destination(text, at))
            made.close(f"][{label}]" if raw in ("]", "][]") else raw, "link")
        elif kind in _PAIRS and edge == "open":
            made.open(take(child.markup), kind + child.markup)
        elif kind in _PAIRS and edge == "close":
            made.close(take(child.markup), kind + child.markup)
        else:
            raise Misfit
    if text[at:].strip():
        raise Misfit
    bare = "".join(raws)
    signs = {sign: f"\\{sign}" for sign in "*_`[]<" if sign not in bare}  # of which the source has none to be read so
    return made.made(spelling("", _NOTHING, str, signs | spelled))


def _add(made: Marking, raw: str, closed: bool) -> None:
    """Text, of which marks of notes and boxes are none."""
    if closed:
        return made.single(raw)
    at = 0
    for found in _SPECIAL.finditer(raw):
        made.text(raw[at : found.start()])
        made.single(found[0])
        at = found.end()
    return made.text(raw[at:])


def _tag(raw: str) -> re.Match[str] | None:
    return re.fullmatch(r"<(/?)([A-Za-z][\w-]*)[^<>]*?(/?)>", raw)


def _html(made: Marking, raw: str) -> None:
    """A tag of HTML."""
    found = _tag(raw)
    assert found
    if found[1]:
        made.close(raw, found[2])
    elif found[3] or found[2].lower() in ("br", "img", "wbr", "input"):
        made.single(raw, breaking=found[2].lower() == "br")
    else:
        made.open(raw, found[2])


def _code(text: str, at: int, markup: str) -> str:
    """A span of code."""
    found = re.compile(rf"(?<!`){markup}(?!`)").search(text, at + len(markup))
    if not text.startswith(markup, at) or not found:
        raise Misfit
    return text[at : found.end()]


def _image(text: str, at: int) -> str:
    """An image, with its text and where it is."""
    if not text.startswith("![", at):
        raise Misfit
    depth, place = 1, at + 2
    while place < len(text) and depth:
        if text[place] == "\\":
            place += 1
        elif text[place] in "[]":
            depth += 1 if text[place] == "[" else -1
        place += 1
    return text[at : place - 1] + _destination(text, place - 1)


def _destination(text: str, at: int) -> str:
    """What ends a link: a bracket, with the destination or the label that follows."""
    if text[at : at + 1] != "]":
        raise Misfit
    after = text[at + 1 : at + 2]
    if after == "[" and (found := re.compile(r"\[[^\[\]]*\]").match(text, at + 1)):
        return "]" + found[0]
    if after != "(":
        return "]"
    depth, place, quote = 0, at + 1, ""
    while place < len(text):
        sign = text[place]
        if sign == "\\":
            place += 1
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and text[place - 1].isspace():
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if not depth:
                return text[at : place + 1]
        place += 1
    return "]"
