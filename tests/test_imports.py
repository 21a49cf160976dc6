"""What must stay quick does not import torch, and help is quick."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mtkit import registry

ROOT = Path(__file__).parent.parent
LIGHT = [
    ["--help"],
    ["--version"],
    *([command, "--help"] for command in registry.CHOICES["command"]),
    ["info", "--list"],
    ["info", "--list", "--json"],
    ["info", "--keys"],
]
SEEN = """
import sys, runpy
sys.argv[0] = "mtkit"
try:
    runpy.run_module("mtkit", run_name="__main__")
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""
TOPS = """
import importlib, pathlib, sys
for path in sorted(pathlib.Path("mtkit/cli").glob("[a-z]*.py")):
    importlib.import_module(f"mtkit.cli.{path.stem}")
print(*sorted({"torch", "mtkit.corpus", "mtkit.model", "mtkit.train", "mtkit.search"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_help_imports_no_torch(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SEEN, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "False")
    assert done.stdout


@pytest.mark.parametrize("arguments", [["train", "--help"], ["info", "--help"], ["info", "--list"]], ids=" ".join)
def test_help_is_quick(arguments: list[str]) -> None:
    assert any(_seconds("-m", "mtkit", *arguments) < 0.3 for _ in range(5))


def _seconds(*arguments: str) -> float:
    """Processor time of a Python process: what the clock says depends on who else is at work."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_scoring_and_preprocessing_import_no_torch(tmp_path: Path) -> None:
    text = tmp_path / "t.de"
    text.write_text("ein Haus\n")
    for command in (["eval"], ["report", "--json", "-q"]):
        arguments = [*command, "--hyp", str(text), "--ref", str(text)]
        done = subprocess.run([sys.executable, "-c", SEEN, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stderr.strip()) == (0, "False")
    code = "import sys, mtkit.jobs.preprocess, mtkit.report.card; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def _tops(root: Path) -> str:
    """What of torch and of what needs it is loaded with all files of cli/, none of their functions called."""
    code = f"import sys; sys.path.insert(0, '.')\n{TOPS}"
    return subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout


def test_cli_imports_what_is_heavy_only_inside_functions(tmp_path: Path) -> None:
    assert _tops(ROOT) == "\n"
    shutil.copytree(ROOT / "mtkit", tmp_path / "mtkit", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "mtkit/cli/training_view.py"
    file.write_text(file.read_text().replace("import math\n", "import math\nfrom mtkit.train import loop\n", 1))
    assert "torch" in _tops(tmp_path)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in registry.CHOICES.items() for name in names])
def test_every_choice_resolves(kind: str, name: str) -> None:
    assert callable(registry.resolve(kind, name))
