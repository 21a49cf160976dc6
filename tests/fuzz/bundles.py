"""Tries of bundles: each member changed, and the commands that load one."""

from hypothesis import strategies as st

from tests.fuzz import documents, pieces, tensors
from tests.fuzz.attempt import Expected, Place, Try
from tests.fuzz.documents import Changed
from tests.fuzz.toy import BUNDLES, RUN, Toy

Draw = st.DrawFn
LINES = b"one big dog\n\nthe red house sees\xc3\xa9 two\n"
PAIRS = b"one big dog\teins gro\xc3\x9f Hund\nred\trot\n"
SUMS = "checksums.json"


def change_of(name: str, content: bytes) -> st.SearchStrategy[Changed]:
    """What can be done to a file, by its ending."""
    ending = name.rpartition(".")[2]
    return {"json": documents.changed, "safetensors": tensors.changed, "model": pieces.changed}[ending](content)


@st.composite
def bundles(draw: Draw, toy: Toy) -> Try:
    """A bundle of which a member was changed, or is something else."""
    bundle = draw(st.sampled_from(BUNDLES))
    members = toy.within(bundle, ".json", ".safetensors", ".model")
    member = draw(st.sampled_from(members))
    name = member.rpartition("/")[2]
    command, stdin = draw(st.sampled_from(_commands(bundle)))
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.sampled_from(Place))
        return Try(member, place, place.value, command, (bundle,), Expected.REFUSAL, stdin=stdin)
    changed = draw(change_of(name, toy.files[member]))
    sealed = name != SUMS and draw(st.integers(0, 3)) > 0
    expected = changed.expected(sealed or name == SUMS or changed.content == toy.files[member])
    return Try(member, changed.content, changed.change, command, (bundle,), expected, sealed, stdin)


def _commands(bundle: str) -> list[tuple[tuple[str, ...], bytes]]:
    made: list[tuple[tuple[str, ...], bytes]] = [
        (("translate", "-m", bundle, "-q"), LINES),
        (("translate", "-m", bundle, "-q", "--align", "--format", "jsonl"), LINES),
        (("translate", "-m", bundle, "-q", "--n-best", "2", "--beam-size", "3"), LINES),
        (("score", "-m", bundle, "-q"), PAIRS),
        (("info", bundle), b""),
    ]
    if bundle == f"{RUN}/best":
        made.append((("export", bundle, "made", "-q"), b""))
        made.append((("export", bundle, "made", "--precision", "bf16", "-q"), b""))
    return made
