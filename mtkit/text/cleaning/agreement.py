"""Rules on what both sides should have alike: numbers, and spans (placeholders, tags, addresses)."""

import re
from collections import Counter

from mtkit.text.cleaning.rule import Check, Pair
from mtkit.text.spans import Span, find, may_have, percent_first

_DIGIT = re.compile(r"\d")
_RUN = re.compile(r"\d{1,18}")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:([.,'’ ])\d{3})(?:\1\d{3})*(?!\d)")  # 1,000,000 and 1.000.000
_HAN = re.compile("[〇一二三四五六七八九十百千万萬億亿兆]")
_WORDS = 12  # numbers up to it are often written as words
_POSITION = re.compile(r"(?<=%)\d{1,2}\$")
_ICU = re.compile(r"\{\s*\w+\s*,\s*\w+")
_TAG_NAME = re.compile(r"</?[\w:.-]+")
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://|mailto:)?(?:www\.)?([^/?#]*)")


def numbers(on: bool, languages: Pair) -> Check:
    """The numbers of one side are not those of the other.

    How they are written does not count: separators (1,000 and 1.000; 10:30 and 10.30), zeros in front, millions in a
    word, hours past noon, the century of a year. A number that one side lacks may be written as a word there, if it is
    small or round.
    """
    return _numbers_differ


def _numbers_differ(source: str, target: str) -> bool:
    if not (_DIGIT.search(source) or _DIGIT.search(target)):
        return False
    ours, theirs = _RUN.findall(source), _RUN.findall(target)
    if sorted(ours) == sorted(theirs):
        return False
    mine, other = _numbers(source), _numbers(target)
    left, right = list((mine - other).elements()), list((other - mine).elements())
    for number in left.copy():
        twin = next((one for one in right if _alike(number, one)), None)
        if twin is not None:
            left.remove(number)
            right.remove(twin)
    if left and right:
        return _digits(left) != _digits(right)
    return any(not _spelled(number) for number in left + right) and not _HAN.search(target if left else source)


def _numbers(line: str) -> Counter[int]:
    """In the order of the line."""
    joined = _GROUPED.sub(lambda found: found[0].replace(found[1], ""), line)
    return Counter(map(int, _RUN.findall(joined)))


def _alike(one: int, other: int) -> bool:
    """Hours of two clocks, or a year and its last digits."""
    less, more = sorted((one, other))
    return (more - less == 12 and more <= 24) or (10 <= less < 100 and 1000 <= more < 2100 and more % 100 == less)


def _digits(numbers: list[int]) -> str:
    """All of them one after another but for zeros: 12.30 is 1230, and 3 million 3,000,000."""
    return "".join(map(str, numbers)).replace("0", "")


def _spelled(number: int) -> bool:
    return number <= _WORDS or len(str(number).rstrip("0")) == 1


def spans(on: bool, languages: Pair) -> Check:
    """The placeholders, tags or addresses of one side are not those of the other, in any order.

    Of a tag its name counts, since attributes are translated, of an address its host, of ICU's messages what they are
    about, and not whether a placeholder says its position.
    """
    source_first, target_first = map(percent_first, languages)

    def differ(source: str, target: str) -> bool:
        if not (may_have(source) or may_have(target)):
            return False
        return _counted(find(source, source_first)) != _counted(find(target, target_first))

    return differ


def _counted(found: list[Span]) -> Counter[str]:
    return Counter(_kernel(span) for span in found if span.kind in ("placeholder", "tag", "address"))


def _kernel(span: Span) -> str:
    """What of a span must be the same in a translation."""
    if span.kind == "tag":
        name = _TAG_NAME.match(span.text)
        return name[0].lower() if name else span.text
    if span.kind == "address":
        host = _HOST.match(span.text.lower())
        return host[1] if host else span.text
    if message := _ICU.match(span.text):
        return "".join(message[0].split())
    return _POSITION.sub("", span.text)
