"""Checkpoints, prepared corpora and logs that somebody has changed, with right checksums: refused in a line."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mtkit import files, reading
from mtkit.corpus.shards import Part, ShardWriter
from mtkit.errors import DataError, RunError
from mtkit.store import checkpoint, log
from mtkit.store.prepared import CORPUS, Prepared
from tests.store.changes import (
    DEEP,
    WEIGHTS,
    Change,
    header,
    placed,
    raw,
    refused,
    sealed,
    small,
    sparse,
    tensors,
    text,
)
from tests.train.bench import Bench

DATA = Path(__file__).parent / "data"
CPU = torch.device("cpu")


def progress(**values: Any) -> Change:
    def change(folder: Path) -> None:
        table = json.loads((folder / "progress.json").read_text()) | values
        (folder / "progress.json").write_text(json.dumps(table))

    return change


STATE = "optimizer.safetensors"
NAME = "output.bias_V:exp_avg"


def noted(**values: torch.Tensor | None) -> Change:
    """Other tensors of the optimiser, of one parameter."""

    def change(folder: Path) -> None:
        made: dict[str, Any] = load_file(folder / STATE)
        made |= {NAME.replace("exp_avg", key): value for key, value in values.items()}
        save_file({key: value for key, value in made.items() if value is not None}, folder / STATE)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (noted(exp_avg=torch.zeros(())), f'tensor "{NAME}": found F32 scalar, expected F32'),
        (noted(exp_avg_sq=torch.zeros(1)), "found F32 1, expected F32"),
        (noted(exp_avg=None), f'tensor "{NAME}": it is missing'),
        (noted(step=torch.tensor(9.0)), "found 9, expected 0 to 2"),
        (noted(step=torch.zeros(2)), "found F32 2, expected F32 scalar"),
        (noted(step=torch.tensor(torch.nan)), "it holds NaN"),
        (noted(more=torch.zeros(2)), "expected no tensor of this name"),
        (tensors(STATE, nobody=torch.zeros(2)), 'tensor "nobody": expected no tensor'),
        (raw(STATE, header([])), "its header is a list"),
        (tensors(WEIGHTS, output__bias_V=torch.zeros(2)), 'tensor "output.bias_V": found F32 2, expected'),
        (raw(WEIGHTS, b"12345678"), "is no safetensors file"),
        (progress(update=-1), "progress.json, update: found -1"),
        (progress(update=None), "progress.json, update: found null"),
        (progress(update=1 << 63), "progress.json, update: found"),
        (progress(parts=0), "progress.json, parts: found 0"),
        (progress(processes=0), "progress.json, processes: found 0"),
        (progress(best_update=3), "progress.json, best_update: found 3, expected at most the update, 2"),
        (progress(seconds=-1.5), "progress.json, seconds: found -1.5"),
        (progress(seconds=float("nan")), "progress.json, seconds: found nan"),
        (progress(precision="fp1"), 'progress.json, precision: found "fp1", expected'),
        (progress(kept=["x" * 500_000]), "progress.json, kept.0: found"),
        (progress(kept=[{"update": 7, "score": 1.0, "loss": 1.0}]), "progress.json, kept.0.update: found 7"),
        (progress(best=1.0, scores={"loss": 1.0}, best_scores={}), "progress.json, best_scores: found a table of 0"),
        (text("progress.json", DEEP), "more than 32 tables"),
        (placed(STATE, os.mkfifo), f"{STATE} is a pipe"),
        (placed(WEIGHTS, sparse), f"{WEIGHTS} has 10,737,418,240 bytes, expected at most"),
    ],
)
def test_changed_checkpoints(tmp_path: Path, change: Change, says: str) -> None:
    bench = Bench(tmp_path, max_updates=4)
    checkpoint.save(tmp_path / "c", bench.until(2))
    folder = tmp_path / "c/00000002"
    change(folder)
    sealed(folder)
    training = bench.make()
    refused(lambda: checkpoint.load(tmp_path / "c", training), says)
    assert training.progress.update == 0


def prepared(folder: Path) -> Prepared:
    """A corpus of three pairs."""
    folder.mkdir()
    parts = {}
    for name in ("train", "dev"):
        writer = ShardWriter(folder, name, (40, 40))
        for pair in (([5, 6], [7]), ([8], [9, 39]), ([1, 2, 3], [4])):
            writer.add(*pair)
        parts[name] = [Part.of(name, "", writer.close())]
    for side in ("source", "target"):
        (folder / f"dev.{side}.txt").write_text("a\nb\nc\n")
    note(folder, parts)
    return Prepared.open(folder)


def note(folder: Path, parts: dict[str, Any] | None = None, **values: Any) -> None:
    """Write a manifest that fits the files, or another one."""
    path = folder / "manifest.json"
    if parts is not None:
        plain = {
            name: [{**vars(p), "shards": [vars(s) for s in p.shards]} for p in some] for name, some in parts.items()
        }
        table = CORPUS.head() | {"languages": ["en", "de"], "identity": "0", "inputs": {}, "splits": plain}
        table["tokenizers"] = ["tokenizer.model"]
    else:
        table = json.loads(path.read_text())
    held = [one for one in folder.iterdir() if one.name != path.name and small(one)]
    table |= {"files": {one.name: one.stat().st_size for one in held}}
    table |= {"checksums": {one.name: files.crc32(one) for one in held}} | values
    path.write_text(json.dumps(table))


def used(folder: Path) -> None:
    """What a training reads of a corpus."""
    found = Prepared.open(folder)
    found.dev_text()
    for name in ("train", "dev"):
        split = found.split(name).within((40, 40), 3)
        for number in range(len(split.shards)):
            split.open(number)


def numbers(name: str, *values: int, dtype: Any = np.uint32) -> Change:
    return lambda folder: np.save(folder / name, np.array(values, dtype))


STARTS, SOURCES = "train-00000.source.starts.npy", "train-00000.source.npy"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (numbers(STARTS, 0, 3, 2, 6), "source has starts that do not rise from 0 to its 6 ids"),
        (numbers(STARTS, 1, 2, 3, 6), "source has starts that do not rise"),
        (numbers(STARTS, 0, 2, 3, 7), "source has starts that do not rise"),
        (numbers(STARTS, 0, 0, 0, 6), "source has a sentence of 6 pieces, expected at most 3"),
        (numbers(STARTS, 0, 6), "has 2 numbers of type u4, expected 4 of u4"),
        (numbers(STARTS, 0, 2, 3, 6, dtype=np.uint16), "has 4 numbers of type u2, expected 4 of u4"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, 40, dtype=np.uint16), "source has the id 40, expected less than 40"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, dtype=np.uint16), "has 5 numbers of type u2, expected 6 of u2"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, 3, dtype=np.int64), "no .npy file of a row of whole numbers"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, 3, dtype=object), "no .npy file of a row of whole numbers"),
        (raw(SOURCES, b"PK\x03\x04"), "no .npy file of a row of whole numbers"),
        (raw(SOURCES, b"\x93NUMPY\x01\x00v\x00" + b"(" * 118), "no .npy file of a row of whole numbers"),
        (placed(SOURCES, os.mkfifo), f"{SOURCES} is a pipe"),
        (placed(SOURCES, lambda path: path.symlink_to("/dev/zero")), f"{SOURCES} is a link that leads out"),
        (text("dev.source.txt", "a\n"), "dev.source.txt is missing or damaged.*1 lines, expected 3"),
        (raw("dev.target.txt", b"\xff\nb\nc\n"), "dev.target.txt is missing or damaged"),
    ],
)
def test_changed_shards(tmp_path: Path, change: Change, says: str) -> None:
    folder = prepared(tmp_path / "c").folder
    used(folder)
    change(folder)
    note(folder)
    refused(lambda: used(folder), says, DataError)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"splits": None}, "manifest.json, splits: found null"),
        ({"splits": {"train": [], "dev": 5}}, "manifest.json, splits.dev: found 5"),
        ({"splits": {"dev": []}}, "expected splits train and dev"),
        ({"tokenizers": ["../x.model"]}, r'manifest.json, tokenizers.0: found "../x.model"'),
        ({"files": {"../x": 1}}, "manifest.json, files.../x"),
        ({"files": {"x": "1"}}, 'manifest.json, files.x: found "1"'),
        ({"files": {"x": -1}}, "manifest.json, files.x: found -1"),
        ({"files": {"x": 1}}, 'expected a checksum of "x"'),
        ({"checksums": {"x": "zz"}}, 'manifest.json, checksums.x: found "zz"'),
        ({"languages": ["en"]}, "manifest.json, languages.1: it is missing|languages"),
        ({"identity": 5}, "manifest.json, identity: found 5"),
        ({"more": 5}, "manifest.json, more: an unknown key"),
        ({"format_version": "3"}, 'its format_version is "3", expected a number'),
    ],
)
def test_changed_manifests(tmp_path: Path, values: dict[str, Any], says: str) -> None:
    folder = prepared(tmp_path / "c").folder
    note(folder, **values)
    refused(lambda: used(folder), says, DataError)


@pytest.mark.parametrize(("key", "value"), [("name", "../x"), ("pairs", 4), ("pairs", -3), ("source_pieces", 1 << 40)])
def test_changed_shards_of_a_manifest(tmp_path: Path, key: str, value: Any) -> None:
    folder = prepared(tmp_path / "c").folder
    table = json.loads((folder / "manifest.json").read_text())["splits"]
    table["train"][0]["shards"][0][key] = value
    note(folder, splits=table)
    refused(lambda: used(folder), "manifest.json", DataError)


def test_a_log_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    os.mkfifo(path)
    refused(lambda: log.Log(path).write(log.Planned(update=1, updates=2)), "log.jsonl is a pipe", RunError)
    refused(lambda: list(log.read(path)), "log.jsonl is a pipe", RunError)
    path.unlink()
    for line in (DEEP, '{"event": 5}', '{"event": ' + "9" * 9999 + "}"):
        path.write_text(line + "\n")
        refused(lambda: list(log.read(path)), "log.jsonl, line 1, is no", RunError)


def test_what_is_shown_is_short_and_printable() -> None:
    assert reading.shown("a\x1b[0m\u202e\ud800") == r'"a\x1b[0m\u202e\ud800"'
    assert reading.shown("x" * 99) == f'"{"x" * reading.SHOWN}…"'
    assert [reading.shown(value) for value in (None, True, [1], {"a": 1}, 10**30)] == [
        "null",
        "true",
        "a list of 1",
        "a table of 1",
        "a number of more than 20 digits",
    ]
    assert len(reading.line("y\n" * 9999)) < 3 * reading.LINE
    assert not any(map(reading.plain, ("", ".", "..", "a/b", "/a", "a\0", ".hidden", "x" * 300, 5)))
