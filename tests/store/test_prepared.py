"""What lies in a prepared corpus: typed, of a version, and read again."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtkit.errors import DataError
from mtkit.store.prepared import CORPUS, Manifest, Prepared

SHARD = {"name": "train-00000", "pairs": 3, "source_pieces": 7, "target_pieces": 8}
NOTED: dict[str, Any] = {
    "languages": ["en", "de"],
    "fingerprint": "0123abcd",
    "identity": "4567cdef",
    "inputs": {"toy/train.en": "00"},
    "tokenizers": ["tokenizer.model"],
    "files": {"tokenizer.model": 5},
}
SIDE = {
    "words": 5,
    "pieces": 7,
    "mean_pieces": 2.5,
    "median_pieces": 2,
    "p95_pieces": 3,
    "max_pieces": 3,
    "pieces_per_word": 1.4,
    "share_of_byte_pieces": 0.0,
}
REPORTED: dict[str, Any] = {
    "pairs_read": 4,
    "pairs": {"train": 3, "dev": 1},
    "held_out": False,
    "dropped": {"empty": 1},
    "dropped_samples": {"empty": [["", "eins"]]},
    "share_dropped": 0.25,
    "duplicates": 0,
    "crlf_lines": {},
    "splits": {"train": {"pairs": 3, "target_to_source_pieces": 1.0, "source": SIDE, "target": SIDE}},
    "train_overlap": {"test": {"source": 0, "target": 0, "pair": 0}},
    "vocab_size": [40, 40],
}


def write(folder: Path, name: str, table: Any) -> None:
    (folder / name).write_text(json.dumps(table))


def test_a_corpus_of_version_1_is_read_as_one_part(tmp_path: Path) -> None:
    old = NOTED | {"format_version": 1, "splits": {"train": [SHARD, SHARD | {"pairs": 2}], "dev": [SHARD]}}
    write(tmp_path, "manifest.json", old)
    write(tmp_path, "report.json", REPORTED)  # which had no version of its own
    prepared = Prepared.open(tmp_path)
    (part,) = prepared.manifest.splits["train"]
    assert (part.name, part.pairs, [shard.pairs for shard in part.shards]) == ("train", 5, [3, 2])
    assert len(prepared.split("train")) == 5
    assert prepared.split("train").target_pieces == 16
    assert prepared.tokenizer_files == [tmp_path / "tokenizer.model"]
    report = prepared.report()
    assert (report.parts, report.splits["train"].source.pieces) == ((), 7)
    assert report.dropped_samples["empty"] == [("", "eins")]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    part = {"name": "news", "entry": "data/news", "pairs": 3, "shards": [SHARD]}
    manifest = Manifest.model_validate(
        NOTED | CORPUS.head() | {"splits": {"train": [part], "dev": [part | {"name": "dev"}]}}
    )
    write(tmp_path, "manifest.json", manifest.model_dump(mode="json"))
    assert Prepared.open(tmp_path).manifest == manifest
    table = json.loads((tmp_path / "manifest.json").read_text())
    assert (table["kind"], table["format_version"], table["splits"]["train"]) == ("corpus", 2, [part])
    with pytest.raises(ValidationError):
        manifest.identity = "another"


@pytest.mark.parametrize("name", ["manifest.json", "report.json"])
def test_a_newer_version_is_refused_and_never_taken_for_damage(tmp_path: Path, name: str) -> None:
    write(tmp_path, "manifest.json", NOTED | {"format_version": 1, "splits": {"train": [SHARD], "dev": [SHARD]}})
    write(tmp_path, name, {"format_version": 3, "nothing": "that is known today"})
    with pytest.raises(
        DataError, match=rf"{name} is of corpus( report)? format 3, this mtkit \(.*\) reads 1 to 2; use "
    ):
        Prepared.open(tmp_path).report()


DAMAGED = [
    None,
    "",
    "{",
    '{"format_version": 1}',
    '{"format_version": 2, "kind": "corpus"}',
    json.dumps(NOTED | {"format_version": 2, "splits": {"train": [SHARD], "dev": []}}),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_damage_is_said(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json is missing or damaged; remove .* and run mtkit preprocess"):
        Prepared.open(tmp_path)


def test_something_else_is_refused_by_name(tmp_path: Path) -> None:
    for text in ("[]", "{}", '{"format_version": "2"}', '{"kind": "bundle", "format_version": 2}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(DataError, match='damaged|expected a number|is a "bundle" of format 2; expected a corpus'):
            Prepared.open(tmp_path)
