"""A search rule from outside, through the command line."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from mtkit import files
from mtkit.errors import BundleError
from mtkit.store import bundle
from tests.search import outside
from tests.system.toy import failed, mtkit, ran

TEXT = "two cat\nthree dog\none house\n"


@pytest.mark.parametrize("more", [(), ("--beam-size", "1"), ("--workers", "2"), ("--sample", "--n-best", "5")])
def test_a_rule_from_a_file_keeps_its_promise(trained: Path, more: tuple[str, ...]) -> None:
    def marks(*arguments: str) -> list[int]:
        out = ran(mtkit(trained, "translate", "-q", *more, *arguments, stdin=TEXT))
        return [line.count("e") for line in out.split("\n")[:-1]]

    rule = ["--plugin", str(outside.PATH), "-s", "decode.rules.exactly.mark=e"]
    assert set(marks(*rule, "-s", "decode.rules.exactly.count=7")) == {7}
    assert marks("--plugin", str(outside.PATH)) == marks() != [7] * len(marks())


def test_a_rule_that_is_not_here(trained: Path) -> None:
    done = mtkit(trained, "translate", "-s", "decode.rules.exactly.count=2", stdin=TEXT)
    failed(done, "decode.rules: unknown rule 'exactly'")


def test_a_bundle_names_the_rule_that_is_not_here(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "runs/toy/best", tmp_path / "best")
    path = tmp_path / "best/config.json"
    info = json.loads(path.read_text())
    info["decode"]["rules"] = {"exactly": {"count": 2}}
    path.write_text(json.dumps(info))
    files.seal(tmp_path / "best")
    with pytest.raises(BundleError, match=r"decode: rules: unknown rule 'exactly'.*plug-in"):
        bundle.load(tmp_path / "best", torch.device("cpu"))
    with outside.registered():
        assert bundle.load(tmp_path / "best", torch.device("cpu")).decode.rules == {"exactly": {"count": 2}}
