"""A search rule from outside, through the command line."""

from pathlib import Path

import pytest

from tests.search.outside import PATH
from tests.system.toy import failed, mtkit, ran

TEXT = "two cat\nthree dog\none house\n"


@pytest.mark.parametrize("more", [(), ("--beam-size", "1"), ("--workers", "2"), ("--sample", "--n-best", "5")])
def test_a_rule_from_a_file_keeps_its_promise(trained: Path, more: tuple[str, ...]) -> None:
    def marks(*arguments: str) -> list[int]:
        out = ran(mtkit(trained, "translate", "-q", *more, *arguments, stdin=TEXT))
        return [line.count("e") for line in out.split("\n")[:-1]]

    rule = ["--plugin", str(PATH), "-s", "decode.rules.exactly.mark=e"]
    assert set(marks(*rule, "-s", "decode.rules.exactly.count=7")) == {7}
    assert marks("--plugin", str(PATH)) == marks() != [7] * len(marks())


def test_a_rule_that_is_not_here(trained: Path) -> None:
    done = mtkit(trained, "translate", "-s", "decode.rules.exactly.count=2", stdin=TEXT)
    failed(done, "decode.rules: unknown rule 'exactly'")
