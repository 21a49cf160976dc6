"""What users get wrong: one or two lines, exit code 1, and nothing half-written."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.toy import failed, mtkit, ran


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_bad_text(folder: Path) -> None:
    for command in ("preprocess", "train"):
        (folder / "train.de").rename(folder / "away")
        failed(mtkit(folder, command), "train.de does not exist, nor with .gz")
        (folder / "away").rename(folder / "train.de")

        whole = (folder / "train.en").read_bytes()
        (folder / "train.en").write_bytes(whole + b"one more\n")
        failed(mtkit(folder, command), "has 601 lines but", "has 600")
        (folder / "train.en").write_bytes(whole.replace(b"dog", b"d\xf6g", 1))
        failed(mtkit(folder, command), "train.en, line ", "is not UTF-8")
        for name in ("train.en", "train.de"):
            shutil.copy(folder / name, folder / f"{name}.kept")
            (folder / name).write_text("")
        failed(mtkit(folder, command), "no training pair is left: 0 read")
        for name in ("train.en", "train.de"):
            (folder / name).write_text("same\n" * 9)
        failed(mtkit(folder, command), "no training pair is left: 9 read, dropped: drop_copies 9")
        for name in ("train.en", "train.de"):
            (folder / f"{name}.kept").replace(folder / name)
        (folder / "train.en").write_bytes(whole)
        # Nothing is left where a later command would take it for whole.
        assert not [path for path in (folder / "prepared").iterdir() if path.name != "lock"]
        assert not (folder / "runs/toy/best").exists()
    ran(mtkit(folder, "preprocess"))


def test_a_vocabulary_too_large_names_the_largest_that_works(folder: Path) -> None:
    done = mtkit(folder, "preprocess", "-s", "tokenizer.vocab_size=5000")
    failed(done, "tokenizer.vocab_size = 5000 is too large", "the largest that works is ")
    largest = done.stderr.strip().rpartition(" ")[2]
    ran(mtkit(folder, "preprocess", "-s", f"tokenizer.vocab_size={largest}"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_tokens", "batch_token", "unknown key train.batch_token, did you mean 'batch_tokens'?"),
        ("lr = 0.01", 'lr = "high"', 'train.lr = "high": input should be a valid number'),
        ("[model]", "[model", "mtkit.toml is not valid TOML"),
        ('train = "train"', "", "data.train is required but missing"),
    ],
)
def test_bad_configs(folder: Path, old: str, new: str, message: str) -> None:
    rewrite(folder / "mtkit.toml", old, new)
    for command in ("preprocess", "train", "translate", "eval"):
        failed(mtkit(folder, command), message)
    assert not (folder / "prepared").exists()


def test_damaged_bundles(trained: Path, tmp_path: Path) -> None:
    best = tmp_path / "best"

    def attempt(*parts: str) -> None:
        failed(mtkit(tmp_path, "translate", "-m", "best", stdin="two cat\n"), *parts)

    for name in ("config.json", "model.safetensors", "tokenizer.model"):
        shutil.copytree(trained / "runs/toy/best", best)
        (best / name).unlink()
        attempt(f"{name} is missing")
        shutil.rmtree(best)
        shutil.copytree(trained / "runs/toy/best", best)
        data = bytearray((best / name).read_bytes())
        data[len(data) // 2] ^= 1
        (best / name).write_bytes(data)
        attempt(f"{name} has changed")
        shutil.rmtree(best)
    shutil.copytree(trained / "runs/toy/best", best)
    (best / "checksums.json").unlink()
    attempt("it has no checksums.json")
    shutil.rmtree(best)

    # Whole, but of a later version, or with another model in its config.
    for change, message in (
        ({"format_version": 99}, "is of bundle format 99, this mtkit (0.1.0) reads 2 to 6"),
        ({"model": {"hidden_dim": 66}}, "found F32 96x48, expected F32 99x48"),
    ):
        shutil.copytree(trained / "runs/toy/best", best)
        info = json.loads((best / "config.json").read_text())
        for key, value in change.items():
            info[key] = info[key] | value if isinstance(value, dict) else value
        (best / "config.json").write_text(json.dumps(info))
        from mtkit import files

        files.seal(best)
        attempt(message)
        shutil.rmtree(best)


def limited(folder: Path, size: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command that may write no file larger than `size` bytes: to it, the disk is full."""
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    return mtkit(folder, *arguments, before=code)


def test_a_full_disk(folder: Path) -> None:
    failed(limited(folder, 3000, "preprocess"), "File too large", "check space")
    assert [path.name for path in (folder / "prepared").iterdir()] == ["lock"]
    ran(mtkit(folder, "preprocess"))
    done = limited(folder, 60_000, "train", "-q")
    failed(done, "File too large")
    run = folder / "runs/toy"
    assert list((run / "checkpoints").iterdir()) == []
    assert not (run / "best").exists()
    ran(mtkit(folder, "train", "-s", "train.max_updates=2"))  # with space again it goes on
    assert (run / "best/model.safetensors").exists()


def test_a_place_that_cannot_be_written(trained: Path) -> None:
    failed(mtkit(trained, "translate", "-o", "/proc/none/out.txt", stdin="two cat\n"), "/proc/none/out.txt")


def test_a_prepared_corpus_with_a_file_missing_is_made_anew(folder: Path) -> None:
    ran(mtkit(folder, "preprocess"))
    (prepared,) = (path for path in (folder / "prepared").iterdir() if path.is_dir())
    (prepared / "train-00000.source.npy").unlink()
    done = mtkit(folder, "train", "-s", "train.max_updates=2")
    ran(done)
    assert "missing or stale" in done.stderr
    assert (prepared / "train-00000.source.npy").exists()


def test_devices(folder: Path) -> None:
    failed(mtkit(folder, "train", "-q", "--device", "tpu"), "unknown device 'tpu'")
    failed(mtkit(folder, "train", "-q", "--device", "cuda:77"), "is not here")
