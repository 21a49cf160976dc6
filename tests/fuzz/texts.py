"""Changes of text, and tries of the commands that read it: encodings, control characters, every class of Unicode."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import pieces
from tests.fuzz.attempt import OWN, Try
from tests.fuzz.documents import Changed
from tests.fuzz.toy import RUN, TEXT, Toy

Draw = st.DrawFn
CLASSES: tuple[Any, ...] = (
    *("Cc", "Cf", "Cn", "Co", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No"),
    *("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"),
)
"""General categories of Unicode, but surrogates."""
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "shift_jis", "utf-7", "utf-8-sig"]
RAW = [
    b"\x00",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"\r",
    b"\x0b",
    b"\x1a",
    b"\x1b[2J",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\t",
    b"\t\t\t",
    b" ||| ",
    b"\xe2\x96\x81",
]


@st.composite
def changed(draw: Draw, content: bytes) -> Changed:
    """A change of a text of lines."""
    how = draw(st.sampled_from(sorted(CHANGES)))
    return Changed(CHANGES[how](draw, content), how)


def _classes(draw: Draw, content: bytes) -> bytes:
    """A line of characters of one class, or of all of them."""
    one = draw(st.one_of(st.sampled_from(CLASSES).map(lambda name: [name]), st.just(list(CLASSES))))
    line = draw(st.text(st.characters(categories=one), min_size=1, max_size=60))
    return _with_line(draw, content, line.encode())


def _with_line(draw: Draw, content: bytes, line: bytes) -> bytes:
    lines = content.split(b"\n")
    lines[draw(st.integers(0, len(lines) - 2)) if len(lines) > 1 else 0] = line
    return b"\n".join(lines)


def _raw(draw: Draw, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.one_of(st.sampled_from(RAW), st.binary(max_size=5))) + content[at:]


def _encoded(draw: Draw, content: bytes) -> bytes:
    text = content.decode() + draw(st.sampled_from(["", "é\n", "ß\n"]))
    return text.encode(draw(st.sampled_from(ENCODINGS)), errors="replace")


def _long(draw: Draw, content: bytes) -> bytes:
    unit = draw(st.sampled_from([b"a", b"a ", b". ", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xcc\x81", b"((", b" "]))
    return _with_line(draw, content, unit * draw(st.sampled_from([500, 5_000])))


def _shorter(draw: Draw, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _joined(draw: Draw, content: bytes) -> bytes:
    return content.replace(b"\n", draw(st.sampled_from([b"\r", b"\r\n", b"\n\n", b" ", b"\x0c", b"\xe2\x80\xa9"])))


def _repeated(draw: Draw, content: bytes) -> bytes:
    return (content.split(b"\n")[0] + b"\n") * draw(st.sampled_from([1, 2, 100]))


CHANGES: dict[str, Callable[[Draw, bytes], bytes]] = {
    "characters of a class": _classes,
    "characters of a class again": _classes,
    "bytes within": _raw,
    "another encoding": _encoded,
    "a long line": _long,
    "cut": _shorter,
    "other line ends": _joined,
    "one line": _repeated,
    "empty": lambda draw, content: b"",
    "blank lines": lambda draw, content: b"\n" * draw(st.integers(1, 9)),
    "any text": lambda draw, content: draw(st.text(max_size=200)).encode("utf-8", errors="surrogatepass"),
    "any bytes": lambda draw, content: draw(st.binary(max_size=200)),
    "as gzip": lambda draw, content: gzip.compress(content, mtime=0),
}


@st.composite
def inputs(draw: Draw, toy: Toy) -> Try:
    """Text on stdin or in a file that is translated, scored, compared."""
    command, member = draw(st.sampled_from(COMMANDS))
    needs = (RUN, "mtkit.toml", *([member] if member in toy.files else []))
    if member and draw(st.integers(0, 9)) == 0:
        place = draw(st.sampled_from(OWN))
        return Try(member, place, place.value, command, needs)
    content = toy.files.get(member, b"one\teins\ntwo dogs\tzwei Hund\n" if command[0] == "score" else b"one\n\ntwo.\n")
    made = draw(change_of(member, content))
    if member:
        return Try(member, made.content, made.change, command, needs)
    return Try("", b"", made.change, command, needs, stdin=made.content)


@st.composite
def packed(draw: Draw, content: bytes) -> Changed:
    """A change of a compressed text: of what is in it, or of the file."""
    plain = gzip.decompress(content)
    how = draw(st.sampled_from(["text", "cut", "bits flipped", "another compression", "two members", "more behind it"]))
    if how == "text":
        inner = draw(changed(plain))
        return Changed(gzip.compress(inner.content, mtime=0), f"within, {inner.change}")
    if how == "another compression":
        others = [lzma.compress(plain), bz2.compress(plain), plain, lzma.compress(plain, lzma.FORMAT_ALONE)]
        return Changed(draw(st.sampled_from(others)), how)
    flipped = bytearray(content)
    flipped[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
    made = {
        "cut": content[: draw(st.integers(0, len(content) - 1))],
        "bits flipped": bytes(flipped),
        "two members": content + content,
        "more behind it": content + draw(st.sampled_from([b"more", bytes(100)])),
    }
    return Changed(made[how], how)


COMMANDS: list[tuple[tuple[str, ...], str]] = [
    (("translate", "-q"), ""),
    (("translate", "-q", "--align", "--format", "jsonl"), ""),
    (("translate", "lines.txt", "-o", "out.txt", "-q"), "lines.txt"),
    (("translate", "lines.txt.gz", "-q"), "lines.txt.gz"),
    (("translate", "lines.txt", "-q", "--prefix", "prefix.txt"), "prefix.txt"),
    (("score",), ""),
    (("score", "-q", "--format", "jsonl", "pairs.tsv"), "pairs.tsv"),
    (("eval", "--hyp", "test.en", "--ref", "test.de", "--json"), "test.de"),
    (("eval", "--hyp", "test.en", "--ref", "test.de", "--metrics", "bleu,chrf"), "test.en"),
    (("eval", "-q", "--json"), "test.de"),
]


GIVEN = "given.model"
PREPARED = [  # what is prepared, and which of its files is changed
    *[("train", member) for member in ("train.en", "train.de", "dev.de", "test.en", GIVEN)],
    *[(member, member) for member in ("pairs.tsv", "packed.tsv.gz")],
]
SETTINGS = [(), ("-s", "tokenizer.kind=bpe"), ("-s", 'data.dev=""'), ("-s", "tokenizer.kind=char")]


@st.composite
def training_text(draw: Draw, toy: Toy) -> Try:
    """What is prepared: text of every format, of which a side or all was changed, and a tokenizer that is given."""
    entry, member = draw(st.sampled_from(PREPARED))
    more = ("-s", f"tokenizer.model={GIVEN}") if member == GIVEN else draw(st.sampled_from(SETTINGS))
    command = ("preprocess", "-s", f"data.train={entry}", *more)
    needs = (*TEXT, "pairs.tsv", "packed.tsv.gz")
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.sampled_from(OWN))
        return Try(member, place, place.value, command, needs)
    made = draw(change_of(member, toy.files[member]))
    return Try(member, made.content, made.change, command, needs)


def change_of(name: str, content: bytes) -> st.SearchStrategy[Changed]:
    """What can be done to a file that a user gives."""
    if name.endswith(".model"):
        return pieces.changed(content)
    return packed(content) if name.endswith(".gz") else changed(content)
