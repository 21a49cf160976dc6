"""Writing that survives a crash: what stands under a name is whole."""

import fcntl
import multiprocessing
import os
from pathlib import Path

import pytest

from mtkit import files
from mtkit.errors import BundleError, RunError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_replaces_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(tmp_path / "a", "old")
    files.write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_text() == "new"

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(tmp_path / "a", "half")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "new"


def test_publish_is_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "best"
    for text in ("one", "two"):
        with files.publish(target) as folder:
            (folder / "x").write_text(text)
    assert (target / "x").read_text() == "two"
    with pytest.raises(RuntimeError), files.publish(target) as folder:  # noqa: PT012
        (folder / "x").write_text("three")
        raise RuntimeError
    assert names(tmp_path) == ["best"]
    assert (target / "x").read_text() == "two"


@pytest.mark.parametrize("aside", [".old-best", "best.old"])  # the second as earlier versions named it
def test_killed_between_the_renames_the_old_one_stands(tmp_path: Path, aside: str) -> None:
    target = tmp_path / "best"
    target.mkdir()
    target.rename(tmp_path / aside)
    assert files.standing(target) == tmp_path / aside
    with files.publish(target) as folder:
        (folder / "x").write_text("new")
    assert files.standing(target) == target
    # What the user may have named so stays.
    assert names(tmp_path) == ["best"] + ["best.old"] * (aside == "best.old")


def test_what_a_killed_process_left_goes_when_the_folder_is_written_again(tmp_path: Path) -> None:
    for name in (".tmp-01234567-b[e]st", ".tmp-01234567-other", ".old-b[e]st"):
        (tmp_path / name).mkdir()
    with files.publish(tmp_path / "b[e]st") as first, files.publish(tmp_path / "b[e]st") as second:
        assert first.is_dir()  # it is being filled
        assert second.is_dir()
    assert names(tmp_path) == [".tmp-01234567-other", "b[e]st"]


def test_what_a_killed_process_left_goes_when_the_file_is_written_again(tmp_path: Path) -> None:
    for name in (".tmp-01234567-a", ".tmp-89abcdef-a", ".tmp-01234567-other"):
        (tmp_path / name).write_text("half")
    with (tmp_path / ".tmp-89abcdef-a").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another process is writing it
        files.write(tmp_path / "a", "whole")
    assert names(tmp_path) == [".tmp-01234567-other", ".tmp-89abcdef-a", "a"]


def test_sweep_removes_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1-best").mkdir()
    (tmp_path / ".tmp-2-x").write_text("")
    for name in ("kept", "new", ".old-new", ".old-lost", "kept.old"):
        (tmp_path / name).mkdir()
    files.sweep(tmp_path)
    assert names(tmp_path) == ["kept", "kept.old", "lost", "new"]


def test_a_full_disk_is_named_by_its_file(tmp_path: Path) -> None:
    full = OSError(28, "No space left on device")
    with pytest.raises(OSError, match=f"{tmp_path}/new"), files.publish(tmp_path / "new"):
        raise full
    with pytest.raises(OSError, match="log"), files.as_os_error(tmp_path / "log"):
        raise full
    with pytest.raises(OSError, match="/dev/full"), files.as_os_error(Path("/dev/full")):
        Path("/dev/full").write_text("x")
    with pytest.raises(OSError, match="'/proc/x'"):
        files.write(Path("/proc/x"), "")
    assert names(tmp_path) == []


def test_seals(tmp_path: Path) -> None:
    for name in ("a", "b", "README.md"):
        (tmp_path / name).write_text(name)
    with pytest.raises(BundleError, match="has no checksums.json"):
        files.verify(tmp_path, "bundle")
    files.seal(tmp_path)
    (tmp_path / "README.md").write_text("a card may be edited")
    files.verify(tmp_path, "bundle")
    (tmp_path / "b").write_text("B")
    with pytest.raises(BundleError, match="b has changed"):
        files.verify(tmp_path, "bundle")
    (tmp_path / "b").unlink()
    with pytest.raises(BundleError, match="b is missing"):
        files.verify(tmp_path, "bundle")
    (tmp_path / "checksums.json").write_text("{")
    with pytest.raises(BundleError, match="damaged"):
        files.verify(tmp_path, "bundle")


def _hold(folder: Path, ready: "multiprocessing.connection.Connection") -> None:
    with files.lock(folder):
        ready.send(os.getpid())
        ready.recv()


def test_a_lock_keeps_others_out_and_dies_with_its_process(tmp_path: Path) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path, there))
    process.start()
    number = here.recv()
    with pytest.raises(RunError, match=f"in use by process {number}"), files.lock(tmp_path):
        pass
    process.kill()
    process.join()
    process.close()
    with files.lock(tmp_path):
        pass


@pytest.mark.parametrize(("text", "number"), [("I/O error: No space left on device (os error 28)", 28)])
def test_errors_of_libraries_become_those_of_the_system(text: str, number: int) -> None:
    with pytest.raises(OSError, match="No space left") as caught, files.as_os_error(Path("x")):
        raise RuntimeError(text)
    assert caught.value.errno == number
    with pytest.raises(RuntimeError, match="other"), files.as_os_error(Path("x")):
        raise RuntimeError("other")


def test_what_is_published_can_be_read_by_whom_the_user_lets(tmp_path: Path) -> None:
    with files.publish(tmp_path / "bundle") as folder:
        (folder / "a").write_text("a")
        (folder / "b").write_text("b")
        (folder / "b").chmod(0o600)
    (tmp_path / "own").write_text("own")
    modes = {path.stat().st_mode for path in [tmp_path / "own", *(tmp_path / "bundle").iterdir()]}
    assert len(modes) == 1
