"""What is said of lines and words without a score of sacreBLEU's: faults, accuracy of words, calibration."""

from collections import Counter

import numpy as np
import pytest

from mtkit.metrics.calibration import calibration
from mtkit.metrics.faults import FAULTS, MEANS, Line, faults, length_ratio, turned
from mtkit.metrics.words import BANDS, accuracy, band_names, characters, split, words_of


def found(hypothesis: str, reference: str, source: str | None = None) -> list[str]:
    return faults(Line(source, [reference], hypothesis), split)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "source", "fault"),
    [
        ("", "ein Hund", "a dog", ["empty"]),
        ("ein", "ein großer Hund bellt laut", "a big dog barks", ["under-translated"]),
        ("ein Hund der dort hinten sehr laut bellt", "ein Hund bellt", "a dog barks", ["over-translated"]),
        ("sehr sehr sehr gut", "sehr gut", "very good", ["loop"]),
        ("er ging nach Haus er ging nach Haus", "er ging nach Haus und aß zu Abend", "he went home", ["loop"]),
        ("the dog barks", "der Hund bellt", "the dog barks", ["copied"]),
        ("im Jahr", "im Jahr 1984", "in the year 1984", ["number lost"]),
        ("im Jahr 1985", "im Jahr 1984", "in the year 1984", ["number lost", "number invented"]),
        ("im Jahr 1985", "im letzten Jahr", "in the last year", ["number invented"]),
        ("a a a a a a a", "b", "a", ["over-translated", "loop", "copied"]),
    ],
)
def test_faults(hypothesis: str, reference: str, source: str, fault: list[str]) -> None:
    assert found(hypothesis, reference, source) == fault
    # What the reference does, too, is none.
    assert found(reference, reference, source) == []


def test_what_is_no_fault() -> None:
    assert found("1.000 Euro", "1.000 Euro", "1,000 euros") == []
    assert found("10 000 Euro um 10.30", "10.000 Euro um 10:30", "10,000 euros at 10:30") == []
    assert found("12 von 2010", "12 von 2010", "2010 12") == []
    assert found("Paris Hilton kommt", "Paris Hilton kommt", "Paris Hilton comes") == []
    assert found("ja", "ja, gewiss") == []  # too short to say
    assert found("... - - -", "...") == []  # signs only
    assert found("ha ha ha ha", "ha ha ha ha") == []
    assert found("the dog", "der Hund") == []  # without sources nothing is copied
    assert set(MEANS) == set(FAULTS)


def test_turns() -> None:
    assert [turned(text.split()) for text in ("", "a", "a b a b a b", "a a", "a b c a b c", "x a b a b a b y")] == [
        0,
        0,
        2,
        0,
        1,
        2,
    ]
    assert turned("我我我我我") == 4


def test_lengths() -> None:
    assert length_ratio(["a b", "c"], ["a b c", "d e f"], split) == 0.5
    assert length_ratio(["a"], [""], split) is None


def test_words_are_split_by_what_the_text_has() -> None:
    assert split("Don't stop, Müller-Lüdenscheidt!") == ["Don't", "stop", ",", "Müller-Lüdenscheidt", "!"]
    assert words_of(["the cat sat"] * 3) is split
    assert words_of(["我喜欢吃苹果。今天天气很好。"] * 3) is characters
    assert characters("我 喜") == ["我", "喜"]


def test_accuracy_by_frequency() -> None:
    seen = Counter({"der": 5000, "Hund": 3, "bellt": 1})
    bands = accuracy(["der der Hund X", "der"], ["der Hund bellt", "der Uhu"], seen, split)
    by_name = dict(zip(band_names(), bands, strict=True))
    assert list(by_name) == ["never", "1", "2–4", "5–9", "10–99", "100–999", "1000+"]
    assert (by_name["never"].reference, by_name["never"].hypothesis, by_name["never"].f1) == (1, 1, 0)
    assert (by_name["1"].reference, by_name["1"].f1) == (1, 0)
    assert by_name["2–4"].f1 == 100
    assert by_name["1000+"].f1 == pytest.approx(100 * 2 * 2 / (3 + 2))  # the second "der" of a line is one too many
    assert by_name["5–9"].f1 is None
    assert len(bands) == len(BANDS)


def test_calibration() -> None:
    probabilities = [number / 40 for number in range(40)]
    up = calibration(probabilities, [2.0 * p for p in probabilities])
    assert up
    assert [round(one.quality / 2, 6) for one in up.bins] == [round(one.probability, 6) for one in up.bins]
    assert up.correlation == pytest.approx(1)
    down = calibration(probabilities, [-p for p in probabilities])
    assert down
    assert down.correlation == pytest.approx(-1)
    same = calibration([0.5] * 40, probabilities)
    assert same
    assert same.correlation == 0
    assert calibration(probabilities[:5], probabilities[:5]) is None
    # Ties share their rank, as in the definition.
    x, y = [1.0, 2.0, 2.0, 3.0] * 5, [1.0, 3.0, 2.0, 4.0] * 5
    ranks_x, ranks_y = np.array([3, 10.5, 10.5, 18] * 5), np.array([3, 13, 8, 18] * 5)
    tied = calibration(x, y)
    assert tied
    assert tied.correlation == pytest.approx(np.corrcoef(ranks_x, ranks_y)[0, 1])
