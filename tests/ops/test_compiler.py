"""The C compiler and the cache of what it makes: what is missing is told, what others could write is not loaded."""

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mtkit.ops import native
from mtkit.ops.native import cache, compiler
from tests.system.toy import python

here = pytest.mark.skipif(not native.status().ready, reason="no C compiler, or no OpenMP in torch, on this machine")
FAILING = "#!/bin/sh\necho first >&2; echo 'fatal error: stdint.h: no such file' >&2\nexit 1\n"
HANGING = "#!/bin/sh\nsleep 100\n"
MARKED = '#include <stdio.h>\nvoid __attribute__((constructor)) ran(void) {{ fclose(fopen("{}", "w")); }}'


def made() -> str:
    """What becomes of it in this process, as if nothing had been made before."""
    return str(compiler._make()[1])


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def shared(path: Path, source: str) -> Path:
    """A library, compiled here."""
    subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "-", "-o", path], input=source, text=True, check=True)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own; what is compiled is little: a function that gives 7."""
    for name in ("CC", "MTKIT_NATIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MTKIT_NATIVE_FLAGS", "-O0")
    (tmp_path / "seven.c").write_text("int seven(void) { return 7; }\n")
    monkeypatch.setattr(compiler, "SOURCES", [tmp_path / "seven.c"])
    monkeypatch.setattr(compiler, "FUNCTIONS", ["seven"])
    return tmp_path / "cache" / "mtkit"


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """The one compiler that there is, as a script of which each call leaves a line in a log."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    monkeypatch.setenv("CC", "")

    def write(text: str) -> Path:
        shebang, _, rest = text.partition("\n")
        for name in ("gcc", "cc"):  # one file by two names
            path = program(place / name, f"{shebang}\necho >> {tmp_path}/log\n{rest}")
        (place / "cc").unlink()
        (place / "cc").symlink_to(place / "gcc")
        return path

    yield write
    (tmp_path / "log").unlink(missing_ok=True)


def calls(tmp_path: Path) -> int:
    return len((tmp_path / "log").read_text().splitlines())


@here
@pytest.mark.system
def test_all_of_it_is_compiled_and_says_nothing(tmp_path: Path) -> None:
    code = "from mtkit.ops import native\nprint(native.status())"
    done = python(code, folder=Path.cwd(), environment=dict(os.environ))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ready: compiled with /")


@pytest.mark.parametrize("word", ["0", "off", "no", "false", "FALSE", " Off ", "none"])
def test_it_is_switched_off_by_a_word(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTKIT_NATIVE", word)
    assert made() == f"off: MTKIT_NATIVE={word.strip()}"
    assert not native.allowed()
    for on in ("", "1", "yes", "True"):
        monkeypatch.setenv("MTKIT_NATIVE", on)
        assert native.allowed()


def test_without_it_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert made().startswith("no compiler: neither CC nor gcc nor cc")
    with monkeypatch.context() as patch:
        patch.setenv("CC", 'gcc "-O')
        assert made() == "failed: CC cannot be read: No closing quotation"
    (tmp_path / "file").write_text("a file where a folder should be")
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert made().startswith("failed: [Errno 20] Not a directory")
    with monkeypatch.context() as patch:
        patch.delenv("XDG_CACHE_HOME")
        patch.setenv("HOME", "here")
        assert made().startswith("failed: [Errno 22] HOME is no absolute path")
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda path: os.statvfs_result([0] * 8 + [os.ST_NOEXEC, 255]))
        assert "mounted so that nothing there may be run (noexec)" in made()


@here
def test_cc_is_asked_first_and_may_hold_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    wrapper = program(tmp_path / "my-cc", f'#!/bin/sh\necho "$@" >> {log}\nexec gcc "$@"\n')
    monkeypatch.setenv("CC", f"{wrapper} -DMINE")
    assert made() == f"ready: compiled with {wrapper} -DMINE"
    assert all(line.startswith("-DMINE ") for line in log.read_text().splitlines())
    # One that fails leaves the work to the next.
    program(wrapper, FAILING)
    assert made().startswith("ready: ")


@here
@pytest.mark.parametrize("part", ["", ".", "here"])
@pytest.mark.parametrize("name", ["gcc", "as", "cc"])
def test_no_program_is_taken_from_the_current_folder(
    part: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / part
    planted.mkdir(exist_ok=True)
    program(planted / name, f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{part}:{os.environ['PATH']}:")
    if name == "cc":
        monkeypatch.setenv("CC", f"./{part}/cc")
    assert made().startswith("ready: compiled with /")
    assert not (tmp_path / "ran").exists()


@here
def test_it_is_compiled_once(folder: Path) -> None:
    assert made().startswith("ready: ")
    (library,) = folder.iterdir()
    first = library.stat().st_mtime_ns
    assert made().startswith("ready: ")
    assert library.stat().st_mtime_ns == first


@here
@pytest.mark.parametrize("damage", ["half", "nothing", "block", "link", "pipe", "folder", "more"])
def test_what_is_damaged_or_planted_is_made_anew(damage: str, folder: Path, tmp_path: Path) -> None:
    made()
    (library,) = folder.iterdir()
    content = library.read_bytes()
    if damage == "half":  # as a full disk leaves it; loading it would end the process
        library.write_bytes(content[: len(content) // 2])
    elif damage == "nothing":
        library.write_bytes(b"")
    elif damage == "block":
        library.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    elif damage == "more":  # of another one, under a name of its own
        shared(folder / f"{library.stem.rpartition('-')[0]}-0.so", MARKED.format(tmp_path / "ran"))
    else:
        library.unlink()
    if damage == "link":
        library.symlink_to(shared(tmp_path / "planted.so", MARKED.format(tmp_path / "ran")))
    elif damage == "pipe":
        os.mkfifo(library)
    elif damage == "folder":
        library.mkdir()
        (library / "something").write_text("")
    assert made().startswith("ready: ")
    assert library.read_bytes() == content
    assert list(folder.iterdir()) == [library]
    assert not library.is_symlink()
    assert not (tmp_path / "ran").exists()


@here
def test_one_made_for_another_processor_is_not_loaded(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "cpuinfo"
    text = compiler.PROCESSOR.read_text(encoding="utf-8")
    other.write_text(text.replace("model name", "model name\t: another,").replace("avx2", "avx3"))
    made()
    monkeypatch.setattr(compiler, "PROCESSOR", other)
    made()
    assert len(list(folder.iterdir())) == 2


@here
@pytest.mark.parametrize("place", ["library", "folder", "parent"])
@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_what_others_could_have_written_is_not_loaded(place: str, mode: int, folder: Path) -> None:
    made()
    (library,) = folder.iterdir()
    changed = {"library": library, "folder": folder, "parent": folder.parent}[place]
    changed.chmod(mode)
    assert made() == f"unsafe: others can write {changed}; take their leave (chmod go-w), or set XDG_CACHE_HOME"
    changed.chmod(0o755)
    assert made().startswith("ready: ")


@here
def test_a_link_on_the_way_is_followed_where_nobody_else_could_turn_it(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    ours, common = tmp_path / "ours", tmp_path / "common"
    common.mkdir()
    for place in (ours, common / "theirs"):
        place.symlink_to(folder.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(ours))
    assert made().startswith("ready: ")
    monkeypatch.setenv("XDG_CACHE_HOME", str(common / "theirs"))
    assert made().startswith("ready: ")
    common.chmod(0o777)
    assert made().startswith(f"unsafe: others can write {common};")
    # With links that lead there, and to itself, too.
    (tmp_path / "far").symlink_to("common/../common/theirs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "far"))
    assert made().startswith(f"unsafe: others can write {common};")
    (tmp_path / "round").symlink_to("round")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "round"))
    assert made().startswith("failed: [Errno 40] Too many levels of symbolic links")
    # Nothing is made where others can write.
    monkeypatch.setenv("XDG_CACHE_HOME", str(common / "new"))
    assert made().startswith("unsafe: ")
    assert not (common / "new").exists()


def test_folders_of_other_users_are_unsafe_but_not_such_as_tmp(tmp_path: Path) -> None:
    facts = list(tmp_path.stat())
    facts[4] = os.geteuid() + 1
    with pytest.raises(cache.UnsafeCache, match="belongs to another user"):
        cache._check(tmp_path, os.stat_result(facts))
    tmp_path.chmod(0o1777)
    cache._check(tmp_path, tmp_path.stat())


@here
def test_the_cache_itself_is_the_users_alone(folder: Path) -> None:
    made()
    for mode in (0o1777, 0o770):
        folder.chmod(mode)
        assert made().startswith(f"unsafe: others can write {folder};")


@here
def test_what_is_loaded_does_not_change_with_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for refused in (False, True):
        if refused:  # as some systems do
            monkeypatch.delattr(os, "memfd_create")
            monkeypatch.setattr(os, "memfd_create", lambda *_: os.open("/no", os.O_RDONLY), raising=False)
        library, status = compiler._make()
        assert isinstance(library, ctypes.CDLL), status
        for path in folder.iterdir():
            os.truncate(path, 0)
        assert library.seven() == 7
        assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("text", [FAILING, HANGING])
def test_a_compiler_that_fails_is_not_asked_twice(
    text: str, tmp_path: Path, folder: Path, only: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "FIRST_SECONDS", 0.3)
    reason = "fatal error: stdint.h: no such file" if text == FAILING else "took more than 0 seconds"
    path = only(text)
    said = made()
    assert said.startswith(f"failed: {path.parent}/gcc: {reason} (20")
    (note,) = folder.iterdir()
    assert said.endswith(f"; it is tried again a day later, or now if you remove {note})")
    assert made() == said
    assert calls(tmp_path) == 1
    # After a day it is tried again, and whenever it is another one; so it is where the note is none.
    os.utime(note, (time.time() - cache.REMEMBERED_SECONDS - 9,) * 2)
    made()
    only(text + "#\n")
    made()
    assert calls(tmp_path) == 3
    for path in folder.iterdir():
        path.unlink()
        os.mkfifo(path)
    made()
    assert calls(tmp_path) == 4


def test_a_failure_on_a_full_disk_is_not_remembered(
    folder: Path, only: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(FAILING)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: cache.shutil._ntuple_diskusage(9, 9, 0))  # type: ignore[attr-defined]
    assert made().endswith("gcc: fatal error: stdint.h: no such file")
    assert list(folder.iterdir()) == []


@here
def test_another_key_with_other_flags_and_another_compiler(
    only: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the command is the same, and what was measured with the code goes by it."""
    path = only('#!/bin/sh\nexec /usr/bin/gcc "$@"\n')
    keys = [compiler._make()[1].key]
    monkeypatch.setenv("MTKIT_NATIVE_FLAGS", "-O1")
    keys.append(compiler._make()[1].key)
    os.utime(path, (1, 1))
    keys.append(compiler._make()[1].key)
    assert len({*keys, ""}) == 4
    monkeypatch.setenv("MTKIT_NATIVE", "0")
    assert compiler._make()[1].key == ""


@here
def test_what_cannot_be_kept_is_used_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_write", full)
    assert made().startswith("ready: ")
    assert list(folder.iterdir()) == []


OUT = 'for out; do [ "$last" = -o ] && break; last=$out; done\n'  # the file that a compiler is asked for


@here
@pytest.mark.parametrize(
    ("work", "reason"),
    [
        ("exit 0", "ended well, and made no library"),
        ("mkfifo $out", "ended well, and made no library"),
        ("ln -s /bin/sh $out", "ended well, and made no library"),
        ("echo text > $out", "what it made cannot be loaded: it is no library, or not all of one"),
        ("head -c 9000 {seven} > $out", "what it made cannot be loaded: it is no library, or not all of one"),
        ("head -c 40 {seven} > $out", "what it made cannot be loaded: it is no library, or not all of one"),
        ("cp {eight} $out", "what it made has no function seven"),
        ("head -c 99000000 /dev/zero; echo; echo 'too much'; exit 3", "too much"),
        ("kill -9 $$", "gcc ended with -9, and said nothing"),
    ],
)
def test_output_that_is_no_library(
    work: str, reason: str, tmp_path: Path, folder: Path, only: Callable[[str], Path]
) -> None:
    seven = shared(tmp_path / "seven.so", "int seven(void) { return 7; }")
    eight = shared(tmp_path / "eight.so", "int eight(void) { return 8; }")
    only("#!/bin/sh\n" + OUT + work.format(seven=seven, eight=eight) + "\n")
    noted = "" if work.startswith("kill") else " (20"  # what was ended from outside may do better the next time
    assert f"/bin/gcc: {reason}{noted}" in made()
    assert [path.name[:7] for path in folder.iterdir()] == ["failed-"] * bool(noted)


@here
def test_a_kept_library_that_does_not_fit_is_made_anew(folder: Path) -> None:
    made()
    (library,) = folder.iterdir()
    name = library.stem.rpartition("-")[0]
    library.unlink()
    cache.add(folder, name, shared(folder / "eight", "int eight(void) { return 8; }").read_bytes())
    (folder / "eight").unlink()
    assert made().startswith("ready: ")
    assert list(folder.iterdir()) == [library]


@here
def test_several_compile_at_once_and_what_was_left_is_cleared_away(folder: Path) -> None:
    folder.mkdir(parents=True)
    old, new = folder / "making-old", folder / "making-new"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (0, 0))
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(made())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one[:7] for one in said] == ["ready: "] * 4
    assert sorted(path.name[:7] for path in folder.iterdir()) == ["making-", "native-"]
    assert new.exists()
