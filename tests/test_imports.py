"""Who may import whom: what must stay quick does not import torch, and help is quick."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtkit import registry

LIGHT = [
    ["--help"],
    ["--version"],
    ["preprocess", "--help"],
    ["train", "--help"],
    ["translate", "--help"],
    ["eval", "--help"],
    ["evaluate", "--help"],
    ["info", "--help"],
    ["info", "--list"],
    ["info", "--list", "--json"],
]
SEEN = """
import sys, runpy
sys.argv[0] = "mtkit"
try:
    runpy.run_module("mtkit", run_name="__main__")
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_help_imports_no_torch(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SEEN, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "False")
    assert done.stdout


def processor_seconds(*arguments: str) -> float:
    """What a start of Python costs: one thread that waits for nothing, whatever else runs beside it."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("arguments", [["train", "--help"], ["info", "--help"], ["info", "--list"]], ids=" ".join)
def test_help_is_quick(arguments: list[str]) -> None:
    """0.3 s, or on a slow machine 2.5 times what loading the libraries alone takes (2 where it was written)."""
    libraries = ("-c", "import typer, typer.rich_utils, pydantic")
    times = [(processor_seconds("-m", "mtkit", *arguments), processor_seconds(*libraries)) for _ in range(6)]
    taken, least = (min(column) for column in zip(*times, strict=True))
    assert taken < max(0.3, 2.5 * least)


def test_scoring_and_preprocessing_import_no_torch(tmp_path: Path) -> None:
    text = tmp_path / "t.de"
    text.write_text("ein Haus\n")
    arguments = ["eval", "--hyp", str(text), "--ref", str(text)]
    done = subprocess.run([sys.executable, "-c", SEEN, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "False")
    code = "import sys, mtkit.pipeline.preprocess, mtkit.report.card; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in registry.CHOICES.items() for name in names])
def test_every_choice_resolves(kind: str, name: str) -> None:
    assert callable(registry.resolve(kind, name))
