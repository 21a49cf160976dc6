"""What people type into a shell, and what they see there: names of files, pipes, archives, markup, progress."""

import gzip
import importlib.util
import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.system.server import MTKIT
from tests.system.toy import ENVIRONMENT, failed, mtkit, python, ran, terminal

LINES = "the red dog\ntwo cat\n"
TEXT = "das rote Hund\nzwei Katze\n"


def test_a_dash_is_stdin_and_stdout(trained: Path, tmp_path: Path) -> None:
    assert ran(mtkit(trained, "translate", "-q", "-", stdin=LINES)) == TEXT
    assert ran(mtkit(trained, "translate", "-q", "-", "-o", "-", stdin=LINES)) == TEXT
    assert not (trained / "-").exists()
    (tmp_path / "ref").write_text(TEXT)
    assert "100.00" in ran(mtkit(tmp_path, "eval", "--hyp", "-", "--ref", "ref", "--metrics", "chrf", stdin=TEXT))
    made = ran(mtkit(trained, "score", "-q", "-", stdin="two cat\tzwei Katze\n"))
    assert float(made.split("\t")[0]) < 0


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_archives_go_in_and_come_out(trained: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".zst" and not importlib.util.find_spec("zstandard"):
        pytest.skip("zstandard is not installed")
    (tmp_path / "text").write_text(LINES)
    made: dict[str, Any] = {".gz": gzip, ".xz": lzma}
    packed, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".zst":
        import zstandard

        packed.write_bytes(zstandard.ZstdCompressor().compress(LINES.encode()))
    else:
        packed.write_bytes(made[suffix].compress(LINES.encode()))
    assert ran(mtkit(trained, "translate", "-q", str(packed), "-o", str(out))) == ""
    assert ran(mtkit(trained, "translate", "-q", stdin=packed.read_bytes())) == TEXT, "in a pipe, too"
    (tmp_path / "ref").write_text(TEXT)
    scores = mtkit(tmp_path, "eval", "--hyp", str(out), "--ref", "ref", "--metrics", "chrf")
    assert "100.00" in ran(scores), "what was written is read as what it is"
    out.write_bytes(packed.read_bytes()[:-6])
    done = mtkit(trained, "translate", "-q", str(out))
    assert done.returncode == 1
    assert f"{out} is a damaged archive" in done.stderr


def test_the_home_folder(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(folder, home)
    for path in ("train.en", "train.de", "dev.en", "dev.de"):
        (folder / path).unlink()
    environment = ENVIRONMENT | {"HOME": str(home)}
    arguments = ("preprocess", "-s", "data.train=~/train", "-s", "data.dev=~/dev", "-s", "data.test=[]")
    ran(python(MTKIT, *arguments, folder=folder, environment=environment))
    assert "~" not in {path.name for path in folder.iterdir()}
    done = python(MTKIT, "preprocess", "-c", "~/mtkit.toml", folder=tmp_path, environment=environment)
    ran(done)
    assert (home / "prepared").is_dir()
    done = python(MTKIT, "preprocess", "-s", "data.train=~/none", folder=folder, environment=environment)
    failed(done, f"{home}/none")


@pytest.mark.parametrize(
    "arguments",
    [
        ("translate", "-q", "texts"),
        ("eval", "--hyp", "texts", "--ref", "texts"),
        ("translate", "-q", "-o", "texts"),
        ("score", "texts"),
        ("preprocess", "-c", "texts"),
        ("translate", "-q", "--prefix", "texts"),
    ],
)
def test_a_folder_where_a_file_is_wanted_is_called_one(
    trained: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "texts").mkdir()
    model = ("--model", str(trained / "runs/toy")) if arguments[0] in ("translate", "score") else ()
    failed(mtkit(tmp_path, *arguments, *model, stdin=LINES), "is a folder")


@pytest.mark.parametrize("listed", ["bleu, chrf", " bleu ,chrf ", "bleu,\tchrf,"])
def test_spaces_in_lists(tmp_path: Path, listed: str) -> None:
    (tmp_path / "x").write_text(TEXT)
    out = ran(mtkit(tmp_path, "eval", "--hyp", "x", "--ref", "x", "--metrics", listed))
    assert "BLEU" in out
    assert "chrF" in out


@pytest.mark.parametrize("change", [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n")])
def test_a_config_saved_on_windows(folder: Path, change: Any) -> None:
    config = folder / "mtkit.toml"
    config.write_bytes(change(config.read_bytes()))
    ran(mtkit(folder, "preprocess", "-q"))


def test_a_config_in_another_encoding(folder: Path) -> None:
    config = folder / "mtkit.toml"
    config.write_bytes(b"\xff\xfe" + config.read_text().encode("utf-16-le"))
    failed(mtkit(folder, "preprocess"), "mtkit.toml", "UTF-8")


@pytest.mark.parametrize("name", ["a [v2]", "[bold]x", "[", ":smile: \\[x]"])
def test_names_are_no_markup(folder: Path, name: str) -> None:
    inside = folder / name
    inside.mkdir(parents=True)
    for path in folder.glob("*.*"):
        shutil.copy(path, inside)
    (inside / "train.en").write_bytes((folder / "train.en").read_bytes().replace(b"\n", b"\r\n"))
    done = mtkit(folder, "preprocess", "-c", f"{name}/mtkit.toml")
    ran(done)
    assert f"{name}/prepared" in done.stderr
    assert f"{name}/train.en: 600 lines ended in CRLF" in done.stderr
    failed(mtkit(folder, "preprocess", "-c", f"{name}/mtkit.toml", "-s", "data.train=[red]none"), f"{name}/[red]none")


def test_the_text_is_not_written_over(trained: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_text(LINES)
    (tmp_path / "link").symlink_to("in")
    for output in ("in", "link", "./in"):
        done = mtkit(trained, "translate", str(source), "-o", str(tmp_path / output))
        failed(done, "is read by this command, and would be written over")
    failed(mtkit(trained, "score", str(source), "-o", str(source)), "would be written over")
    assert source.read_text() == LINES


def test_text_of_another_encoding_is_not_translated(trained: Path) -> None:
    failed(mtkit(trained, "translate", "-q", stdin=(LINES * 9).encode("utf-16-le")), "as UTF-16 is")
    failed(mtkit(trained, "translate", "-q", stdin=(LINES * 9).replace("\n", "\r")), "its lines end in CR, expected LF")


def test_what_an_earlier_start_left_is_kept(trained: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_text(LINES)
    (tmp_path / "out.part").write_text("hours of work\n")
    (tmp_path / "out.part.1").write_text("more hours\n")
    done = mtkit(trained, "translate", str(source), "-o", str(target))
    ran(done)
    assert target.read_text() == TEXT
    assert (tmp_path / "out.part.1").read_text() == "more hours\n"
    assert (tmp_path / "out.part.2").read_text() == "hours of work\n"
    assert "is kept as" in done.stderr


def test_results_have_names_that_are_seen(trained: Path, tmp_path: Path) -> None:
    for side in ("en", "de"):
        for name in (".hidden", "a b"):
            shutil.copy(trained / f"test.{side}", tmp_path / f"{name}.{side}")
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder, symlinks=True)
    tests = f'data.test=["../.hidden", "../a b", "{tmp_path}/./a b"]'
    ran(mtkit(folder, "eval", "-q", "-s", tests, "--metrics", "chrf"))
    there = [path.name for path in (folder / "runs/toy/eval").iterdir()]
    assert not [name for name in there if name.startswith(".")]
    assert len([name for name in there if "hidden" in name and name.endswith(".de")]) == 1


def test_scores_are_shown_where_they_cannot_be_kept(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder, symlinks=True)
    shutil.rmtree(folder / "runs/toy/eval", ignore_errors=True)
    (folder / "runs/toy/eval").write_text("")
    done = mtkit(folder, "eval", "--metrics", "chrf")
    assert "chrF" in done.stdout
    assert "runs/toy/eval" in done.stderr


def test_a_terminal_shows_how_far_it_is(trained: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_text("the red dog sees one cat and finds the house\n" * 9000)
    child = terminal(trained, "translate", "--threads", "1", str(source), "-o", str(tmp_path / "out"), columns=100)
    child.expect(r"translated: [\d,]+ of about 9,\d\d\d lines.*left")
    child.close(force=True)
    assert not (tmp_path / "out").exists()


def test_a_kind_of_warning_is_told_a_few_times(trained: Path) -> None:
    done = mtkit(trained, "translate", "-q", "--beam-size", "1", stdin=("the red dog " * 40 + "\n") * 60)
    assert len(ran(done).splitlines()) == 60
    told = done.stderr.splitlines()
    assert 2 <= len(told) <= 10
    assert "60" in told[-1] or "more" in told[-1]
    asked = ("translate", "-q", "--beam-size", "1", "--format", "jsonl")
    answers = ran(mtkit(trained, *asked, stdin="the red dog " * 40 + "\n"))
    assert json.loads(answers)["warnings"], "each line's own are with it"


def test_a_string_is_a_line(trained: Path) -> None:
    from mtkit import Translator

    translator = Translator.load(trained / "runs/toy/best", device="cpu")
    assert translator.translate("the red dog").text == "das rote Hund"
    assert translator.translate("the red dog\n").text == "das rote Hund"
    assert [one.text for one in translator.translate(["the red dog"])] == ["das rote Hund"]
    wrong: list[Any] = [b"the red dog", [b"the red dog"], [["the", "red"]], [None]]
    for given in wrong:
        with pytest.raises(TypeError, match="str"):
            translator.translate(given)
