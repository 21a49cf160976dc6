"""`mtkit preprocess`: what it writes, says, and does not do twice."""

import gzip
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mtkit.jobs.texts import names
from mtkit.store.prepared import Prepared
from mtkit.text.case import title
from mtkit.text.tokenizer import Tokenizer
from tests.system.toy import WORDS, failed, make, mtkit, ran
from tests.text.test_readers import JSONL


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
    (tested,) = where.glob("test-*.json")
    assert json.loads(tested.read_text())["overlap"]["test"]["source"] >= 1
    assert "training pairs that share with test: the source " in done.stderr
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
    assert (
        "nothing has changed" in mtkit(folder, "preprocess", "-s", "train.lr=1.0", "-s", "tokenizer.sample=0.5").stderr
    )
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


def train_text(where: Path) -> list[tuple[str, str]]:
    """The training pairs of a prepared corpus, decoded again."""
    corpus = Prepared.open(where)
    tokenizer = Tokenizer.read(where / "tokenizer.model")
    split = corpus.split("train")
    shards = [split.open(number) for number in range(len(split.shards))]
    return [
        (tokenizer.decode(shard.source[index].tolist()), tokenizer.decode(shard.target[index].tolist()))
        for shard in shards
        for index in range(len(shard))
    ]


def in_case(change: Callable[[str], str], pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(change(source), change(target)) for source, target in pairs}


def test_copies_in_other_cases(folder: Path) -> None:
    more = [("THE CAT SEES", "DIE KATZE SIEHT"), ("the cat sees", "die Katze sieht"), ("개", "日本"), ("a b", "A b")]
    for side, name in enumerate(("train.en", "train.de")):
        with (folder / name).open("a") as file:
            file.writelines(pair[side] + "\n" for pair in more)
    sets = ["-s", "data.dev=", "-s", "filter.max_pieces=150", "-s", "filter.max_ratio=9.0"]
    plain_done = mtkit(folder, "preprocess", *sets)
    ran(plain_done)
    (plain,) = prepared(folder)
    done = mtkit(folder, "preprocess", *sets, "-s", "data.case_augment=0.3")
    ran(done)
    (where,) = set(prepared(folder)) - {plain}
    before, report = (json.loads((path / "report.json").read_text()) for path in (plain, where))

    for name in ("dev.source.txt", "dev.target.txt"):  # dev is held out of the text as it is
        assert (where / name).read_bytes() == (plain / name).read_bytes()
    assert report["pairs"]["dev"] == before["pairs"]["dev"]
    for key in ("pairs_read", "dropped", "duplicates", "share_dropped"):
        assert report[key] == before[key]

    copies = report["case_copies"]
    originals, pairs = train_text(plain), train_text(where)
    assert len(pairs) == report["pairs"]["train"] == before["pairs"]["train"] + copies["upper"] + copies["title"]
    assert set(originals) < set(pairs)
    assert len(set(pairs)) == len(pairs)
    added = set(pairs) - set(originals)
    upper, titled = in_case(str.upper, originals), in_case(title, originals)
    assert added <= upper | titled
    assert len(added & upper) == copies["upper"]
    assert len(added & titled - upper) == copies["title"]
    for name in ("upper", "title"):
        assert 0.2 < copies[name] / len(originals) < 0.4
    dev = [(where / f"dev.{side}.txt").read_text().split("\n")[:-1] for side in ("source", "target")]
    held_out = list(zip(*dev, strict=True))
    assert not added & (in_case(str.upper, held_out) | in_case(title, held_out))  # nor do copies bring it back

    tokenizer, small = (Tokenizer.read(path / "tokenizer.model") for path in (where, plain))
    assert tokenizer.byte_pieces(tokenizer.encode(["HOUSE FÜNF"])[0]) == 0
    assert small.byte_pieces(small.encode(["HOUSE FÜNF"])[0]) > 0
    assert f"copies added to train: {copies['upper']} in upper case, {copies['title']} in title case" in done.stderr
    assert "case_copies" not in before
    assert "copies" not in plain_done.stderr


def test_copies_do_not_hang_on_the_order_of_the_text(folder: Path) -> None:
    def prepare(*sets: str) -> list[tuple[str, str]]:
        before = set(prepared(folder)) if (folder / "prepared").exists() else set()
        ran(mtkit(folder, "preprocess", "-s", "data.case_augment=0.5", *sets))
        (where,) = set(prepared(folder)) - before
        return train_text(where)

    first = prepare()
    assert prepare("-s", "filter.max_chars=1999") == first
    for side in ("en", "de"):
        lines = (folder / f"train.{side}").read_text().split("\n")[:-1]
        (folder / f"train.{side}").write_text("".join(line + "\n" for line in reversed(lines)))
    turned = prepare()
    assert turned != first
    assert set(turned) == set(first)


def test_copies_go_through_the_filters(folder: Path) -> None:
    text = [
        ("THE DOG", "DER HUND"),
        ("the dog", "der Hund"),
        ("straße " * 3, "weg " * 3),
        ("ab", "AB"),
        ("xx " * 6, "y"),
    ]
    for side, name in enumerate(("train.en", "train.de")):
        (folder / name).write_text("".join(pair[side] + "\n" for pair in text))
    sets = ["tokenizer.kind=char", "filter.max_chars=22", "filter.max_pieces=22", "filter.max_ratio=4.0"]
    sets = [part for key in [*sets, "data.case_augment=1.0"] for part in ("-s", key)]
    ran(mtkit(folder, "preprocess", *sets))
    (where,) = prepared(folder)
    report = json.loads((where / "report.json").read_text())
    copies = report["case_copies"]
    dropped = {rule: count for rule, count in copies["dropped"].items() if count}
    assert {rule: count for rule, count in report["dropped"].items() if count} == {"max_ratio": 1}
    # The dog stands there in upper case, Straße gets longer, AB becomes a copy; what is dropped itself has no copies.
    assert dropped == {"dedupe": 1, "max_chars": 1, "drop_copies": 1}
    assert (copies["upper"], copies["title"], report["pairs"]["train"]) == (0, 3, 7)


def test_parts_keep_their_names_and_counts(folder: Path) -> None:
    """Two texts of one name, of which the second repeats some of the first."""
    (folder / "more").mkdir()
    first = [(folder / f"train.{side}").read_text().split("\n")[:200] for side in ("en", "de")]
    strange = (
        [*first[0], *(f"{line} and" for line in first[0]), ""],
        [*first[1], *(f"{x} und" for x in first[1]), "x"],
    )
    for side, lines in zip(("en", "de"), strange, strict=True):
        (folder / f"more/train.{side}").write_text("".join(line + "\n" for line in lines))
    sets = ["-s", 'data.train=["train", "more/train"]', "-s", "data.dev=", "-s", "filter.max_ratio=9.0"]
    done = mtkit(folder, "preprocess", "-v", *sets)
    ran(done)
    (where,) = prepared(folder)
    corpus = Prepared.open(where)
    report, parts = corpus.report(), corpus.manifest.splits["train"]
    assert [(part.name, part.entry) for part in parts] == [("train", "train"), ("train-2", "more/train")]
    assert [(part.name, part.entry) for part in report.parts] == [(part.name, part.entry) for part in parts]
    assert [part.pairs for part in report.parts] == [part.pairs for part in parts]
    one, two = report.parts
    assert (one.pairs_read, two.pairs_read) == (600, 401)
    assert one.duplicates == one.dropped["dedupe"] < 20
    assert two.duplicates == two.dropped["dedupe"] >= 200  # the first one wins
    assert (one.dropped["empty"], two.dropped["empty"], two.dropped_samples["empty"]) == (0, 1, [("", "x")])
    for part in report.parts:
        assert part.pairs_read == part.pairs + part.held_out + sum(part.dropped.values())
        assert part.lengths.pairs == part.pairs > 0
    assert one.held_out + two.held_out == report.pairs["dev"] >= 70
    assert {rule: one.dropped[rule] + two.dropped[rule] for rule in report.dropped} == report.dropped
    assert report.splits["train"].source.words == sum(part.lengths.source.words for part in report.parts)
    assert len(corpus.split("train")) == one.pairs + two.pairs == report.pairs["train"]
    rows = [line.split()[:2] for line in done.stderr.splitlines()]
    for name, pairs in (("train", report.pairs["train"]), ("train", one.pairs), ("train-2", two.pairs)):
        assert [name, f"{pairs:,}"] in rows
    assert "train-2: 401 pairs read (" in done.stderr
    assert "train-2: dropped by empty: '' ||| 'x'" in done.stderr
    ran(mtkit(folder, "train", *sets, "-s", "train.max_updates=3"))


def test_one_entry_is_told_as_one_text(folder: Path) -> None:
    done = mtkit(folder, "preprocess")
    ran(done)
    assert [line.split()[0] for line in done.stderr.splitlines() if line.startswith((" ", "train"))].count("train") == 1
    assert done.stderr.count("pairs read") == 1
    (where,) = prepared(folder)
    (part,) = json.loads((where / "report.json").read_text())["parts"]
    assert (part["name"], part["pairs_read"], "case_copies" in part) == ("train", 600, False)


def test_names_of_parts_are_unique() -> None:
    entries = ["a/news", "b/news", "mtkit:demo/train", "news-2", "x.tsv.gz", "c/news", "/"]
    assert names(entries) == ["news", "news-2", "train", "news-2-2", "x.tsv.gz", "news-3", "/"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak of memory")
def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    """Twice the text takes hardly more memory: what is held is a sample, a window and histograms."""

    def peak(pairs: int) -> int:
        make(where := tmp_path / str(pairs))
        for side in ("en", "de"):
            lines = (f"{number} {word}\n" for number, word in zip(range(pairs), itertools.cycle(WORDS), strict=False))
            (where / f"train.{side}").write_text("".join(lines))
        code = (
            "from pathlib import Path; from mtkit.config import load; from mtkit.jobs.preprocess import preprocess;"
            "from mtkit.cli.options import Messages;"
            "sets = ['tokenizer.train_lines=2000', 'filter.drop_copies=false'];"
            f"preprocess(load({str(where / 'mtkit.toml')!r}, sets), Messages(quiet=True));"
            "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1])  # kB

    small, large = peak(10_000), peak(60_000)
    # 50,000 pairs more are 15 MB as Python strings, and 2 MB as the ids of a shard that is not yet written.
    assert large - small < 8_000


def test_a_format_from_outside(folder: Path) -> None:
    """The reader of tests/text/test_readers.py beside a text of ours: prepared, counted, listed."""
    line = 'Choice("lines_outside:JSONLines", "NAME.jl, an object a line with source and target")'
    brought = f"from mtkit.registry import Choice, register\n\nregister('reader', 'jl', {line})\n"
    (folder / "lines_outside.py").write_text(JSONL.replace(".jsonl", ".jl") + brought)
    objects = [json.dumps({"source": f"{word} and", "target": f"{WORDS[word]} und", "id": 1}) for word in WORDS]
    with gzip.open(folder / "more.jl.gz", "wt") as file:
        file.writelines(line + "\n" for line in objects)
    sets = ["--plugin", "lines_outside.py", "-s", 'data.train=["train", "more.jl.gz"]']
    ran(mtkit(folder, "preprocess", *sets))
    (where,) = prepared(folder)
    corpus = Prepared.open(where)
    assert [(part.name, part.pairs_read) for part in corpus.report().parts] == [("train", 600), ("more.jl.gz", 20)]
    assert f"{folder.name}/more.jl.gz" in corpus.manifest.inputs
    assert ("dog and", "Hund und") in train_text(where)
    (listed,) = (
        line
        for line in ran(mtkit(folder, "info", "--list", "--plugin", "lines_outside.py")).splitlines()
        if line.split()[:2] == ["reader", "jl"]
    )
    assert "an object a line" in listed
    failed(mtkit(folder, "preprocess", *sets[2:]), "more.jl.gz.en does not exist", "or a .tsv or ")
