"""What is odd about a text is told when it is prepared and at later starts; what changed is refused before any work."""

import gzip
import json
import re
from pathlib import Path

import pytest

from mtkit.config import load
from mtkit.jobs.preparing.inputs import find
from mtkit.jobs.preparing.overlap import overlaps, warning
from mtkit.jobs.preparing.report import floored
from mtkit.store.prepared import Overlap, Prepared
from mtkit.text.tokenizer import Tokenizer
from tests.system.test_preprocess import prepared
from tests.system.toy import failed, mtkit, ran

SHORT = ("-s", "train.max_updates=2")


def warnings(stderr: str) -> list[str]:
    return [line.removeprefix("WARNING: ") for line in stderr.splitlines() if line.startswith("WARNING: ")]


def test_dev_that_is_training_text_is_warned_of_at_every_start(folder: Path) -> None:
    """Also where it differs in spaces, which no tokenizer sees."""
    for side in ("en", "de"):
        lines = (folder / f"train.{side}").read_text().splitlines()[:40]
        (folder / f"dev.{side}").write_text("".join(f" {line.replace(' ', chr(0xA0))}  \n" for line in lines))
    for _ in range(2):
        done = mtkit(folder, "preprocess")
        ran(done)
        (said,) = warnings(done.stderr)
        assert said.startswith("much of dev is in the training text, so its scores mean little: of its 40 pairs 40 ")
    (said,) = warnings(mtkit(folder, "train", *SHORT).stderr)
    assert "much of dev is in the training text" in said


def test_a_test_set_that_is_named_later_prepares_nothing(folder: Path) -> None:
    done = mtkit(folder, "preprocess", "-s", "data.test=")
    ran(done)
    (where,) = prepared(folder)
    before = {path: path.stat().st_mtime_ns for path in where.iterdir()}
    for test, words in (("test", []), ('["test", "train"]', ["much of train is in the training text"])):
        for _ in range(2):
            done = mtkit(folder, "preprocess", "-s", f"data.test={test}")
            ran(done)
            assert "nothing has changed" in done.stderr
            assert [re.split(",", line)[0] for line in warnings(done.stderr)] == words
    assert prepared(folder) == [where]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(where.glob("test-*.json"))) == 2
    (folder / "test.en").write_bytes(b"\xff\n" * 30)
    failed(mtkit(folder, "preprocess"), "test.en, line 1, byte 1: 0xff is not UTF-8")


def test_overlap_is_by_ids(folder: Path) -> None:
    ran(mtkit(folder, "preprocess"))
    corpus = Prepared.open(*prepared(folder))
    tokenizer = Tokenizer.read(corpus.tokenizer_files[0])
    shard = corpus.split("train").open(0)
    pairs = [(shard.source[i].tolist(), shard.target[i].tolist()) for i in range(20)]
    other = tokenizer.encode(["one house finds ten and and and and"])[0]
    texts = {
        "all": ([left for left, _ in pairs], [right for _, right in pairs]),
        "sources": ([left for left, _ in pairs] * 2, [other] * 40),
        "turned": ([left[::-1] + left for left, _ in pairs], [other] * 20),
        "none": ([other, []], [other, other]),
    }
    found = overlaps(corpus.split("train"), texts)
    assert (found["all"].of, found["all"].found, found["all"].found_source) == (20, 20, 20)
    assert found["all"].source >= found["all"].pair >= 20
    assert (found["sources"].of, found["sources"].found, found["sources"].found_source) == (40, 0, 40)
    assert found["sources"].target == 0
    assert found["turned"].found_source == 0
    assert found["none"] == Overlap(source=0, target=0, pair=0, of=1)
    assert [bool(warning(name, one)) for name, one in found.items()] == [True, True, False, False]


@pytest.mark.parametrize(("pairs", "sources", "much"), [(9, 49, False), (10, 10, True), (0, 50, True)])
def test_how_much_is_much(pairs: int, sources: int, much: bool) -> None:
    some = Overlap(source=0, target=0, pair=0, found=pairs, found_source=sources, of=100)
    assert bool(warning("dev", some)) is much


def test_a_run_whose_text_or_settings_changed_is_refused_before_any_work(folder: Path) -> None:
    sets = (*SHORT, "-s", "tokenizer.vocab_size=0")
    ran(mtkit(folder, "train", *sets))
    (where,) = prepared(folder)
    size = max(Prepared.open(where).report().vocab_size)
    noted = json.loads((folder / "runs/toy/config.json").read_text())
    assert noted["config"]["tokenizer"]["vocab_size"] == size  # what came out, since nobody asked
    ran(mtkit(folder, "train", *sets, "-s", "train.max_updates=3"))
    failed(mtkit(folder, "train", *sets, "-s", "filter.max_ratio=3.0"), "filter.max_ratio: 4.0 then, 3.0 now")
    failed(mtkit(folder, "train", *SHORT, "-s", "tokenizer.vocab_size=360"), f"vocab_size: {size} then, 360 now")
    with (folder / "train.en").open("a") as source, (folder / "train.de").open("a") as target:
        source.write("one dog\n")
        target.write("eins Hund\n")
    failed(mtkit(folder, "train", *sets), "was begun on other text: the files of [data] have changed")
    assert prepared(folder) == [where]
    ran(mtkit(folder, "train", *sets, "--fresh"))
    assert len(prepared(folder)) == 2


def test_a_run_goes_on_with_what_an_earlier_mtkit_prepared(folder: Path) -> None:
    ran(mtkit(folder, "train", *SHORT))
    (where,) = prepared(folder)
    earlier = find(load(str(folder / "mtkit.toml"))).earlier
    assert earlier is not None
    for path, more in ((where / "manifest.json", {"format_version": 2}), (folder / "runs/toy/config.json", {})):
        path.write_text(json.dumps(json.loads(path.read_text()) | more | {"identity": earlier[0]}))
    table = json.loads((where / "manifest.json").read_text())
    del table["checksums"]
    (where / "manifest.json").write_text(json.dumps(table | {"fingerprint": earlier[1].name[-8:]}))
    where.rename(earlier[1])
    ran(mtkit(folder, "train", "-s", "train.max_updates=3"))
    assert prepared(folder) == [earlier[1]]
    earlier[1].rename(folder / "elsewhere")
    failed(mtkit(folder, "train", "-s", "train.max_updates=4"), "an earlier mtkit prepared it", "--fresh")


def test_what_no_run_uses_is_told_of_and_removed_on_demand(folder: Path) -> None:
    ran(mtkit(folder, "train", *SHORT))
    (used,) = prepared(folder)
    for ratio in (2, 3):
        done = mtkit(folder, "preprocess", "-s", f"filter.max_ratio={ratio}.0")
        ran(done)
    assert re.search(
        r"prepared holds 1 other prepared text\(s\), 0\.\d MB, that no run here uses; --prune", done.stderr
    )
    other = folder / "prepared/en-fr-01234567"
    other.mkdir()
    (other / "manifest.json").write_text("not ours")
    done = mtkit(folder, "preprocess", "-s", "filter.max_ratio=5.0", "--prune")
    ran(done)
    assert "removed 2 other prepared text(s)" in done.stderr
    left = set(prepared(folder))
    assert {used, other} < left
    assert len(left) == 3
    (folder / "runs/toy/config.json").write_text("{")  # it may have been begun on any of them
    assert "--prune" not in mtkit(folder, "preprocess").stderr


@pytest.mark.parametrize("count", [2, 5, 50])
def test_three_keys_are_enough_for_any_text(tmp_path: Path, count: int) -> None:
    data = Path(__file__).parents[2] / "data/ui.en-de"
    for side in ("en", "de"):
        lines = gzip.decompress((data / f"train.{side}.gz").read_bytes()).decode().split("\n")
        (tmp_path / f"train.{side}").write_text("".join(line + "\n" for line in lines[:count]))
    (tmp_path / "mtkit.toml").write_text('[data]\nsource_lang = "en"\ntarget_lang = "de"\ntrain = "train"\n')
    done = mtkit(tmp_path, "train", *SHORT, "-s", "train.precision=fp32", "-s", "model.hidden_dim=32")
    ran(done)
    assert re.search(r"vocabulary: \d{3} pieces, by the size of the text", done.stderr)


def test_too_little_text_and_empty_names(folder: Path) -> None:
    for side in ("en", "de"):
        (folder / f"one.{side}").write_text(f"one {side}\n")
    failed(
        mtkit(folder, "preprocess", "-s", "data.train=one", "-s", "data.dev="), "too little text to hold out data.dev"
    )
    failed(mtkit(folder, "preprocess", "-s", "data.train="), "data.train = ")
    failed(mtkit(folder, "preprocess", "-s", "data.train=prepared"), "prepared.en does not exist", "is a folder")


def test_the_form_of_a_table(folder: Path) -> None:
    pairs = zip(*((folder / f"train.{side}").read_text().splitlines() for side in ("en", "de")), strict=True)
    rows = [f"{1000 + i}\t{a}\t{9000 + i}\t{b}\n" for i, (a, b) in enumerate(pairs)]
    (folder / "t.tsv").write_text("".join(rows))
    done = mtkit(folder, "preprocess", "-s", "data.train=t.tsv", "-s", "filter.max_ratio=99.0")
    ran(done)
    columns, numbers = warnings(done.stderr)
    assert "columns 2,4" in columns
    assert "have no letter" in numbers
    (folder / "t.tsv").write_text(
        "".join(row.split("\t", 1)[1].replace("\t9", "") for row in rows[:0]) + "a\tb\n\n \nc\td\n"
    )
    done = mtkit(folder, "preprocess", "-s", "data.train=t.tsv", "-s", "tokenizer.vocab_size=0")
    assert "4 pairs read; dropped: empty 2" in done.stderr


def test_a_given_tokenizer_that_is_none_is_refused_first(folder: Path) -> None:
    (folder / "x.model").write_text("no model")
    done = mtkit(folder, "preprocess", "-s", "tokenizer.model=x.model")
    failed(done, "x.model is not a SentencePiece model")
    assert "reading" not in done.stderr


def test_shares_are_never_rounded_up_to_all() -> None:
    assert [floored(share) for share in (0.2, 0.987, 0.9975, 0.99999, 1)] == ["20%", "99%", "99.7%", "99.9%", "100%"]
