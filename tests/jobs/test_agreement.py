"""What processes that train together must have alike, as a group says it that is made up."""

from typing import Any

import pytest

from mtkit.errors import RunError
from mtkit.jobs import agreement
from mtkit.train.group import Alone


class Made(Alone):
    """A group of three, whose tables are given."""

    size = 3

    def __init__(self, *others: list[Any]) -> None:
        self.others = others

    def gathered(self, value: Any) -> list[Any]:
        return [value, *self.others]


def test_all_alike() -> None:
    agreement.alike(Made(["b", {"x": 1}], ["c", {"x": 1}]), {"x": 1})


def test_the_first_that_differs_is_named_with_what_differs() -> None:
    others = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": None}
    group = Made(["here", {key: 0 for key in others}], ["there", others])
    with pytest.raises(RunError) as caught:
        agreement.alike(group, {key: 0 for key in others})
    assert str(caught.value).startswith("process 2 does not fit the first one on there, the first on ")
    assert "(a: 0 in the first, 1 there; b: 0 in the first, 2 there; c: 0 in the first, 3 there; 3 more)" in str(
        caught.value
    )


def test_a_key_that_only_one_has() -> None:
    """Of kinds of an encoder, say."""
    group = Made(["b", {"x": 1}], ["b", {"x": 1}])
    with pytest.raises(RunError, match="process 1 does not fit .*y: 'z' in the first, None there"):
        agreement.alike(group, {"x": 1, "y": "z"})
