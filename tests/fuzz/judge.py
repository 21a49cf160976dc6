"""The verdict on a try: `right`, `refused`, or what is wrong with it."""

import contextlib
import json
import lzma
import re
import zlib
from dataclasses import dataclass

from tests.fuzz.attempt import Expected, Try
from tests.fuzz.perform import Performed
from tests.fuzz.toy import TEXT

LINES, WIDTH = 2, 420  # of a message; a path in it may be long
WRONG_KEYS = 12  # lines, where each key of a config that is wrong has one
SECONDS, SLOW = 2.0, 10.0  # of processor for a refusal, and by the clock for anything
MEMORY = 500 << 20
WARNINGS = 12
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?|-inf")  # nothing is said of a blank side


@dataclass(frozen=True)
class Verdict:
    """What came of a try."""

    kind: str
    """right, refused, else"""
    why: str = ""
    """What is wrong."""


def judge(one: Try, done: Performed, same: bytes | None) -> Verdict:
    """The verdict on what a command did.

    Args:
        same: what it writes where nothing was changed, if that is known.
    """
    err = done.err.decode("utf-8", errors="replace")
    wrong = _cost(one, done, err) or _told(one, done, err)
    if not wrong and done.code == 0:
        wrong = _answer(one, done.out) or _taken(one, done, err, same)
    elif not wrong and one.expected is Expected.SAME:
        wrong = f"refused, though nothing is wrong: {_shown(err)}"
    if wrong:
        return Verdict("else", wrong)
    return Verdict("refused" if done.code else "right")


def _cost(one: Try, done: Performed, err: str) -> str:
    if "out of memory" in err and not _own(one):  # of one's own config a large model may be asked for, and not be made
        return f"asked for gigabytes: {_shown(err)}"
    if done.grown > MEMORY:
        return f"took {done.grown >> 20} MB"
    if done.wall > SLOW or (done.code and done.busy > SECONDS):
        return f"took {done.busy:.1f} s of processor, {done.wall:.1f} s in all"
    return ""


def _told(one: Try, done: Performed, err: str) -> str:
    """What is wrong with the messages."""
    if "Traceback (most recent call last)" in err:
        return f"traceback: {err.strip().splitlines()[-1][:200]}"
    if done.code == 2 and ("Usage:" in err or "─ Error ─" in err):
        return ""
    if done.code not in (0, 1):
        return f"exit code {done.code}: {_shown(err)}"
    lines = err.splitlines()
    if long := next((line for line in lines if len(line) > WIDTH), ""):
        return f"a line of {len(long)} characters: {long[:150]}"
    warnings = [line for line in lines if line.startswith("WARNING: ")]
    if len(warnings) > WARNINGS:
        return f"{len(warnings)} warnings: {warnings[0][:150]}"
    message = [line for line in lines if line not in warnings]
    if done.code == 1:
        starts = [place for place, line in enumerate(message) if line.startswith("error: ")]
        if not starts:
            return f"no line that begins with error: {_shown(err)}"
        if len(message) - starts[0] > (WRONG_KEYS if _own(one) else LINES):
            return f"a message of {len(message) - starts[0]} lines: {_shown(err)}"
    if CONTROL.search(err):
        return f"control characters in a message: {_shown(err)}"
    return ""


def _taken(one: Try, done: Performed, err: str, same: bytes | None) -> str:
    """Whether what was accepted may be accepted."""
    if one.expected is Expected.REFUSAL and "WARNING" not in err:
        return "accepted in silence"
    if one.expected is Expected.SAME and same is not None and done.out != same:
        return f"another answer: {done.out[:100]!r}, before {same[:100]!r}"
    return ""


def _unpacked(content: bytes) -> bytes:
    """What a file holds, as far as it can be unpacked."""
    unpacker, found = zlib.decompressobj(31), content
    with contextlib.suppress(zlib.error):
        found += unpacker.decompress(content)
    with contextlib.suppress(lzma.LZMAError):
        found += lzma.LZMADecompressor().decompress(content)
    return found


def _answer(one: Try, out: bytes) -> str:
    """Whether an answer has the form of one."""
    try:
        text = out.decode()
    except UnicodeDecodeError as error:
        return f"the answer is not UTF-8: {error}"
    command = one.command[0]
    elsewhere = any(part.startswith(("-o", "--out")) for part in one.command)  # a file has the answer
    if command == "translate" and "--n-best" not in one.command and not elsewhere:
        count, got = _lines_given(one), text.split("\n")[:-1]
        if count is not None and len(got) != count:
            return f"{count} lines in, {len(got)} out"
    given = one.stdin + (_unpacked(one.content) if isinstance(one.content, bytes) else b"")
    if command == "translate" and (strange := set(CONTROL.findall(text)) - set(given.decode(errors="ignore"))):
        return f"a control character in the answer: {sorted(strange)}"
    if "jsonl" in one.command or "--json" in one.command:
        try:
            [json.loads(line) for line in (text.split("\n")[:-1] if "jsonl" in one.command else [text])]
        except ValueError as error:
            return f"the answer is not JSON: {error}"
    if command == "score" and len(one.command) == 1 and not all(NUMBER.fullmatch(line) for line in text.splitlines()):
        return f"the answer is not a number a line: {text[:100]!r}"
    return ""


def _own(one: Try) -> bool:
    """Whether it is a config of the user's own."""
    return one.member == "mtkit.toml" or (not one.member and "-s" in one.command)


def _lines_given(one: Try) -> int | None:
    """Lines of its input; None: it reads a file, or the last of them has no end."""
    if set(one.command) & set(TEXT):
        return None
    return one.stdin.count(b"\n") if one.stdin.endswith(b"\n") else None


def _shown(err: str) -> str:
    return repr(err.strip()[:300])
