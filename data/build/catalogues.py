"""LibreOffice's user interface: gettext catalogues, whose labels mark a letter as their key.

The test of `ui.en-de` has been the same since it was first made, so that figures can be compared: nothing here may
change a string of it (`tests/data/test_bundled.py` has its checksum).
"""

import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.build.pairs import HANGUL, Message, Pair, plain

LABEL = "stock"  # the context of common buttons
# Names that the program fills in, such as %PRODUCTNAME, %OBJECT_NAME%, $(WIDTH_IN_PX) and $error_message$.
PLACEHOLDER = r"%[A-Z][A-Z0-9_]*|\$\(\w+\)|\$\w+\$"
UNDERSCORE = re.compile(rf"(?P<kept>{PLACEHOLDER})|_")
# A tilde after a digit or a Hangul syllable stands between the ends of a range: 1~30.
TILDE = re.compile(r"(?<![0-9가-힣~])~(?=\w)")
# Korean labels name their key in brackets at the end: "열기(_O)...". Nothing else looks like that.
BRACKETED = re.compile(r"\s*\(\s*[_~]\w\s*\)")


def read_catalogue(data: bytes) -> Iterator[Message]:
    """The messages of one compiled gettext catalogue (.mo).

    A message id is ``CONTEXT\\x04ENGLISH``. Plural forms are separated by NUL; the first is taken. The
    entry with the empty id is the catalogue's header and is left out.
    """
    order = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}.get(data[:4])
    if order is None:
        raise ValueError("not a gettext catalogue: wrong magic number")
    count, ids_at, texts_at = struct.unpack_from(f"{order}3I", data, 8)

    def string(table: int, index: int) -> str:
        length, start = struct.unpack_from(f"{order}2I", data, table + 8 * index)
        return data[start : start + length].decode("utf-8")

    for index in range(count):
        message_id = string(ids_at, index)
        if message_id:
            context, _, english = message_id.rpartition("\x04")
            yield Message(context, english.split("\0")[0], string(texts_at, index).split("\0")[0])


def underscore_marks_key(context: str) -> bool:
    """Whether an underscore in a message of this context marks a key.

    Only the labels of dialogs do so: their context is ``DIALOG|WIDGET`` (or ``stock`` for common buttons).
    Help texts have such a context too, but there an underscore is text; so it is in messages of the
    program code, whose context is one name and which mark keys with a tilde.
    """
    return context == LABEL or ("|" in context and "extended_tip" not in context.split("|"))


def strip_accelerators(text: str, context: str) -> str:
    """Remove the marks that tell which letter of a label is its key, and nothing else."""
    text = TILDE.sub("", BRACKETED.sub("", text))
    if underscore_marks_key(context):
        marks = [match for match in UNDERSCORE.finditer(text) if match["kept"] is None]
        if len(marks) == 1:  # a label has one key at most: several underscores are text
            before, after = text[: marks[0].start()], text[marks[0].end() :]
            if re.match(r"[^\s)]", after):  # the mark stands before its letter; "(_)" and "_ " are text
                text = before + after
    return text


def clean(text: str, context: str) -> str:
    """One side of a message as one plain line, or "" where it can't be used."""
    text = plain(re.sub(r"<br\s*/?>", " ", text, flags=re.IGNORECASE))
    return " ".join(strip_accelerators(text, context).split())


def has_word(text: str) -> bool:
    """Whether a text has two letters in a row outside placeholders (so that it isn't only a formula)."""
    return re.search(r"[^\W\d_]{2}", re.sub(PLACEHOLDER, " ", text)) is not None


def is_usable(pair: Pair, language: str) -> bool:
    """Whether a clean pair is a translation of two words or more."""
    if not pair.source or not pair.target or pair.source == pair.target:
        return False
    if len(pair.source.split()) < 2 or not has_word(pair.source):
        return False
    if language == "ko":  # a Korean side without Hangul is an untranslated one
        return HANGUL.search(pair.target) is not None
    return has_word(pair.target)


def clean_pairs(messages: Iterable[Message], language: str) -> list[Pair]:
    """The usable pairs of a package, each once, sorted."""
    pairs = {
        Pair(clean(message.english, message.context), clean(message.translation, message.context))
        for message in messages
    }
    return sorted(pair for pair in pairs if is_usable(pair, language))


def read(folder: Path, language: str) -> list[Pair]:
    """The pairs of all catalogues of an unpacked package."""
    paths = sorted(folder.glob(f"**/resource/{language}/LC_MESSAGES/*.mo"))
    if not paths:
        raise SystemExit(f"{folder.name}: no catalogue under resource/{language}/LC_MESSAGES")
    return clean_pairs((message for path in paths for message in read_catalogue(path.read_bytes())), language)
