"""A condition holds where every seed meets it, and does not where none does; the claim holds where all do."""

import pytest

from mtkit.jobs.studying.definition import read
from mtkit.jobs.studying.verdict import judge
from mtkit.report.results import Measured, Number, Outcome, together
from mtkit.schema.study import Condition, Study
from tests.studying.test_definition import MINI


def study() -> Study:
    return read(str(MINI))[1].model_copy(update={"seeds": [1, 2, 3]})


def runs(without: list[Number], with_: list[Number], name: str = "bleu") -> list[Measured]:
    """Of three seeds each."""
    return [
        Measured(
            run="r",
            variant=(level,),
            seed=seed,
            base="b",
            settings=(),
            values={name: number},
            series={"s": {"9": number}},
        )
        for level, numbers in (("without", without), ("with", with_))
        for seed, number in zip((1, 2, 3), numbers, strict=True)
    ]


@pytest.mark.parametrize(
    ("numbers", "outcome"),
    [
        ([11.0, 12.0, 15.0], "holds"),
        ([11.0, 12.0, 10.9], "undecided"),
        ([10.0, 10.9, 2.0], "does not hold here"),
        ([11.0, 12.0, None], "undecided"),
        ([None, None, None], "undecided"),
    ],
)
def test_seeds_must_agree(numbers: list[Number], outcome: Outcome) -> None:
    wanted = Condition(says="s", value="bleu", of=["with"], against=["without"], at_least=1)
    found = judge(study(), wanted, runs([10.0, 10.0, 10.0], numbers))
    assert found.outcome == outcome
    assert found.by_seed == {
        seed: None if number is None else number - 10 for seed, number in zip((1, 2, 3), numbers, strict=True)
    }
    assert found.rule == "bleu of with − bleu of without ≥ 1"


def test_a_training_that_diverged_is_the_worse_one() -> None:
    wanted = Condition(says="s", value="bleu", of=["with"], against=["without"], at_most=-1)
    tried: list[tuple[list[Number], list[Number], Outcome]] = [
        ([None] * 3, [1.0] * 3, "holds"),
        ([1.0] * 3, [None] * 3, "does not hold here"),
        ([None] * 3, [None] * 3, "undecided"),
        ([None, 9.0, 9.0], [1.0, 8.0, 7.0], "holds"),
        ([None, None, 9.0], [1.0, None, 7.0], "undecided"),
    ]
    for without, with_, outcome in tried:
        made = [
            one.model_copy(update={"ended": "" if one.values["bleu"] else "not finite"}) for one in runs(without, with_)
        ]
        found = judge(study(), wanted, made)
        assert found.outcome == outcome, (without, with_)
        assert [one is None for one in found.by_seed.values()] == [
            one is None or other is None for one, other in zip(without, with_, strict=True)
        ]


def test_a_number_alone_and_a_ratio() -> None:
    alone = Condition(says="s", value="s@9", of=["with"], at_most=2)
    assert judge(study(), alone, runs([9.0] * 3, [1.0, 2.0, 2.0])).outcome == "holds"
    assert judge(study(), alone, runs([9.0] * 3, [3.0, 2.1, 2.2])).rule == "s@9 of with ≤ 2"
    ratio = Condition(says="s", value="bleu", of=["with"], against=["without"], compare="ratio", at_least=10)
    assert judge(study(), ratio, runs([1.0, 0.1, 0.0], [10.0, 2.0, 1e-3])).outcome == "holds"
    own = Condition(says="s", value="bleu", of=["with"], against_value="s@9", compare="ratio", at_least=1)
    assert judge(study(), own, runs([0.0] * 3, [3.0] * 3)).by_seed == {1: 1.0, 2: 1.0, 3: 1.0}


def test_one_that_fails_is_enough() -> None:
    assert together(["holds", "holds"]) == "holds"
    assert together(["holds", "undecided"]) == "undecided"
    assert together(["undecided", "does not hold here", "holds"]) == "does not hold here"
