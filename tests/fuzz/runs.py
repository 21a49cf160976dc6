"""Tries of runs: checkpoints, kept weights, the config and the log, and the commands that go on with one."""

from hypothesis import strategies as st

from tests.fuzz import documents
from tests.fuzz.attempt import Expected, Place, Try
from tests.fuzz.bundles import LINES, SUMS, change_of
from tests.fuzz.documents import Changed
from tests.fuzz.toy import CORPUS, RUN, TEXT, Toy

Draw = st.DrawFn
WHOLE = (*TEXT, CORPUS, RUN)
GOING_ON = ("train", "-q", "-s", "train.max_updates=5")


@st.composite
def checkpoints(draw: Draw, toy: Toy) -> Try:
    """A run with a checkpoint, or kept weights, of which a member was changed; it goes on."""
    newest = toy.checkpoints[-1]
    # With one checkpoint alone nothing can be taken in its place.
    removed = draw(st.sampled_from([(), tuple(toy.checkpoints[:-1])]))
    member = draw(st.sampled_from(toy.within(newest) * 4 + toy.within(f"{RUN}/kept")))
    name = member.rpartition("/")[2]
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.sampled_from(Place))
        return Try(member, place, place.value, GOING_ON, WHOLE, Expected.REFUSAL, removed=removed)
    changed = draw(change_of(name, toy.files[member]))
    sealed = name != SUMS and draw(st.integers(0, 4)) > 0
    expected = changed.expected(sealed or name == SUMS or changed.content == toy.files[member])
    return Try(member, changed.content, changed.change, GOING_ON, WHOLE, expected, sealed, removed=removed)


@st.composite
def runs(draw: Draw, toy: Toy) -> Try:
    """A run whose own files were changed: it goes on, translates, is described."""
    command, stdin = draw(st.sampled_from(COMMANDS))
    member = draw(st.sampled_from([f"{RUN}/config.json"] * 3 + [f"{RUN}/log.jsonl", f"{RUN}/lock", f"{RUN}/best"]))
    if member.endswith("best"):
        place = draw(st.sampled_from([Place.MISSING, Place.DANGLING, Place.CIRCLE, Place.NULL]))
        return Try(member, place, place.value, command, WHOLE, stdin=stdin)
    if draw(st.integers(0, 7)) == 0:
        place = draw(st.sampled_from(Place))
        return Try(member, place, place.value, command, WHOLE, stdin=stdin)
    content = toy.files[member]
    changed = draw(documents.changed(content) if member.endswith(".json") else _log(content))
    expected = Expected.SAME if changed.nothing else Expected.ANYTHING
    return Try(member, changed.content, changed.change, command, WHOLE, expected, stdin=stdin)


COMMANDS = [
    (GOING_ON, b""),
    (GOING_ON, b""),
    (("train", "-q", "--fresh", "-s", "train.max_updates=1"), b""),
    (("translate", "-q"), LINES),
    (("info", RUN, "--json"), b""),
    (("eval", "-q", "--json"), b""),
]


@st.composite
def _log(draw: Draw, content: bytes) -> Changed:
    """A line changed, or the log as a whole."""
    lines = content.split(b"\n")[:-1]
    if not lines:
        return Changed(draw(st.binary(max_size=20)), "some bytes")
    place = draw(st.integers(0, len(lines) - 1))
    how = draw(st.sampled_from(["a line changed", "a line changed", "cut", "lines swapped", "bytes within", "empty"]))
    if how == "a line changed":
        changed = draw(documents.changed(lines[place]))
        lines[place] = changed.content
        return Changed(b"\n".join([*lines, b""]), f"line {place + 1}, {changed.change}")
    if how == "lines swapped":
        lines.reverse()
        return Changed(b"\n".join([*lines, b""]), how)
    at = draw(st.integers(0, len(content)))
    made = {
        "cut": content[:at],
        "bytes within": content[:at] + draw(st.binary(max_size=9)) + content[at:],
        "empty": b"",
    }
    return Changed(made[how], how)
