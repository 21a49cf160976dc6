"""`mtkit preprocess`: what it writes, says, and does not do twice."""

import gzip
import json
from pathlib import Path

from toy import mtkit, ran


def prepared(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "prepared").iterdir() if path.is_dir())


def test_the_report(folder: Path) -> None:
    first_test_source = (folder / "test.en").read_text().split("\n")[0]
    more = [
        ("the dog sees the cat", "das Hund"),
        ("the dog sees the cat", "das Hund"),
        ("same", "same"),
        ("", "eins"),
        ("x" * 90, "y"),
        ("one two\r", "eins zwei"),
        (first_test_source, "etwas anderes"),
    ]
    for side, name in enumerate(("train.en", "train.de")):
        with (folder / name).open("a", newline="") as file:
            file.writelines(pair[side] + "\n" for pair in more)
    done = mtkit(folder, "preprocess", "-s", "filter.max_chars=80")
    assert ran(done) == ""
    (where,) = prepared(folder)
    report = json.loads((where / "report.json").read_text())
    assert report["pairs_read"] == 607
    assert {rule: report["dropped"][rule] for rule in ("empty", "max_chars", "drop_copies")} == {
        "empty": 1,
        "max_chars": 1,
        "drop_copies": 1,
    }
    assert report["dropped_samples"]["drop_copies"] == [["same", "same"]]
    assert report["crlf_lines"] == {"toy/train.en": 1}
    assert report["dropped"]["dedupe"] == report["duplicates"] >= 1
    assert report["pairs"]["train"] == 607 - sum(report["dropped"].values())
    assert report["train_overlap"]["test"]["source"] >= 1
    assert report["splits"]["dev"]["pairs"] == 30
    source = report["splits"]["train"]["source"]
    assert source["pieces"] >= source["words"] > 1000
    assert source["max_pieces"] >= source["p95_pieces"] >= source["median_pieces"] > 0
    for part in ("607 pairs read", "drop_copies 1", "CRLF", "wrote prepared"):
        assert part in done.stderr


def test_again_with_nothing_changed(folder: Path) -> None:
    ran(mtkit(folder, "preprocess"))
    (where,) = prepared(folder)
    before = {path.name: path.stat().st_mtime_ns for path in where.iterdir()}
    done = mtkit(folder, "preprocess")
    assert "nothing has changed" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in where.iterdir()} == before
    # Keys of other sections do not matter; text and its own sections do.
    assert "nothing has changed" in mtkit(folder, "preprocess", "-s", "train.lr=1.0", "-s", "model.embed_dim=8").stderr
    ran(mtkit(folder, "preprocess", "-s", "filter.max_ratio=2.0"))
    assert len(prepared(folder)) == 2
    (folder / "dev.en").write_text((folder / "dev.en").read_text().replace("dog", "cat"))
    ran(mtkit(folder, "preprocess"))
    assert len(prepared(folder)) == 3


def test_the_same_text_is_prepared_the_same(folder: Path) -> None:
    ran(mtkit(folder, "preprocess"))
    (where,) = prepared(folder)
    first = {path.name: path.read_bytes() for path in where.iterdir()}
    for path in where.iterdir():
        path.unlink()
    where.rmdir()
    ran(mtkit(folder, "preprocess"))
    assert {path.name: path.read_bytes() for path in where.iterdir()} == first


def test_losing_much_is_said_loudly(folder: Path) -> None:
    done = mtkit(folder, "preprocess", "-s", "filter.max_pieces=6")
    ran(done)
    assert "WARNING: " in done.stderr
    assert "most by the rule 'max_pieces'" in done.stderr
    assert "WARNING" not in mtkit(folder, "preprocess").stderr


def test_dev_is_held_out_by_source(folder: Path) -> None:
    text = {side: (folder / f"train.{side}").read_text().split("\n")[:-1] for side in ("en", "de")}
    for side, lines in text.items():  # every source twice, with another target
        other = [line + (" und" if side == "de" else "") for line in lines]
        (folder / f"train.{side}").write_text("".join(line + "\n" for line in lines + other))
    ran(mtkit(folder, "preprocess", "-s", "data.dev=", "-s", "filter.max_ratio=9.0"))
    (where,) = prepared(folder)
    report = json.loads((where / "report.json").read_text())
    dev = (where / "dev.source.txt").read_text().split("\n")[:-1]
    assert report["held_out"]
    assert 100 <= len(dev) == report["pairs"]["dev"] <= 102  # whole sources, until there are 100 pairs
    manifest_dropped = sum(report["dropped"].values())
    assert report["pairs"]["train"] + report["pairs"]["dev"] + manifest_dropped == 1200  # nothing goes uncounted
    assert set(dev) <= set(text["en"])


def test_tokenizers_of_every_kind_and_ready_made(folder: Path) -> None:
    for kind in ("bpe", "char", "word"):
        sets = ["-s", f"tokenizer.kind={kind}", "-s", f"tokenizer.byte_fallback={str(kind != 'word').lower()}"]
        if kind == "bpe":
            sets += ["-s", "tokenizer.vocab_size=380"]
        ran(mtkit(folder, "preprocess", *sets))
    before = prepared(folder)
    sets = ["-s", "tokenizer.shared=false", "-s", "tokenizer.vocab_size=350"]
    ran(mtkit(folder, "preprocess", *sets))
    (where,) = set(prepared(folder)) - set(before)
    names = [str(where / f"{side}.model") for side in ("source", "target")]
    ran(mtkit(folder, "preprocess", "-s", "tokenizer.shared=false", "-s", f"tokenizer.model={json.dumps(names)}"))
    ran(mtkit(folder, "train", *sets, "-s", "train.max_updates=3"))
    assert (folder / "runs/toy/best/source.model").exists()
    ran(mtkit(folder, "translate", *sets, stdin="two cat\n"))


def test_several_files_and_tsv(folder: Path) -> None:
    pairs = zip((folder / "dev.en").read_text().split("\n"), (folder / "dev.de").read_text().split("\n"), strict=True)
    with gzip.open(folder / "more.tsv.gz", "wt") as file:
        file.writelines(f"{source} and\t{target} und\n" for source, target in pairs if source)
    ran(mtkit(folder, "preprocess", "-s", 'data.train=["train", "more.tsv.gz"]'))
    (where,) = prepared(folder)
    assert json.loads((where / "report.json").read_text())["pairs_read"] == 630


def test_the_demo_text_without_arguments(tmp_path: Path) -> None:
    done = mtkit(tmp_path, "preprocess")
    ran(done)
    assert "built-in recipe demo (there is no mtkit.toml here)" in done.stderr
    assert [path.name[:6] for path in prepared(tmp_path)] == ["en-de-"]
