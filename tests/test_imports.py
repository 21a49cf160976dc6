"""What must stay quick does not import torch, and help is quick."""

import os
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


DATA = ROOT / "tests/store/data"
NEVER = {"matplotlib", "multiprocessing.pool", "pandas", "rich", "sacrebleu", "scipy", "sympy", "tensorboard", "triton"}
NEVER_OF_TORCH = {f"torch.{name}" for name in ("_decomp", "_dynamo", "_inductor", "_prims", "_refs", "onnx")}
NEVER_OF_OURS = {
    f"mtkit.{name}"
    for name in ("jobs.train", "metrics.metric", "metrics.risk", "report.page", "report.plots", "store.run", "train")
}
MODULES = """
import sys, runpy
sys.argv[0] = "mtkit"
try:
    runpy.run_module("mtkit", run_name="__main__")
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["translate", "score"])
def test_a_model_is_used_without_what_only_others_need(command: str) -> None:
    """By name and not by time: of what torch itself imports half, and of ours what trains, scores and draws."""
    sources, translations = ((DATA / name).read_text().splitlines() for name in ("sources.en", "translations.de"))
    given = sources if command == "translate" else map("\t".join, zip(sources, translations, strict=True))
    done = subprocess.run(
        [sys.executable, "-c", MODULES, command, "-m", str(DATA / "format3"), "-q"],
        input="".join(line + "\n" for line in given),
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    if command == "translate":
        assert done.stdout.splitlines() == translations
    loaded = set(done.stderr.split())
    assert "torch" in loaded
    assert not loaded & (NEVER | NEVER_OF_TORCH | NEVER_OF_OURS)


PUT_OFF = """
import importlib, inspect, sys, types
from mtkit.cli import importing
importing.ahead()
importing.load()
import torch
assert all(type(sys.modules[name]) is not types.ModuleType for name in importing.LEFT if name in LATER), "read at once"
from mtkit.model.build import build
from mtkit.registry import CHOICES
from mtkit.schema import Model
for kind in ("cell", "norm", "positions", "wiring", "attention", "encoder", "decoder"):
    for name in CHOICES[kind]:
        encoder, decoder = {}, {}
        if kind == "positions":
            encoder["name"] = decoder["name"] = "transformer"
        if kind in ("encoder", "decoder"):
            (encoder if kind == "encoder" else decoder)["name"] = name
        elif kind == "wiring":
            decoder |= {"wiring": name, "layers": 2}
        elif kind != "attention":
            encoder[kind] = decoder[kind] = name
        table = {"embed_dim": 8, "hidden_dim": 8, "encoder": encoder, "decoder": decoder}
        if kind == "norm":
            decoder["wiring"] = "plain"
        if kind == "attention" and name not in ("multihead",):
            table["attention"] = {"name": name}
        with torch.device("meta"):
            build(Model.model_validate(table), 9, 9, shared=True)
assert all(type(sys.modules[name]) is not types.ModuleType for name in importing.LEFT if name in LATER), "needed"
assert inspect.getmodule(build).__name__ == "mtkit.model.build"  # which walks through all modules


class Next(torch.nn.Module):
    def forward(self, x):
        return x + 1


assert torch.export.export(Next(), (torch.ones(3),)).module()(torch.ones(3)).tolist() == [2, 2, 2]
importlib.invalidate_caches()
from torch.distributions.normal import Normal
assert Normal(0.0, 1.0).sample().isfinite()
assert len(torch.utils.data.TensorDataset(torch.ones(4))) == 4
assert callable(torch._meta_registrations.register_meta)
assert {type(sys.modules[name]) for name in importing.LEFT} == {types.ModuleType}
"""


def test_a_command_may_end_while_the_library_is_mapped() -> None:
    for seconds in (0, 0.02, 0.1):
        code = (
            f"import sys, time; from mtkit.cli import importing; importing.ahead(); time.sleep({seconds}); sys.exit(7)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (7, "")


def test_what_stays_is_let_go_of_where_triton_looks_at_the_end() -> None:
    pytest.importorskip("triton")
    code = "from mtkit.cli import importing; importing.load(); import triton; importing.keep()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_put_off_is_whole_when_it_is_asked_for() -> None:
    later = {"torch._meta_registrations", "torch.utils.data"}  # of every torch
    done = subprocess.run([sys.executable, "-c", f"LATER = {later}{PUT_OFF}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in registry.CHOICES.items() for name in names])
def test_every_choice_resolves(kind: str, name: str) -> None:
    assert callable(registry.resolve(kind, name))
