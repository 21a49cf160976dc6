"""Text that looks the same as one text. Must not know where a line comes from.

Whatever is trained on, translated, forced or scored passes through `fold`: a no-break space, a soft hyphen or an accent
written as a letter of its own is nothing that a model should have to learn twice.
"""

import re
import unicodedata

VERSION = 1
"""Of what `fold` makes of a line; whoever keeps folded text keeps this with it."""

# White space of every kind but U+0020, and what else is blank: Hangul fillers that stand alone, a cell of Braille.
SPACES = "\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\u3164\uffa0"
# Control characters, and what has no width wherever it stands: soft hyphens, grapheme joiners, marks of direction,
# zero-width spaces (those between Thai or Khmer words, too), word joiners, byte order marks, annotations.
NOTHING = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u17b4\u17b5\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e0fff"
)
# What has a meaning in some places: joiners, fillers of old Hangul, Mongolian and other variation selectors, tags.
PLACED = "\u115f\u1160\u180b-\u180f\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f"

# Scripts whose letters joiners give another shape, from Arabic to those of India and South-East Asia.
JOINED = (
    "\u0600-\u0dff\u1000-\u109f\u1780-\u180a\u1810-\u18af\u1a20-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
PICTURE = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff][\ufe0e\ufe0f]?"
)

# Of all these, what str.isprintable lets through: it calls spaces, controls and format characters unprintable.
PRINTABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
SPACE = re.compile(f"[{SPACES}]")
INVISIBLE = re.compile(f"[{NOTHING}]+")
PLACES = re.compile(
    # Emoji: families and the like, keycaps, flags of regions; whether colourful or plain is seen. Of letters and Han a
    # variation selector chooses the glyph alone, as the compatibility ideographs do that composition replaces: it goes.
    rf"(?P<whole>\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f|{PICTURE}(?:\u200d{PICTURE})*|[0-9#*]\ufe0f?\u20e3"
    r"|(?<=[\u1820-\u18aa])[\u180b-\u180f]+"  # Mongolian: the form of a letter
    r"|\u115f(?=[\u1161-\u11a7\ud7b0-\ud7c6])|(?<=[\u1100-\u115e\ua960-\ua97c])\u1160)"  # old Hangul: half a syllable
    rf"|(?<=[{JOINED}])(?P<joiner>[\u200c\u200d])[\u200c\u200d]*(?P<after>(?=[{JOINED}]))?"
    rf"|[{PLACED}]"
)


def fold(line: str) -> str:
    """A line as models see it: the same for all that look the same.

    White space of any kind is U+0020, what is invisible goes, letters and their marks are composed (NFC; not NFKC,
    which would rewrite … and ™). Joiners stay after and between the letters of scripts that use them and within emoji.
    Folded text is left as it is.
    """
    if line.isprintable() and (
        line.isascii() or (not PRINTABLE.search(line) and unicodedata.is_normalized("NFC", line))
    ):
        return line  # nearly all lines, so it is quick
    line = unicodedata.normalize("NFC", INVISIBLE.sub("", SPACE.sub(" ", line)))
    kept = PLACES.sub(_placed, line)
    return line if kept == line else fold(kept)  # what stood apart has met: marks change places, joiners lose theirs


def words(line: str) -> list[int]:
    """For each word of the folded line, the index among `line.split()` of the word that it is part of."""
    return [number for number, word in enumerate(line.split()) for _ in fold(word).split()]


def _placed(found: re.Match[str]) -> str:
    """What stays of characters that have a meaning in some places."""
    joiner: str | None = found["joiner"]
    if joiner is None:
        return found["whole"] or ""
    line = found.string
    follows = found["after"] is not None and _letter(line[found.end()])
    # At the end of a word only ZWJ is seen: half a letter, as in Sinhala and Malayalam, and Arabic abbreviations.
    return joiner if _letter(line[found.start() - 1]) and (joiner == "\u200d" or follows) else ""


def _letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"
