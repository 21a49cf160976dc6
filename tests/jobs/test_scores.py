"""Files of scores: which numbers are the lowest, and what is no file of scores."""

import random
from pathlib import Path

import numpy as np
import pytest

from mtkit.errors import DataError
from mtkit.jobs.preparing import scores
from mtkit.jobs.preparing.chunks import Treatment
from mtkit.jobs.preparing.inputs import Entry, TrainingText
from mtkit.jobs.preparing.scores import Worst, lowest
from mtkit.schema import Tag
from mtkit.text.filters import TextRules
from mtkit.text.readers.reader import locate


@pytest.mark.parametrize("at_once", [7, 1 << 20])
def test_the_lowest_are_those_of_a_sorted_list(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "AT_ONCE", at_once)
    rng = random.Random(1)
    for size in (1, 2, 80):
        drawn = [rng.choice([-np.inf, 0.0, rng.gauss(-1, 1), round(rng.gauss(0, 2))]) for _ in range(size)]
        numbers = np.array(drawn, np.float32)
        for count in range(size):
            limit = lowest(numbers, count)
            assert limit == (np.sort(numbers)[count] if count else -np.inf)
            assert (numbers < limit).sum() <= count


def text(folder: Path, pairs: list[tuple[str, str]], said: str, worst: float = 0.5) -> TrainingText:
    (folder / "t.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    (folder / "scores").write_text(said, encoding="utf-8")
    entry = Entry(
        "t", "t.tsv", locate(folder / "t.tsv", "en", "de"), Tag("", ("en", "de")), "", True, folder / "scores"
    )
    return TrainingText((entry, entry), Treatment(TextRules(100, drop_copies=False), 0.0), worst)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    made = tmp_path / "scratch"
    made.mkdir()
    return made


PAIRS = [("a", "b"), ("c", "d\u00a0e"), ("f", "g")]


def test_the_worst_of_all_entries_are_marked(tmp_path: Path, scratch: Path) -> None:
    for said in (
        "-1.0\tb\n-3.5\td e\n-2.0\tg\n",
        '{"score": -1, "target": "b"}\n{"score": null, "target": "d e"}\n{"score": -2, "target": "g"}\n',
    ):
        given = text(tmp_path, PAIRS, said)
        worst = Worst(given, scratch)
        for number, entry in enumerate(given.entries):
            # Half of six is three, and the third and fourth are equal: both stay.
            assert [chunk.worst for chunk in worst.marked(number, entry)] == [b"\0\1\0"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("-1.0\tb\n-3\td e\n", "it has 2 scores, and the text more pairs"),
        ("-1.0\tb\n-3\td e\n-2\tg\n-2\tg\n", "it has 1 scores more than the text has pairs"),
        ("-1.0\tb\n-3\tg\n-2\tg\n", "line 2 is of 'g', pair 2 of the text has 'd\\xa0e'"),
        ("-1.0\n", "line 1: expected lines of SCORE<TAB>TARGET"),
        ("nan\tb\n", "line 1: expected lines of SCORE<TAB>TARGET"),
        ('{"logprob": 1}\n', "line 1: expected lines of SCORE<TAB>TARGET"),
    ],
)
def test_what_is_of_other_pairs_is_refused(tmp_path: Path, scratch: Path, said: str, message: str) -> None:
    given = text(tmp_path, PAIRS, said)
    with pytest.raises(DataError) as caught:
        list(Worst(given, scratch).marked(0, given.entries[0]))
    assert message in str(caught.value)
