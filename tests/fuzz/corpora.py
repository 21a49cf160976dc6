"""Tries of prepared corpora: shards, manifest, report, tokenizer, the text of dev, and the commands that use them."""

from hypothesis import strategies as st

from tests.fuzz import arrays, bundles, texts
from tests.fuzz.attempt import Expected, Place, Try
from tests.fuzz.documents import Changed
from tests.fuzz.toy import CORPUS, RUN, TEXT, Toy

Draw = st.DrawFn
MANIFEST, REPORT = "manifest.json", "report.json"
TRAINED = ("train", "-q", "-s", "name=new", "-s", "train.max_updates=1")
EXPORTED = ("export", f"{RUN}/best", "made", "--shortlist", "-q")
COMMANDS = [TRAINED, TRAINED, EXPORTED, ("preprocess",), ("train", "-q", "-s", "train.max_updates=5")]
NEEDS = (*TEXT, CORPUS, RUN)


@st.composite
def corpora(draw: Draw, toy: Toy) -> Try:
    """A prepared corpus of which a file was changed."""
    arrays_there = toy.within(toy.corpus, ".npy")
    member = draw(st.sampled_from(arrays_there * 2 + [*toy.within(toy.corpus), f"{toy.corpus}/{MANIFEST}"] * 2))
    name = member.rpartition("/")[2]
    command = draw(st.sampled_from(COMMANDS))
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.sampled_from(Place))
        return Try(member, place, place.value, command, NEEDS)
    content = toy.files[member]
    changed = draw(_change_of(name, content))
    sealed = name != MANIFEST and draw(st.integers(0, 3)) > 0
    # What is trained on is compared with its checksum; the report is only shown.
    read = name not in (MANIFEST, REPORT) and command[0] == "train"
    if changed.nothing and (sealed or name == MANIFEST):
        expected = Expected.SAME
    elif read and not sealed and changed.content != content:
        expected = Expected.REFUSAL
    else:
        expected = Expected.ANYTHING
    return Try(member, changed.content, changed.change, command, NEEDS, expected, sealed)


def _change_of(name: str, content: bytes) -> st.SearchStrategy[Changed]:
    if name.endswith(".npy"):
        return arrays.changed(content)
    if name.endswith(".txt"):
        return texts.changed(content)
    return bundles.change_of(name, content)
