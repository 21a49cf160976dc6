"""Windows of numbered lines and pairs."""

import pytest

from mtkit.errors import DataError
from mtkit.translator.inputs import numbered, pairs
from mtkit.translator.request import Line, Pair, named

WINDOWS = [["a", "b"], [], ["c"]]


def test_lines_are_numbered_across_windows() -> None:
    made = list(numbered(WINDOWS, "in", None, pytest.fail))
    assert made == [[Line("a", "", 0), Line("b", "", 1)], [], [Line("c", "", 2)]]


def test_prefixes_go_with_their_lines() -> None:
    made = list(numbered(WINDOWS, "in", (iter(["x", "", "z"]), "prefixes"), pytest.fail))
    assert made == [[Line("a", "x", 0), Line("b", "", 1)], [], [Line("c", "z", 2)]]


def test_prefixes_that_are_left_over_are_warned_of() -> None:
    said: list[str] = []
    assert len(list(numbered(WINDOWS, "in", (iter("wxyz"), "prefixes"), said.append))) == 3
    assert said == ["prefixes has more lines than in, which has 3"]


@pytest.mark.parametrize(("count", "before"), [(0, []), (1, [[Line("a", "p", 0)]]), (2, None)])
def test_prefixes_that_are_too_few(count: int, before: list[list[Line]] | None) -> None:
    made: list[list[Line]] = []
    windows = numbered(WINDOWS, "in", (iter(["p"] * count), "prefixes"), pytest.fail)
    with pytest.raises(DataError, match=f"prefixes has {count} lines, in has more: expected a prefix"):
        made.extend(windows)  # those before the error stay
    assert made == ([[Line("a", "p", 0), Line("b", "p", 1)], []] if before is None else before)


def test_pairs() -> None:
    made = list(pairs([["a\tx", "b\ty\tmore"], ["\tz"]], "in"))
    assert made == [[Pair("a", "x", 0), Pair("b", "y", 1)], [Pair("", "z", 2)]]


def test_pairs_before_a_line_without_a_tab_are_given() -> None:
    windows = pairs([["a\tx"], ["b\ty", "c"]], "in")
    assert next(windows) == [Pair("a", "x", 0)]
    assert next(windows) == [Pair("b", "y", 1)]
    with pytest.raises(DataError, match="in, line 3: expected SOURCE<TAB>TARGET, got no tab: 'c'"):
        next(windows)


def test_lines_have_names() -> None:
    assert named([Line("a", number=2)]) == "line 3"
    assert named([Line("a", number=2), Line("b", number=3), Line("c", number=4)]) == "lines 3 to 5"
