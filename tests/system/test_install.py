"""The wheel: it brings the demo's text, both licences and the command; the editable install finds the text too."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.system.toy import ENVIRONMENT, mtkit, ran

ROOT = Path(__file__).parents[2]


@pytest.mark.system
def test_the_wheel_works_anywhere(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("train.en.gz", "train.de.gz", "dev.en.gz", "test.de.gz", "README.md"):
        assert {f"mtkit/data/{domain}.en-de/{part}" for domain in ("ui", "help", "web")} <= set(names)
    bundles = ROOT / "mtkit/bundles"
    assert {f"mtkit/bundles/{path.relative_to(bundles)}" for path in bundles.rglob("*") if path.is_file()} <= set(names)
    assert {
        "mtkit/recipes/demo.toml",
        "mtkit/studies/cells.toml",
        "mtkit/report/templates/study.html",
        "mtkit/py.typed",
        "mtkit/bundles/README.md",
        "mtkit/data/everyday.en",
        "mtkit/data/everyday.ko",
    } <= set(names)
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "LICENSE.MPL-2.0"}
    (metadata,) = [name for name in names if name.endswith("METADATA")]
    assert b"License-Expression: MIT AND MPL-2.0" in zipfile.ZipFile(wheel).read(metadata)
    target = tmp_path / "site"
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)], check=True)
    here = tmp_path / "empty"
    here.mkdir()
    code = """
import sys, mtkit
assert mtkit.__file__.startswith(sys.argv[1])
from mtkit.cli.main import main
sys.argv = ["mtkit", "preprocess"]
main()
"""
    environment = ENVIRONMENT | {"PYTHONPATH": str(target)}
    done = subprocess.run([sys.executable, "-c", code, str(target)], cwd=here, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"wrote prepared/en-de-" in done.stderr


def test_the_sdist_makes_the_same_wheel(tmp_path: Path) -> None:
    """What a source distribution holds is enough to build, test and document with."""
    build = "import sys; from hatchling.build import {0}; print({0}(sys.argv[1]))"
    made: list[Path] = []
    for what, where in (("build_sdist", ROOT), ("build_wheel", ROOT), ("build_wheel", tmp_path / "src")):
        out = tmp_path / f"{len(made)}"
        command = [sys.executable, "-c", build.format(what), str(out)]
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=True)
        made.append(out / done.stdout.split()[-1])
        if what == "build_sdist":
            with tarfile.open(made[0]) as archive:
                archive.extractall(tmp_path, filter="data")
            (tmp_path / made[0].name.removesuffix(".tar.gz")).rename(tmp_path / "src")
    first, second = (sorted(zipfile.ZipFile(wheel).namelist()) for wheel in made[1:])
    assert first == second
    for part in ("Makefile", "LICENSE", "docs/reference.md", "benchmarks/train.py", "tests/system/toy.py"):
        assert (tmp_path / "src" / part).is_file()


def test_the_command_is_installed(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "mtkit"
    done = subprocess.run([str(command), "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "mtkit 0.1.0\n")
    assert "wrote prepared/" in mtkit(tmp_path, "preprocess").stderr
    assert ran(mtkit(tmp_path, "--help")).count("eval") == 1  # its other name is not listed
