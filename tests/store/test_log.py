"""The log of a run: what is written is read, torn ends and unknown events are borne, and the future is named."""

import json
from pathlib import Path

import pytest

from mtkit.errors import RunError
from mtkit.store import log

BEGIN = log.Begin(
    update=0,
    parameters=10,
    train_pairs=5,
    updates_per_epoch=3,
    device="cpu",
    precision="fp32",
    resumed_at=0,
    native=True,
)
UPDATE = log.Update(
    update=1,
    epoch=0,
    seconds=0.5,
    loss=2.5,
    lr=0.1,
    grad_norm=1.5,
    target_tokens=30,
    tokens_per_second=60.0,
    waited=0.25,
)
EVENTS: list[log.Event] = [
    log.Precision(update=0, precision="fp32", reason="as asked"),
    BEGIN,
    UPDATE,
    log.Halved(update=1, parts=2),
    log.Planned(update=2, updates=9),
    log.Validation(update=2, epoch=1, seconds=0.5, scores={"loss": 2.25, "bleu": 1.5, "own": 3.0}),
    log.Average(update=9, of=[2, 3], kept=True, scores={"loss": 2.0}),
    log.Finished(update=9, reason="max_updates = 9", best={"loss": 2.0}),
    log.Other(event="seen", values={"update": 9, "why": "é"}),
]
HEAD = '{"event": "format", "kind": "log", "format_version": 9, "mtkit_version": "8.1"}\n'


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = log.Log(tmp_path / "log.jsonl")
    for event in EVENTS:
        written.write(event)
    assert list(log.read(tmp_path / "log.jsonl")) == EVENTS


def test_lines_have_the_keys_that_they_had(tmp_path: Path) -> None:
    written = log.Log(tmp_path / "log.jsonl")
    for event in EVENTS:
        written.write(event)
    first, *lines = map(json.loads, (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["event"], first["kind"], first["format_version"]) == ("format", "log", log.LOG.version)
    assert lines[5] == {
        "event": "validation",
        "update": 2,
        "epoch": 1,
        "seconds": 0.5,
        "loss": 2.25,
        "bleu": 1.5,
        "own": 3.0,
    }
    assert lines[6] == {"event": "average", "update": 9, "of": [2, 3], "kept": True, "loss": 2.0}


def test_a_torn_last_line_is_left_out_and_cut(tmp_path: Path) -> None:
    written = log.Log(tmp_path / "log.jsonl")
    written.write(UPDATE)
    whole = written.bytes
    with written.path.open("a") as file:
        file.write('{"event": "upda')
    assert list(log.read(written.path)) == [UPDATE]
    written.cut(whole)
    written.write(BEGIN)
    assert list(log.read(written.path)) == [UPDATE, BEGIN]
    written.cut(0)  # begun anew, with what it is in its first line
    written.write(BEGIN)
    assert list(log.read(written.path)) == [BEGIN]
    assert written.path.read_text().startswith('{"event": "format"')


def test_a_log_of_before_there_were_versions(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"event": "precision", "update": 0, "precision": "fp32", "reason": "as asked"}\n'
        '{"event": "update", "update": 1, "loss": 5.5}\n'
    )
    assert list(log.read(path)) == [EVENTS[0], log.Other(event="update", values={"update": 1, "loss": 5.5})]


def test_a_log_of_mtkit_before_there_were_versions() -> None:
    events = list(log.read(Path(__file__).parent / "data/log1.jsonl"))
    assert not any(isinstance(event, log.Other) for event in events)
    assert [event.update for event in events if isinstance(event, log.Validation)] == [200, 400, 600]
    (average,) = (event for event in events if isinstance(event, log.Average))
    assert (average.of, list(average.scores)) == ([400, 600], ["loss", "bleu", "chrf"])
    assert isinstance(events[-1], log.Finished)
    assert events[-1].reason == "max_updates = 600"


def test_a_log_from_the_future_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(HEAD + '{"event": "update", "loss": 5.5}\n')
    with pytest.raises(RunError, match="of log format 9, this mtkit .* reads 1 to 2; use the mtkit that wrote it, 8.1"):
        list(log.read(path))


def test_what_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        list(log.read(tmp_path / "log.jsonl"))
    for line in ("nothing", "[]", '{"update": 1}'):
        (tmp_path / "log.jsonl").write_text(f'{{"event": "other"}}\n{line}\n')
        with pytest.raises(RunError, match="line 2, is no (event|JSON)"):
            list(log.read(tmp_path / "log.jsonl"))
