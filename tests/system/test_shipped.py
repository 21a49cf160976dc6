"""A bundle that ships translates where nothing was trained, and by its name; what is the user's own comes first."""

import json
import shutil
from pathlib import Path

import pytest

from tests.system.toy import failed, mtkit, ran


@pytest.fixture
def planted(trained: Path, tmp_path: Path) -> tuple[Path, str]:
    """An empty folder, and Python code that makes the toy model, exported, a bundle that ships."""
    bundles, here = tmp_path / "bundles", tmp_path / "empty"
    here.mkdir()
    ran(mtkit(trained, "export", str(trained / "runs/toy"), str(bundles / "en-de"), "--precision", "int8"))
    return here, f"from pathlib import Path\nfrom mtkit.store import shipped\nshipped.FOLDER = Path({str(bundles)!r})"


def test_it_answers_at_once_and_says_so(planted: tuple[Path, str]) -> None:
    here, before = planted
    done = mtkit(here, "translate", stdin="one two\n", before=before)
    assert ran(done) == "eins zwei\n"
    assert "model: en-de, which comes with mtkit" in done.stderr
    assert "config" not in done.stderr
    assert list(here.iterdir()) == []
    quiet = mtkit(here, "translate", "-q", "-s", "decode.beam_size=1", stdin="one two\n", before=before)
    assert (ran(quiet), quiet.stderr) == ("eins zwei\n", "")
    named = mtkit(here, "translate", "-m", "en-de", stdin="one two\n", before=before)
    assert (ran(named), named.stderr) == ("eins zwei\n", "")
    told = json.loads(ran(mtkit(here, "info", "en-de", "--json", before=before)))
    assert (told["source_lang"], told["target_lang"]) == ("en", "de")
    assert told["training"]


def test_what_is_the_users_own_comes_first(planted: tuple[Path, str], trained: Path) -> None:
    here, before = planted
    failed(mtkit(here, "translate", "-s", "name=mine", before=before), "no trained model at", "runs/mine")
    shutil.copytree(trained / "runs/toy/best", here / "runs/demo/best")
    done = mtkit(here, "translate", stdin="one two\n", before=before)
    assert ran(done) == "eins zwei\n"
    assert done.stderr.startswith("config: built-in recipe demo")
    (here / "en-de").mkdir()
    failed(mtkit(here, "translate", "-m", "en-de", before=before), "en-de is no bundle")
    (here / "mtkit.toml").write_text('[data]\ntrain = "x"\nsource_lang = "en"\n')
    failed(mtkit(here, "translate", before=before), "mtkit.toml: data.target_lang is required")


def test_names_that_are_nothing_are_answered_with_those_that_ship(planted: tuple[Path, str]) -> None:
    here, before = planted
    failed(mtkit(here, "translate", "-m", "en-fr", before=before), "en-fr does not exist", "(en-de)")
    failed(mtkit(here, "info", "en-dee", before=before), "did you mean 'en-de'?")
