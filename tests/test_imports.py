"""Who may import whom: what must stay quick does not import torch, and help is quick."""

import subprocess
import sys
import time
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


@pytest.mark.parametrize("arguments", [["train", "--help"], ["info", "--help"], ["info", "--list"]], ids=" ".join)
def test_help_is_quick(arguments: list[str]) -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mtkit", *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3  # the least: other tests run beside this one


def test_scoring_and_preprocessing_import_no_torch(tmp_path: Path) -> None:
    text = tmp_path / "t.de"
    text.write_text("ein Haus\n")
    arguments = ["eval", "--hyp", str(text), "--ref", str(text)]
    done = subprocess.run([sys.executable, "-c", SEEN, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "False")
    code = "import sys, mtkit.jobs.preprocess, mtkit.report.card; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in registry.CHOICES.items() for name in names])
def test_every_choice_resolves(kind: str, name: str) -> None:
    assert callable(registry.resolve(kind, name))
