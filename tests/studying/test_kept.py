"""The results that are kept are of the studies as they stand: who changes one, or how it is judged, makes it again."""

from pathlib import Path

import pytest

from mtkit.jobs.studying.definition import ORDER, plan
from mtkit.jobs.studying.verdict import judge
from mtkit.store import study

KEPT = Path(__file__).parents[2] / "data/results/studies"


@pytest.mark.parametrize("name", ORDER)
def test_kept_results_are_those_of_the_study(name: str) -> None:
    planned, kept = plan(name), study.results(KEPT / f"{name}.json")
    assert (kept.digest, kept.changed) == (planned.digest, [])
    assert [one.run for one in kept.runs] == [run.name for run in planned.runs]
    assert kept.judged == [judge(planned.study, condition, kept.runs) for condition in planned.study.verdict]


def test_the_index_tells_all_of_them() -> None:
    text = (KEPT / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{name}.html"' in text and (KEPT / f"{name}.html").is_file() for name in ORDER)
