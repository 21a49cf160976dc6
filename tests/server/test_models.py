"""Models by their languages: loaded when they are asked for, and replaced without a pause."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import BundleError, ConfigError
from mtkit.server import models as under_test
from mtkit.server.models import Model, Models, Unserved
from mtkit.text.languages import primary
from tests.server.asking import Stub
from tests.translator.small import written


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_model_is_loaded_when_it_is_first_asked_for_and_once(bundles: dict[str, Path]) -> None:
    loaded: list[Path] = []

    def load(path: Path) -> Any:
        time.sleep(0.02)
        loaded.append(path)
        return Stub()

    models = Models([bundles["en-de"], bundles["de-fr"]], load)
    (first,) = models.way("en", "de").models
    assert not loaded
    assert not first.is_loaded
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(first.translator())) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert loaded == [bundles["en-de"]]
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert first.is_loaded


def test_ways_over_a_language_between(bundles: dict[str, Path]) -> None:
    models = Models(bundles.values(), lambda _: None)  # type: ignore[arg-type, return-value]
    assert models.way("en_US", "DE-AT").name == "en-de"
    assert models.way("en", "fr").name == "en-de, then de-fr"
    assert models.way("de", "de").models == []
    assert models.targets("ko") == ["de", "en"]
    with pytest.raises(Unserved, match="nothing here translates ko to fr"):
        models.way("ko", "fr")
    assert primary("zh_Hans") == "zh"


def test_what_cannot_be_served(bundles: dict[str, Path], tmp_path: Path) -> None:
    other = shutil.copytree(bundles["en-de"], tmp_path / "other")
    with pytest.raises(ConfigError, match="other and .*en-de both translate en to de: serve one"):
        Models([bundles["en-de"], other], Stub)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no model to serve"):
        Models([], Stub)  # type: ignore[arg-type]
    with pytest.raises(BundleError):
        Models([tmp_path / "nothing"], Stub)  # type: ignore[arg-type]


@pytest.fixture
def model(bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model of a folder that may be changed; of those loaded from now on the mark is what the folder has."""
    monkeypatch.setattr(under_test, "LOOK", 0.0)
    folder = shutil.copytree(bundles["en-de"], tmp_path / "best")

    def load(path: Path) -> Any:
        Model.gate.wait(20)  # type: ignore[attr-defined]
        mark = path.joinpath("mark").read_text()
        if mark == "bad":
            raise BundleError("it is damaged")
        return Stub(mark=mark)

    gate = threading.Event()
    gate.set()
    monkeypatch.setattr(Model, "gate", gate, raising=False)
    (folder / "mark").write_text("old")
    return Model(folder, load)


def replaced(folder: Path, mark: str) -> None:
    """Another bundle in the place of one, as runs and exports put it there."""
    other = shutil.copytree(folder, folder.parent / "new")
    (other / "mark").write_text(mark)
    (other / "checksums.json").write_bytes((folder / "checksums.json").read_bytes() + b" ")
    folder.rename(folder.parent / "gone")
    other.rename(folder)
    shutil.rmtree(folder.parent / "gone")


def test_a_changed_folder_is_loaded_while_the_old_one_answers(model: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert model.translator().mark == "old"
    Model.gate.clear()  # type: ignore[attr-defined]
    replaced(model.path, "new")
    for _ in range(5):
        assert model.translator().mark == "old"
    Model.gate.set()  # type: ignore[attr-defined]
    until(lambda: model.translator().mark == "new")
    assert model.name == model.path.parent.name  # of a run, whose best one it is


def test_what_cannot_be_loaded_anew_goes_on_as_it_was(model: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert model.translator().mark == "old"
    replaced(model.path, "bad")
    until(lambda: bool(model.translator() and "the one before is still served: it is damaged" in caplog.text))
    assert model.translator().mark == "old"
    aside = model.path.rename(model.path.parent / "aside")  # just being replaced
    assert model.translator().mark == "old"
    aside.rename(model.path)
    replaced(model.path, "new")
    until(lambda: model.translator().mark == "new")


def test_a_bundle_of_other_languages_does_not_take_the_place(
    bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(under_test, "LOOK", 0.0)
    folder = shutil.copytree(bundles["en-de"], tmp_path / "model")
    stubs = iter([Stub(), Stub("en", "fr"), Stub("en", "fr")])
    model = Model(folder, lambda _: next(stubs))  # type: ignore[arg-type, return-value]
    first = model.translator()
    written(folder, seed=4, languages=("en", "fr"))
    until(lambda: bool(model.translator() and "translates other languages now" in caplog.text))
    assert model.translator() is first
