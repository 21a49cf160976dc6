"""Text of which pairs are taken by their score, and text that is read the other way round."""

import json
from pathlib import Path

import pytest

from mtkit.errors import DataError
from mtkit.text.readers.reader import Reader, locate

ROWS = [("one", "eins", 0.9), ("two", "zwei", 0.5), ("three", "vier", 0.1), ("four", "vier", -2.0)]


def written(folder: Path, kind: str) -> Path:
    path = folder / f"t.{kind}"
    match kind:
        case "tsv":
            path.write_text("".join(f"{source}\t{target}\t{score}\n" for source, target, score in ROWS))
        case "csv":
            rows = (f"{score},{target},{source}\n" for source, target, score in ROWS)
            path.write_text("Score,de,en\n" + "".join(rows))
        case "jsonl":
            lines: list[object] = [{"en": source, "de": target, "score": score} for source, target, score in ROWS[:2]]
            lines += [{"translation": {"en": one, "de": other}, "score": score} for one, other, score in ROWS[2:]]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        case "parquet":
            pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
            columns = dict(zip(("en", "de", "score"), map(list, zip(*ROWS, strict=True)), strict=True))
            parquet.write_table(pyarrow.table(columns), path)
    return path


def scored(path: Path, least: float | None, turned: bool = False) -> Reader:
    reader = locate(path, "en", "de")
    reader.min_score, reader.turned = least, turned
    return reader


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_pairs_below_a_score_are_left_out_and_counted(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind)
    assert len(list(scored(path, None))) == 4
    reader = scored(path, 0.5)
    for _ in range(2):  # counts are of the last reading
        assert list(reader) == [("one", "eins"), ("two", "zwei")]
        assert reader.low.counts["min_score"] == reader.low.total == 2
    assert reader.low.samples["min_score"] == [["three", "vier"], ["four", "vier"]]
    assert list(scored(path, -5.0)) == [row[:2] for row in ROWS]
    turned = scored(path, 0.5, turned=True)
    assert list(turned) == [("eins", "one"), ("zwei", "two")]
    assert turned.low.samples["min_score"][0] == ["vier", "three"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.tsv", "one\teins\n", r"t.tsv, line 1: expected a score in the third column, got 'None'"),
        ("t.tsv", "one\teins\tgood\n", r"t.tsv, line 1: expected a score in the third column, got 'good'"),
        ("t.csv", "en,de\none,eins\n", r"t.csv, line 1: min_score needs a column score; there are en, de"),
        ("t.jsonl", '{"en": "one", "de": "eins"}\n', r"t.jsonl, line 1: expected a score in the column score"),
    ],
)
def test_text_without_scores_is_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        list(scored(tmp_path / name, 0.5))


def test_a_blank_line_is_an_empty_pair_and_has_no_score(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("one\teins\t1\n\n")
    assert list(scored(tmp_path / "t.tsv", 0.5)) == [("one", "eins"), ("", "")]


def test_what_is_odd_is_told_of_the_file_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_text("\ufffd\n" * 30)
    (tmp_path / "t.de").write_text("eins\n" * 30)
    reader = locate(tmp_path / "t", "en", "de")
    reader.turned = True
    assert next(iter(reader)) == ("eins", "\ufffd")
    assert any("t.en" in oddity and "U+FFFD" in oddity for oddity in reader.oddities())
