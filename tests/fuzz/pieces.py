"""Changes of a SentencePiece model that know its messages: pieces, what they are, settings."""

import struct
from collections.abc import Callable

from hypothesis import strategies as st

from tests.fuzz.documents import Changed

Draw = st.DrawFn
Field = tuple[int, int, bytes]
"""Number, wire type, and what follows its tag (of bytes: without their length)."""
PIECE, TRAINER, NORMALIZER = 1, 2, 3
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SPECIAL = ["</s>", "<unk>", "<0x0A>", "<0xZZ>"]
TEXTS = ["", "\n", "\r", "\x00", "▁", "▁a b", "\x1b[0m", "\ud7ff", "a" * 3000, "e\u0301", *SPECIAL]
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 100, (1 << 31) - 1, (1 << 32) - 1, (1 << 64) - 1, (1 << 64) - 2]
SCORES = [0.0, float("nan"), float("inf"), float("-inf"), 1e38, -1e38]


def varint(number: int) -> bytes:
    """A number as protocol buffers write it."""
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def parsed(message: bytes) -> list[Field]:
    """The fields of a message, in order."""
    found, at = [], 0
    while at < len(message):
        tag, at = _varint_at(message, at)
        start, kind = at, tag & 7
        if kind == VARINT:
            _, at = _varint_at(message, at)
        elif kind == BYTES:
            length, start = _varint_at(message, at)
            at = start + length
        else:
            at += 8 if kind == FIXED64 else 4
        found.append((tag >> 3, kind, message[start:at]))
    return found


def written(fields: list[Field]) -> bytes:
    """The reverse."""
    made = b""
    for number, kind, content in fields:
        made += varint(number << 3 | kind) + (varint(len(content)) if kind == BYTES else b"") + content
    return made


def _varint_at(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (message[at] & 127) << shift
        shift += 7
        at += 1
        if message[at - 1] < 128:
            return number, at


@st.composite
def changed(draw: Draw, content: bytes) -> Changed:
    """A change of a SentencePiece model."""
    fields = parsed(content)
    places = [place for place, field in enumerate(fields) if field[0] == PIECE]
    how = draw(st.sampled_from(sorted(CHANGES)))
    # The first pieces are special ones: they matter more than their number says.
    place = draw(st.one_of(st.sampled_from(places[:4]), st.sampled_from(places)))
    made = CHANGES[how](draw, fields, place)
    return Changed(made, f"piece {place}, {how}", breaks=how in OTHER_SIZE)


def _remove(draw: Draw, fields: list[Field], place: int) -> bytes:
    count = draw(st.sampled_from([1, 1, 2, 50, len(fields)]))
    return written(fields[:place] + fields[place + count :])


def _add(draw: Draw, fields: list[Field], place: int) -> bytes:
    count = draw(st.sampled_from([1, 2, 100]))
    more = [(PIECE, BYTES, _piece(f"more{number}".encode(), -9.0, 1)) for number in range(count)]
    end = sum(field[0] == PIECE for field in fields)
    at = draw(st.sampled_from([0, place, end]))
    return written([*fields[:at], *more, *fields[at:]])


def _swap(draw: Draw, fields: list[Field], place: int) -> bytes:
    other = draw(st.integers(0, len(fields) - 1))
    fields[place], fields[other] = fields[other], fields[place]
    return written(fields)


def _twice(draw: Draw, fields: list[Field], place: int) -> bytes:
    return written([*fields[:place], fields[place], *fields[place:]])


def _piece(text: bytes, score: float, kind: int) -> bytes:
    return written([(1, BYTES, text), (2, FIXED32, struct.pack("<f", score)), (3, VARINT, varint(kind))])


def _rewrite(draw: Draw, fields: list[Field], place: int) -> bytes:
    """Another text, another score, another type: one of them."""
    parts = {number: content for number, _, content in parsed(fields[place][2])}
    text, kind = parts[1], parts.get(3, b"\x01")
    score = struct.unpack("<f", parts[2])[0] if 2 in parts else 0.0
    which = draw(st.sampled_from(["text", "score", "kind"]))
    if which == "text":
        text = draw(st.one_of(st.sampled_from(TEXTS).map(str.encode), st.binary(max_size=6)))
    elif which == "score":
        score = draw(st.sampled_from(SCORES))
    else:
        kind = varint(draw(st.sampled_from(NUMBERS)))
    made = written([(1, BYTES, text), (2, FIXED32, struct.pack("<f", score)), (3, VARINT, kind)])
    fields[place] = PIECE, BYTES, made
    return written(fields)


def _settings(draw: Draw, fields: list[Field], place: int) -> bytes:
    """A number of the trainer's settings: model type, ids of special pieces, size."""
    at = next(place for place, field in enumerate(fields) if field[0] == TRAINER)
    inner = parsed(fields[at][2])
    number = draw(st.sampled_from([3, 4, 35, 40, 41, 42, 43]))
    inner = [field for field in inner if field[0] != number]
    inner.append((number, VARINT, varint(draw(st.sampled_from(NUMBERS)))))
    fields[at] = TRAINER, BYTES, written(inner)
    return written(fields)


def _rules(draw: Draw, fields: list[Field], place: int) -> bytes:
    """The compiled rules of normalisation, or other settings of it."""
    at = next(place for place, field in enumerate(fields) if field[0] == NORMALIZER)
    inner = [field for field in parsed(fields[at][2]) if field[0] != 2]
    count = draw(st.sampled_from([0, 3, 4, 1000, (1 << 32) - 1]))
    inner.append((2, BYTES, struct.pack("<I", count) + draw(st.binary(max_size=64))))
    fields[at] = NORMALIZER, BYTES, written(inner)
    return written(fields)


def _without(number: int) -> Callable[[Draw, list[Field], int], bytes]:
    return lambda draw, fields, place: written([field for field in fields if field[0] != number])


def _cut(draw: Draw, fields: list[Field], place: int) -> bytes:
    whole = written(fields)
    return whole[: draw(st.integers(0, len(whole) - 1))]


def _flipped(draw: Draw, fields: list[Field], place: int) -> bytes:
    whole = bytearray(written(fields))
    for _ in range(draw(st.integers(1, 4))):
        whole[draw(st.integers(0, len(whole) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(whole)


OTHER_SIZE = ("removed", "pieces added", "twice", "no pieces")
CHANGES: dict[str, Callable[[Draw, list[Field], int], bytes]] = {
    "removed": _remove,
    "pieces added": _add,
    "swapped with another": _swap,
    "twice": _twice,
    "rewritten": _rewrite,
    "rewritten again": _rewrite,
    "a setting": _settings,
    "rules of normalisation": _rules,
    "no settings": _without(TRAINER),
    "no normaliser": _without(NORMALIZER),
    "no pieces": _without(PIECE),
    "cut": _cut,
    "bits flipped": _flipped,
    "empty": lambda draw, fields, place: b"",
    "text": lambda draw, fields, place: b"this is no model\n" * 10,
}
