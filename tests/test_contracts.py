"""The import contracts in pyproject.toml hold, and each breaks when what it forbids is planted in a copy."""

import graphlib
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import grimp
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.system  # `make check` sees that they hold; a dozen seconds to see that they can break
ROOT = Path(__file__).parent.parent
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


class Plant(NamedTuple):
    """A line in a file that must break a contract."""

    file: str
    line: str
    contract: str


def _file(module: str) -> str:
    """Where a module's own text is."""
    path = Path(*module.split("."))
    return str(path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))


def _below(module: str) -> str:
    """A module inside a package: a contract that names the package must hold for it, too."""
    folder = ROOT.joinpath(*module.split("."))
    inside = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    return f"{module}.{inside[-1]}" if inside else module  # not the first: model.build may know more than the rest


def _of_layers(contract: dict[str, Any]) -> list[Plant]:
    """From each layer to the one above, and between those that stand side by side."""
    floors = [[f"mtkit.{name.strip()}" for name in layer.split("|")] for layer in contract["layers"]]
    pairs = [pair for floor in floors for pair in itertools.permutations(floor, 2)]
    for above, below in itertools.pairwise(floors):
        pairs += itertools.product(below, above)
    return [Plant(_file(_below(low)), f"import {_below(high)}", contract["name"]) for low, high in pairs]


def _of_forbidden(contract: dict[str, Any]) -> list[Plant]:
    """From each module that must not to each that it must not know."""
    return [
        Plant(_file(_below(module)), f"import {_below(forbidden)}", contract["name"])
        for module in contract["source_modules"]
        for forbidden in contract["forbidden_modules"]
    ]


def _plants() -> list[Plant]:
    kinds = {"layers": _of_layers, "forbidden": _of_forbidden}
    planted = [plant for contract in CONTRACTS for plant in kinds[contract["type"]](contract)]
    layers, search = CONTRACTS[0]["name"], CONTRACTS[-1]["name"]
    return [
        *planted,
        Plant("mtkit/search/search.py", "from mtkit.model.seq2seq import Seq2Seq", search),
        Plant("mtkit/store/bundle.py", "def late():\n    from mtkit.jobs import train", layers),  # inside a function
        Plant("mtkit/search/search.py", "from mtkit import Translator", layers),  # by way of the package's face
        Plant("mtkit/stray.py", "import mtkit.errors", layers),  # a file without a place
    ]


PLANTS = _plants()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[Plant, list[str]]:
    """Which contracts each plant breaks."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "mtkit", folder / "mtkit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("planted.py"))],
        cwd=folder,
        input=json.dumps([(plant.file, plant.line) for plant in PLANTS]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(PLANTS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.file}: {plant.line}")
def test_a_forbidden_import_breaks_its_contract(broken: dict[Plant, list[str]], plant: Plant) -> None:
    assert plant.contract in broken[plant]


def test_no_circles() -> None:
    """Imports inside functions and those for types only count, too."""
    graph = grimp.build_graph("mtkit", cache_dir=None)
    arrows = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(arrows).prepare()
