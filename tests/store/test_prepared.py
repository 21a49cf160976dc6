"""What lies in a prepared corpus: typed, of a version, and read again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtkit import files
from mtkit.corpus.shards import Part, ShardWriter
from mtkit.errors import DataError
from mtkit.store.prepared import CORPUS, Manifest, Prepared
from mtkit.text.reserved import TAGS

SHARD = {"name": "train-00000", "pairs": 3, "source_pieces": 7, "target_pieces": 8}
NOTED: dict[str, Any] = {
    "languages": ["en", "de"],
    "identity": "4567cdef",
    "inputs": {"toy/train.en": "00"},
    "tokenizers": ["tokenizer.model"],
    "files": {"tokenizer.model": 5},
}
EARLIER = NOTED | {"fingerprint": "0123abcd"}  # over test sets, too
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
    old = EARLIER | {"format_version": 1, "splits": {"train": [SHARD, SHARD | {"pairs": 2}], "dev": [SHARD]}}
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
    untold = {"tag": "", "symbol": "", "languages": None}
    assert (table["kind"], table["format_version"], table["splits"]["train"]) == ("corpus", 3, [part | untold])
    with pytest.raises(ValidationError):
        manifest.identity = "another"


@pytest.mark.parametrize(
    "told", [{"tag": "x"}, {"symbol": TAGS[0]}, {"tag": "x", "symbol": "<s>"}, {"languages": ["en", "a b"]}]
)
def test_tags_that_are_none_are_damage(tmp_path: Path, told: dict[str, object]) -> None:
    part: dict[str, object] = {"name": "news", "entry": "news", "pairs": 3, "shards": [SHARD]}
    good = {"tag": "x", "symbol": TAGS[0], "languages": ["en", "fr"]}
    for more, whole in ((good, True), (told, False)):
        made = NOTED | CORPUS.head() | {"splits": {"train": [part | more], "dev": [part]}}
        write(tmp_path, "manifest.json", made)
        if whole:
            assert [tag.name for tag in Prepared.open(tmp_path).tags] == ["x"]
        else:
            with pytest.raises(DataError, match=r"manifest.json is missing or damaged"):
                Prepared.open(tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "report.json"])
def test_a_newer_version_is_refused_and_never_taken_for_damage(tmp_path: Path, name: str) -> None:
    write(tmp_path, "manifest.json", EARLIER | {"format_version": 1, "splits": {"train": [SHARD], "dev": [SHARD]}})
    write(tmp_path, name, {"format_version": 9, "nothing": "that is known today"})
    with pytest.raises(
        DataError, match=rf"{name} is of corpus( report)? format 9, this mtkit \(.*\) reads 1 to \d; use "
    ):
        Prepared.open(tmp_path).report()


def sealed(folder: Path, text: bytes = b"model") -> Path:
    """A corpus of two shards, with the checksums of all its files."""
    (folder / "tokenizer.model").write_bytes(text)
    writer = ShardWriter(folder, "train", (9, 9), shard_pairs=2)
    for number in range(3):
        writer.add([number, 1], [2, number])
    part = Part.of("train", "train", writer.close())
    noted = NOTED | CORPUS.head() | {"splits": {"train": [asdict(part)], "dev": [asdict(part)]}}
    sums = {path.name: files.crc32(path) for path in folder.iterdir()}
    write(folder, "manifest.json", noted | {"checksums": sums})
    return folder


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)


def test_what_is_small_is_checked_at_once(tmp_path: Path) -> None:
    Prepared.open(sealed(tmp_path))
    change(tmp_path / "tokenizer.model")
    with pytest.raises(DataError, match=r"tokenizer\.model is missing or damaged; remove .* and run mtkit preprocess"):
        Prepared.open(tmp_path)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_changed_shard_is_found_when_it_is_read(tmp_path: Path, side: str) -> None:
    change(sealed(tmp_path) / f"train-00001.{side}.npy")
    split = Prepared.open(tmp_path).split("train")
    assert split.longest_source == 2  # lengths are as they were, and need no ids
    assert split.open(0).source[1].tolist() == [1, 1]
    with pytest.raises(DataError, match=rf"train-00001 cannot be read \(train-00001.{side}.npy has changed: "):
        split.open(1)
    change(tmp_path / f"train-00000.{side}.starts.npy")
    assert len(split.open(0)) == 2  # once is enough
    with pytest.raises(DataError, match=rf"{side}\.starts\.npy has changed"):
        Prepared.open(tmp_path).split("train").map(0)


def test_a_corpus_without_checksums_is_read(tmp_path: Path) -> None:
    table = json.loads((sealed(tmp_path) / "manifest.json").read_text())
    del table["checksums"]
    write(tmp_path, "manifest.json", table | {"format_version": 2, "fingerprint": "0123abcd"})
    change(tmp_path / "train-00000.source.npy")
    assert len(Prepared.open(tmp_path).split("train").open(0)) == 2


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
