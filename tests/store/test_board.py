"""A run's numbers as events of TensorBoard, read back with its own reader."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from mtkit.store import board as module
from mtkit.store.board import FOLDER, Board
from mtkit.store.log import Average, Event, Finished, Log, Update, Validation
from tests.store.test_log import BEGIN, UPDATE


def update(number: int, loss: float) -> Update:
    return replace(UPDATE, update=number, loss=loss)


def test_without_the_package_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told: list[str] = []
    board = Board(tmp_path, 0, told.append)
    board.write(update(1, 4.0))
    board.close()
    assert list(tmp_path.iterdir()) == []
    assert told == []


def test_a_package_that_is_broken_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a folder of that name is, which Python takes for a package without anything in it."""

    def broken(folder: Path, update: int) -> None:
        raise AttributeError("module 'tensorboard' has no attribute '__version__'")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for fails in (broken, lambda *_: __import__("tensorboard_that_is_nowhere")):
        monkeypatch.setattr(module, "_writer", fails)
        told: list[str] = []
        board = Board(tmp_path, 0, told.append)
        board.write(update(1, 4.0))
        board.close()
        assert len(told) == 1
        assert "training goes on without it" in told[0]


def test_whoever_listens_to_a_log_hears_each_event_once_it_is_written(tmp_path: Path) -> None:
    log, heard = Log(tmp_path / "log.jsonl"), []
    log.heard.append(lambda event: heard.append((event, log.path.read_text().count("\n"))))
    events: list[Event] = [update(1, 4.0), Finished(update=1, reason="max_updates", best={})]
    for event in events:
        log.write(event)
    assert heard == [(events[0], 2), (events[1], 3)]  # the first line says what the file is


@pytest.mark.system
def test_events_are_what_was_logged_and_a_run_that_goes_on_takes_back_what_did_not_count(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = Board(tmp_path, 0, pytest.fail)
    first.write(BEGIN)  # which has no number to show
    for number in range(1, 6):
        first.write(update(number, 10.0 - number))
    first.write(Validation(update=3, epoch=0, seconds=1.0, scores={"loss": 3.5, "bleu": 12.25}))
    first.close()
    second = Board(tmp_path, 3, pytest.fail)  # the last checkpoint was made there
    for number in range(4, 7):
        second.write(update(number, 20.0 - number))
    second.write(Average(update=6, of=[3, 6], kept=True, scores={"bleu": 13.5}))
    second.close()

    read = EventAccumulator(str(tmp_path / FOLDER))
    read.Reload()
    assert set(read.Tags()["scalars"]) == {
        *(f"train/{name}" for name in ("loss", "lr", "grad_norm", "tokens_per_second")),
        *(f"dev/{name}" for name in ("loss", "bleu", "average_bleu")),
    }
    losses = [(one.step, one.value) for one in read.Scalars("train/loss")]
    assert losses == [(1, 9.0), (2, 8.0), (3, 7.0), (4, 16.0), (5, 15.0), (6, 14.0)]
    assert [(one.step, one.value) for one in read.Scalars("dev/bleu")] == [(3, 12.25)]
    assert [(one.step, one.value) for one in read.Scalars("dev/average_bleu")] == [(6, 13.5)]


@pytest.mark.system
def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / FOLDER).write_text("a file where a folder should be")
    told: list[str] = []
    board = Board(tmp_path, 0, told.append)
    for number in range(1, 4):
        board.write(update(number, 1.0))
    board.close()
    assert len(told) == 1
    assert "training goes on without it" in told[0]
