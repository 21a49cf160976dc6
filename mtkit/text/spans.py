"""What must come out of a translation as it went in: placeholders, tags, entities, escapes, addresses, code and emoji
in a line, and what somebody names by a regular expression.

They are known by their form alone. Must not know models, or what a translator does about them.
"""

import html
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from mtkit.text.languages import primary

_PICTURES = "\u203c\u2049\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff"
# What every span has; a line without is not looked at any further.
TRIGGER = re.compile(rf"[%{{$<&@\\`\u20e3{_PICTURES}]|:[a-z/+]|\.[a-z0-9]|__[A-Za-z]|\[X\d")

LETTER = "A-Za-z0-9_\u00c0-\u024f"  # not \w: other scripts go on without a space ("%d个", "a@b.org에")
_URL = r"[!#-;=?@A-Z^_a-z{}~\u00c0-\u052f]"
_NAME = r"[A-Za-z][\w:.-]*"
_VALUE = r"""(?:\\?"[^"]{0,2000}"|'[^']{0,2000}'|[^\s"'<>=`]+)"""
# What stands in a tag without a value; anything else would make tags of "a <b and c> d".
_FLAGS = (
    "allowfullscreen|async|autofocus|autoplay|checked|controls|default|defer|disabled|download|formnovalidate|hidden|"
    "inert|ismap|itemscope|loop|multiple|muted|nomodule|novalidate|open|playsinline|readonly|required|reversed|selected"
)
_TAG = rf"</?(?:{_NAME}|\d+)(?:\s+(?:[\w:.@#*-]+\s*=\s*{_VALUE}|(?:{_FLAGS})(?![\w=-])))*\s*/?>"
_ICU = (
    r"\{(?=\s*\w{1,60}\s*,\s*(?:plural|select|selectordinal|number|date|time|ordinal|spellout|duration|choice)\s*[,}])"
    r"[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}"
)
# Flags and numbers are short: both may be zeros, and of a long row of them each division would be tried.
_CONVERSION = r"(?:\*|\d{1,4})?(?:\.(?:\*|\d{1,4}))?(?:hh?|ll?|I64|[Lqjzt])?[diouxXeEfFgGaAcCsSpnbBhr@]"
_DOMAIN = "com|org|net|edu|gov|mil|int|info|io|dev|app|eu|de|fr|uk|jp|kr|cn|ru|nl|pl|ch"

_FORMS = {  # tried in this order
    "tag": [_TAG, r"<!--(?:(?!-->).){0,500}-->", r"<![A-Z][^<>]{0,200}>", r"<%[^<>%]{0,200}%>", r"<\?[^<>?]{0,200}\?>"],
    "address": [
        rf"[A-Za-z](?<![A-Za-z0-9].)[A-Za-z0-9+.-]{{1,20}}://(?:\[[0-9A-Fa-f:.]+\])?{_URL}+",
        rf"www\.(?<![{LETTER}.-]www\.)[A-Za-z0-9-]+\.{_URL}+",
        rf"(?:mailto|tel|sms|urn|magnet):(?<!\w(?:mailto|magnet):)(?<!\w(?:tel|sms|urn):){_URL}+",
        rf"(?<![{LETTER}.+-])[{LETTER}.+-]{{1,64}}@[A-Za-z\u00c0-\u024f][{LETTER}-]*(?:\.[{LETTER}-]+)*",
        rf"(?<![{LETTER}@.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.)+(?:{_DOMAIN})(?![{LETTER}-])"
        rf"(?::\d+)?(?:/{_URL}*)?",
        r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|/\d{1,2})?(?!\w|\.\d)",
        r"[A-Za-z]:\\(?<!\w...)[^\s<>\"|?*:;,]+",
        r"\\\\(?<![\w\\]..)[\w.-]+\\[^\s<>\"|?*]+",
    ],
    "placeholder": [
        r"\{\{\{?[^{}]{1,200}\}\}\}?",
        r"\{%[^{}]{1,200}%\}",
        _ICU,
        r"\{\s*[A-Z]+\([^{}()]{0,100}\)\s*\}",
        r"[#$@%]?\{ ?[!-@A-Z\[-`a-z|~\u00c0-\u052f]{0,80} ?\}",
        r"<<[\w .-]{1,60}>>",
        r"\[X\d{1,6}X\]",  # what Weblate hides placeholders behind
        r"__(?<!\w__)[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,60}__(?!\w)",
        r"\$\((?!\d)[\w.-]{1,60}\)",
        r"\$(?<![\w$]\$)[A-Za-z_][A-Za-z0-9_]{0,60}\$",
        rf"\$(?<![\w$]\$)(?![A-Z]{{2}}D\b)[A-Za-z_][A-Za-z0-9_]{{2,60}}(?![{LETTER}])",  # but for $USD
        r"%\d{1,2}\$[-+0#',]{0,8}(?:[tT][A-Za-z]|" + _CONVERSION + ")",
        r"%\([^()%\n]{1,60}\)[-+0#', ]{0,8}" + _CONVERSION,
        r"%<\w{1,60}>[-+0#]{0,8}" + _CONVERSION,
        r"%(?<![\w%]%)[A-Za-z_][\w.-]{0,60}%(?![\w%])",
        r"%(?<![\w%]%)[A-Z][A-Z0-9_]{2,60}(?![A-Z0-9_])",
        r":(?<![\w:]:)[a-z][a-z0-9_+-]{0,60}:(?![\w:`])",  # :wave:, but no role of reStructuredText
        rf"@(?<![\w@/.]@)[A-Za-z_][{LETTER}]{{1,60}}@?",
    ],
    # Behind a number it is more likely so many percent: 50 %-a, 5%d.
    "format": [
        rf"%(?:[+0#',]|-(?=[\d*])){{0,8}}{_CONVERSION}(?![{LETTER}])",
        rf"%[ds](?=[A-Za-z]{{1,3}}(?![{LETTER}]))",  # with a unit: %dpx, %ds
        rf"%-?[A-Za-z](?![{LETTER}])",  # of dates: %Y-%m-%d
    ],
    "percent": ["%%"],
    "numbered": [rf"%L?[1-9]\d?(?![{LETTER}'’%]|[.,]\d)"],
    # Not `quoted' in the way of old, nor the text of a role or a link in reStructuredText.
    "code": [
        r"``(?<![`A-Za-z0-9_]``)(?=\S)[^`]{1,200}(?<=\S)``(?!`)",
        r"`(?<![`A-Za-z0-9_:]`)(?=\S)[^`'’‘]{1,200}(?<=\S)`(?![`_])",
    ],
    "emoji": [
        rf"(?:[0-9#*]\ufe0f?\u20e3|[{_PICTURES}][\ufe0e\ufe0f\U000e0020-\U000e007f]*(?:\u200d(?=[{_PICTURES}]))?)+",
    ],
    "entity": [r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"],
    "escape": [r'\\(?:n|[rt](?![a-z])|"|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}(?![0-9A-Fa-f]))'],
}
_SPAN = re.compile("|".join(f"(?P<{kind}>{'|'.join(forms)})" for kind, forms in _FORMS.items()))

# Tags that enclose nothing, and those that part words ("one<br>two" is no one word).
_VOID = re.compile("area|base|br|bx|col|embed|ex|hr|img|input|link|meta|param|source|track|wbr|x", re.IGNORECASE)
_PARTING = re.compile(
    "address|blockquote|br|dd|div|dl|dt|h[1-6]|hr|img|li|ol|option|p|pre|table|t[dhr]|ul", re.IGNORECASE
)
_TAG_NAME = re.compile(r"</?([\w:.-]+)")
_SECTION = re.compile(r"\{\{([#^/])\s*([\w.-]+)")
_CLOSING = re.compile(r"[.,;:!?)\]}»”’…。，、！？：；）」』]")
_AFTER_ADDRESS = ".,;:!?'*_~"
_MARKS = "\"\" '' `` ** __ () [] <> {} «» »« “” „“ „” ‘’ ‚‘ ‹› 「」 『』 （） 【】 《》"
_AROUND = frozenset(_MARKS.split())
_SPACES = (" ", "\u00a0", "\u202f")
_APOSTROPHES = "'’"

OWN = "own"
KINDS = ("tag", "placeholder", "entity", "escape", "address", "code", "emoji", OWN)
BY_CHOICE = frozenset({"code", "emoji", OWN})
"""Kinds that a writer may have chosen: who translates might say them in words, or put marks where there were none."""

PERCENT_FIRST = frozenset({"tr", "tur", "eu", "eus", "baq", "ku", "kur", "kmr"})
"""Languages that write %5 for five percent; in others %5 stands for the fifth of some values, as in Qt."""


@dataclass(frozen=True)
class Span:
    """Some characters of a line."""

    start: int
    end: int
    text: str
    kind: str
    """One of `KINDS`."""

    @cached_property
    def role(self) -> str:
        """ "open" or "close" of what may enclose text; else ""."""
        if self.kind == "tag" and (found := _TAG_NAME.match(self.text)):
            if self.text.startswith("</"):
                return "close"
            return "" if self.text.endswith("/>") or _VOID.fullmatch(found[1]) else "open"
        found = _SECTION.match(self.text)
        return "" if not found else "close" if found[1] == "/" else "open"

    @cached_property
    def name(self) -> str:
        """What the opening and the closing one have in common."""
        found = _TAG_NAME.match(self.text)
        if found:
            return found[1].lower()
        found = _SECTION.match(self.text)
        return found[2] if found else ""

    @property
    def parts(self) -> bool:
        """Whether the words at its sides are two."""
        return bool(_PARTING.fullmatch(self.name)) if self.kind == "tag" else self.kind != "entity"


def percent_first(language: str) -> bool:
    """Whether %5 is so many percent in a language."""
    return primary(language) in PERCENT_FIRST


def may_have(line: str) -> bool:
    """Whether there may be spans in a line; quicker than to find them."""
    return bool(TRIGGER.search(line))


def find(
    line: str,
    percent_first: bool = False,
    formatted: bool = False,
    wanted: Counter[str] | None = None,
    known: Collection[str] | None = None,
) -> list[Span]:
    """The spans of a line, in order; none overlap.

    Args:
        percent_first: %5 is five percent.
        formatted: it is a format string, in which %% is a sign of percent, as is known of those with %s or the like.
        wanted: which are placeholders behind a number, too, and how many such of each: it is known that they are there.
        known: only these are code or emoji; None: whatever looks so.
    """
    if not may_have(line):
        return []
    found: list[Span] = []
    wanted = Counter(wanted)  # those that are left
    before = place = 0  # where the last one ended, and the last that was looked at
    while match := _SPAN.search(line, place):
        kind, text = str(match.lastgroup), match[0]
        if kind == "address":
            text = _trimmed(text)
        start = match.start()
        if known is not None and kind in BY_CHOICE and text not in known:
            place = start + 1
            continue
        place = end = start + len(text)
        if (kind == "entity" and _is_letter(line, start, end)) or (kind == "numbered" and percent_first):
            continue
        if kind in ("format", "numbered") and _is_share(line, start, before):
            if not wanted[text]:
                continue
            wanted[text] -= 1
        before = end
        formatted |= text[0] == "%" and kind != "percent"
        found.append(Span(start, end, text, kind if kind in KINDS else "placeholder"))
    return [one for one in found if formatted or one.text != "%%"]


def pairs(spans: Sequence[Span]) -> dict[int, int]:
    """Which enclose text together: place of the opening one -> place of the closing one. Pairs nest."""
    found: dict[int, int] = {}
    opened: list[int] = []
    of_name: dict[str, list[int]] = {}  # the same ones, by name
    for place, span in enumerate(spans):
        if span.role == "open":
            opened.append(place)
            of_name.setdefault(span.name, []).append(place)
        elif span.role == "close" and (same := of_name.get(span.name)):
            first = same[-1]
            found[first] = place
            while opened and opened[-1] >= first:  # what is opened inside and never closed encloses nothing
                of_name[spans[opened.pop()].name].pop()
    return found


def without(line: str, spans: Sequence[Span]) -> tuple[str, list[int]]:
    """A line without its spans and the white space that goes with them, and where in the line each character stands."""
    text: list[str] = []
    places: list[int] = []
    at, row = 0, 0
    while at < len(line):
        if row == len(spans):
            text += line[at:]
            places += range(at, len(line))
            break
        first = spans[row]
        text += line[at : first.start]
        places += range(at, first.start)
        end, run = first.end, [first]
        while row + len(run) < len(spans) and not line[end : spans[row + len(run)].start].strip():
            run.append(spans[row + len(run)])
            end = run[-1].end
        row += len(run)
        while text and text[-1].isspace():
            text.pop()
            places.pop()
        at = end
        while at < len(line) and line[at].isspace():
            at += 1
        if text and at < len(line):
            apart = _apart(line, run, at)
            text += " " * apart
            places += [first.start] * apart
    return "".join(text), places


def quoted(line: str, spans: Sequence[Span]) -> list[Span]:
    """The same with the quotation marks, brackets and the like in which they stand alone."""
    made: list[Span] = []
    for row, span in enumerate(spans):
        start, end = span.start, span.end
        low = spans[row - 1].end if row else 0
        high = spans[row + 1].start if row + 1 < len(spans) else len(line)
        while not span.role and low < start and end < high and line[start - 1] + line[end] in _AROUND:
            start, end = start - 1, end + 1
        made.append(Span(start, end, line[start:end], span.kind) if end > span.end else span)
    return made


def hidden(line: str, spans: Sequence[Span]) -> tuple[str, dict[int, str]]:
    """A line in which each span is one character, and the table with which `str.translate` brings them back; the line
    as it is, if it has such characters of its own."""
    if any("\U000f0000" <= character <= "\U000ffffd" for character in line):
        return line, {}
    signs = {0xF0000 + number: span.text for number, span in enumerate(spans[:0xFFFD])}
    made, at = "", 0
    for sign, span in zip(signs, spans, strict=False):
        made += line[at : span.start] + chr(sign)
        at = span.end
    return made + line[at:], signs


def _apart(line: str, run: Sequence[Span], at: int) -> bool:
    """Whether white space stays where some spans go that stand together."""
    first, last = run[0], run[-1]
    if last.end == at and _CLOSING.match(line[at]):
        return False
    if line[first.start - 1].isspace() or at > last.end or sum(len(one.text) for one in run) < last.end - first.start:
        return True
    return line[first.start - 1].isalnum() and line[at].isalnum() and any(one.parts for one in run)


def _trimmed(address: str) -> str:
    """Without the marks of the sentence that it stands in."""
    more = {closing: address.count(closing) - address.count(opening) for opening, closing in ("()", "{}")}
    end = len(address)
    while address[end - 1] in _AFTER_ADDRESS or more.get(address[end - 1], 0) > 0:
        end -= 1
        if address[end] in more:
            more[address[end]] -= 1
    return address[:end]


def _is_share(line: str, start: int, before: int) -> bool:
    """Whether a number stands before a sign of percent, with a space or without, that is no part of a span."""
    place = start - 1 - (line[start - 1 : start] in _SPACES)
    return place >= before and line[place].isdigit()


def _is_letter(line: str, start: int, end: int) -> bool:
    """Whether an entity spells a letter of a word, or an apostrophe in it, and is thus text; or is none at all."""
    character = html.unescape(line[start:end])
    if character == line[start:end]:
        return True
    inside = start > 0 and end < len(line) and line[start - 1].isalpha() and line[end].isalpha()
    return character.isalpha() or (inside and character in _APOSTROPHES)
