"""The C compiler and the cache of what it makes: what is missing is told, what others could write is not loaded."""

import os
import time
from pathlib import Path

import pytest

from mtkit.ops import native
from mtkit.ops.native import cache, compiler
from tests.system.toy import python

here = pytest.mark.skipif(not native.status().ready, reason="no C compiler, or no OpenMP in torch, on this machine")
FAILING = "#!/bin/sh\necho first >&2; echo 'fatal error: stdint.h: no such file' >&2\nexit 1\n"


def told(environment: dict[str, str], before: str = "") -> str:
    """The status in a process of its own, which must say nothing else."""
    imports = "from mtkit.ops import native\nfrom mtkit.ops.native import cache, compiler"
    code = f"{imports}\n{before}\nprint(native.status())"
    done = python(code, folder=Path.cwd(), environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a cache of its own; what is compiled need not be quick."""
    return {k: v for k, v in os.environ.items() if k not in ("CC", "MTKIT_NATIVE")} | {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "MTKIT_NATIVE_FLAGS": "-O0",
    }


def test_without_it_the_reason_is_told(tmp_path: Path, environment: dict[str, str]) -> None:
    assert told(environment | {"MTKIT_NATIVE": "0"}) == "off: MTKIT_NATIVE=0"
    assert told(environment | {"PATH": str(tmp_path)}).startswith("no compiler: neither CC nor gcc nor cc")
    for name in ("cc", "gcc"):
        program(tmp_path / name, FAILING)
    said = told(environment | {"PATH": f"{tmp_path}:{environment['PATH']}"})
    assert said.endswith("cc: fatal error: stdint.h: no such file")
    assert said.startswith("failed: ")
    (tmp_path / "file").write_text("a file where a folder should be")
    assert told(environment | {"XDG_CACHE_HOME": str(tmp_path / "file")}).startswith(
        "failed: [Errno 20] Not a directory"
    )


@here
def test_cc_is_asked_first_and_may_hold_arguments(tmp_path: Path, environment: dict[str, str]) -> None:
    log = tmp_path / "log"
    wrapper = program(tmp_path / "my-cc", f'#!/bin/sh\necho "$@" >> {log}\nexec gcc "$@"\n')
    said = told(environment | {"CC": f"{wrapper} -DMINE"})
    assert said == f"ready: compiled with {wrapper} -DMINE"
    assert all(line.startswith("-DMINE ") for line in log.read_text().splitlines())
    # One that fails leaves the work to the next.
    program(wrapper, FAILING)
    assert told(environment | {"CC": str(wrapper)}).startswith("ready: ")


@here
def test_it_is_compiled_once_and_again_if_damaged(environment: dict[str, str]) -> None:
    folder = Path(environment["XDG_CACHE_HOME"]) / "mtkit"
    said = told(environment)
    (made,) = folder.iterdir()
    assert said.startswith("ready: ")
    first = made.stat().st_mtime_ns
    assert told(environment) == said
    assert made.stat().st_mtime_ns == first
    content = made.read_bytes()
    made.write_bytes(content[: len(content) // 2])  # as a full disk leaves it; loading it would end the process
    assert told(environment) == said
    assert made.read_bytes() == content


@here
def test_one_made_for_another_processor_is_not_loaded(tmp_path: Path, environment: dict[str, str]) -> None:
    other = tmp_path / "cpuinfo"
    text = compiler.PROCESSOR.read_text(encoding="utf-8")
    other.write_text(text.replace("model name", "model name\t: another,").replace("avx2", "avx3"))
    told(environment)
    told(environment, f"compiler.PROCESSOR = __import__('pathlib').Path({str(other)!r})")
    assert len(list((Path(environment["XDG_CACHE_HOME"]) / "mtkit").iterdir())) == 2


@here
@pytest.mark.parametrize("place", ["library", "folder", "parent", "link"])
def test_what_others_could_have_written_is_not_loaded(place: str, tmp_path: Path, environment: dict[str, str]) -> None:
    told(environment)
    folder = Path(environment["XDG_CACHE_HOME"]) / "mtkit"
    (made,) = folder.iterdir()
    if place == "link":
        made.rename(tmp_path / "elsewhere.so")
        made.symlink_to(tmp_path / "elsewhere.so")
        assert not told(environment).startswith("ready: ")
        return
    changed = {"library": made, "folder": folder, "parent": folder.parent}[place]
    changed.chmod(0o777)
    assert (
        told(environment) == f"unsafe: others can write {changed}; take their leave (chmod go-w), or set XDG_CACHE_HOME"
    )
    changed.chmod(0o755)
    assert told(environment).startswith("ready: ")


def test_folders_of_other_users_are_unsafe_but_not_such_as_tmp(tmp_path: Path) -> None:
    facts = list(tmp_path.stat())
    facts[4] = os.geteuid() + 1
    with pytest.raises(cache.UnsafeCache, match="belongs to another user"):
        cache._check(tmp_path, os.stat_result(facts))
    tmp_path.chmod(0o1777)
    cache._check(tmp_path, tmp_path.stat())


def test_a_compiler_that_hangs_is_not_waited_for_twice(tmp_path: Path, environment: dict[str, str]) -> None:
    for name in ("cc", "gcc"):
        program(tmp_path / name, "#!/bin/sh\nsleep 100\n")
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    quick = "compiler.SECONDS = 0.5"
    assert "took more than 0 seconds; it is tried again in an hour" in told(environment, quick)
    began = time.monotonic()
    assert "took more than" in told(environment)  # with its usual limit of half a minute
    assert time.monotonic() - began < 15
    # After a while it is tried again.
    assert "it is tried again" in told(environment, f"{quick}; cache.REMEMBERED_SECONDS = 0.0")
