"""What a name means: what is there, a run, or a bundle that ships."""

from pathlib import Path

import pytest

from mtkit import files
from mtkit.errors import BundleError
from mtkit.jobs.trained import without_config
from mtkit.store import bundle, shipped


def plant(folder: Path) -> Path:
    """What looks like a bundle."""
    folder.mkdir(parents=True)
    (folder / files.CHECKSUMS).write_text("{}")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; en-de ships."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "bundles")
    plant(tmp_path / "bundles/en-de")
    (tmp_path / "bundles/README.md").touch()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_names_are_those_of_bundles(here: Path) -> None:
    assert shipped.names() == ["en-de"]


def test_folders_win_over_runs_and_runs_over_what_ships(here: Path) -> None:
    name = Path("en-de")
    assert bundle.locate(name) == shipped.meant(name) == here.parent / "bundles/en-de"
    plant(here / "runs/en-de/best")
    assert bundle.locate(name) == Path("runs/en-de/best")
    plant(here / "en-de")
    assert bundle.locate(name) == name


@pytest.mark.parametrize("other", ["de-en", "x/en-de", "../other/en-de", "README.md", "."])
def test_nothing_else_is_meant(here: Path, other: str) -> None:
    assert shipped.meant(Path(other)) == Path(other)


def test_what_is_nowhere_is_answered_with_what_there_is(here: Path) -> None:
    with pytest.raises(BundleError, match=r"de-en does not exist.*comes with mtkit \(en-de\)"):
        bundle.locate(Path("de-en"))


def test_it_translates_where_there_is_neither_config_nor_run(here: Path) -> None:
    assert without_config([]) == without_config(["decode.beam_size=1"]) == here.parent / "bundles/en-de"
    assert without_config(["name=other"]) is None
    (here / "runs/demo").mkdir(parents=True)
    assert without_config([]) is None
    (here / "runs/demo").rmdir()
    (here / "mtkit.toml").touch()
    assert without_config([]) is None


def test_without_one_all_is_as_it_was(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", here / "nowhere")
    assert shipped.names() == []
    assert without_config([]) is None
    with pytest.raises(BundleError, match="train one with mtkit train$"):
        bundle.locate(Path("en-de"))
