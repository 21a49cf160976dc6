"""Choices from outside: registering, modules named by --plugin, and packages that are installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mtkit import plugins, registry
from mtkit.errors import ConfigError
from mtkit.registry import CHOICES, Choice, register
from tests.system.toy import failed, make, mtkit, ran

CELL = '''"""The minimal gated unit (Zhou et al. 2016)."""

from mtkit.model.cells.gru import GRU
from mtkit.registry import Choice, register


class MGU(GRU):
    """Stands in for one: what is tested here is how it comes."""


register("cell", "mgu", Choice("{module}:MGU", "minimal gated unit", "Zhou et al. 2016"))
'''
SMALL = (
    "train.max_updates=2",
    "train.validate_every=2",
    "train.validate_lines=2",
    "model.embed_dim=8",
    "model.hidden_dim=8",
)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered in a test is forgotten after it."""
    for kind, lines in CHOICES.items():
        monkeypatch.setitem(CHOICES, kind, dict(lines))
    monkeypatch.setattr(plugins, "_loaded", set())


def test_registering(table: None) -> None:
    line = Choice("here.there:Cell", "a cell", unbounded="its states")
    register("cell", "mine", line)
    assert CHOICES["cell"]["mine"] == line._replace(origin="here.there")
    register("cell", "mine", line, "somebody else")  # the same line: a module that is read twice
    assert registry.choice("cell", "mine").origin == "here.there"
    with registry.brought_by("a package 1.0"):
        register("norm", "mine", Choice("here.there:Norm", "a norm"))
    assert registry.choice("norm", "mine").origin == "a package 1.0"


@pytest.mark.parametrize(
    ("kind", "name", "line", "message"),
    [
        ("cell", "gru", Choice("a:B", "b"), "cell 'gru' of me has a name that mtkit has taken: give it another one"),
        ("cel", "x", Choice("a:B", "b"), "there is no kind 'cel' of choices, did you mean 'cell'? (kinds: encoder, "),
        ("cell", "x", Choice("a.B", "b"), "cell 'x' is at 'a.B': expected module:attribute"),
        ("cell", "x", Choice("a:B", "b", heads=True), "cell 'x' has no fact 'heads' (facts of this kind: unbounded, "),
        ("init", "x", Choice("a:B", "b", heads=True), "init 'x' has no fact 'heads' (facts of this kind: none)"),
    ],
)
def test_what_cannot_be_registered(table: None, kind: str, name: str, line: Choice, message: str) -> None:
    before = {kind: dict(lines) for kind, lines in CHOICES.items()}
    with pytest.raises(ConfigError) as caught:
        register(kind, name, line, "me")
    assert str(caught.value).startswith(message)
    assert before == CHOICES


def test_no_line_of_the_table_states_what_its_kind_has_not() -> None:
    assert [
        (kind, name) for kind, lines in CHOICES.items() for name in lines if registry.strange(kind, lines[name])
    ] == []
    facts = {fact for some in registry.FACTS.values() for fact in some}
    assert facts | set(registry.OF_ALL) == set(Choice._fields)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("no_such", None, "there is no plug-in 'no_such', did you mean 'no_suck'?: expected a module in this folder"),
        ("gone.py", None, "plug-in gone.py: there is no such file; expected a module or the path of a .py file"),
        ("json.py", "", "plug-in json.py: a module of the name 'json' exists already: give the file another name"),
        ("broken", "1 / 0", "plug-in broken cannot be loaded (ZeroDivisionError: division by zero): mend it or leave"),
        ("missing", "import nothing_here", "(ModuleNotFoundError: No module named 'nothing_here'): mend it or leave"),
        (
            "taken",
            'from mtkit.registry import *; register("cell", "gru", Choice("taken:X", "x"))',
            "plug-in taken: cell 'gru' of taken has a name that mtkit has taken",
        ),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_is_named(
    table: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "no_suck.py").touch()
    if code is not None:
        (tmp_path / f"{name.removesuffix('.py')}.py").write_text(code)
    with pytest.raises(ConfigError) as caught:
        plugins.load(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_named_on_the_command_line(tmp_path: Path) -> None:
    """As a module of the folder, and as a file elsewhere."""
    folder = make(tmp_path / "toy")
    (folder / "my_cell.py").write_text(CELL.format(module="my_cell"))
    done = mtkit(folder, "info", "--json", "-s", "model.encoder.cell=mgu", "--plugin", "my_cell")
    assert json.loads(ran(done))["architecture"]["encoder"] == "1 layer of mgu, both ways"
    (folder / "my_cell.py").rename(tmp_path / "my_cell.py")
    listed = ran(mtkit(folder, "info", "--list", "--plugin", "../my_cell.py"))
    (line,) = (line for line in listed.splitlines() if line.split()[:2] == ["cell", "mgu"])
    assert line.split()[-5:] == ["Zhou", "et", "al.", "2016", "../my_cell.py"]
    failed(mtkit(folder, "info", "--plugin", "my_cell"), "there is no plug-in 'my_cell'")


HELLO = """def command(name: str) -> None:
    print("hello", name)
"""
README = (Path(registry.__file__).parent / "README.md").read_text().partition("## To add from outside")[2]
PROJECT, PLUGIN = (re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)[0] for kind in ("toml", "python"))
# Which asks for plug-ins while this one is loaded.
ASKING = """
    from mtkit.schema import Model

    Model.model_validate({"encoder": {"cell": "gru"}})
"""
METRIC = '''"""The share of translations that equal their reference."""

from mtkit.metrics.metric import Score, Texts


def exact(texts: Texts) -> Score:
    equal = sum(line in known for line, known in zip(texts.hypotheses, zip(*texts.references)))
    return Score(100 * equal / len(texts.hypotheses), "exact|version:1.2")
'''


@pytest.mark.system
def test_a_package_that_is_installed(tmp_path: Path) -> None:
    """A cell, a metric and a command of a wheel: listed and used; and a package that is broken is named."""
    project, site = tmp_path / "project", tmp_path / "site"
    package = project / "mtkit_mine"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT)
    cell = CELL.partition("\n\nregister(")[0]
    for name, code in (("plugin", PLUGIN + ASKING), ("cell", cell), ("exact", METRIC), ("hello", HELLO)):
        (package / f"{name}.py").write_text(code)
    (package / "__init__.py").touch()
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    wheel = [*pip, "wheel", *offline, "--no-build-isolation", "-w", str(tmp_path), str(project)]
    subprocess.run(wheel, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(site), str(built)], check=True, capture_output=True)

    folder = make(tmp_path / "toy")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return mtkit(folder, *arguments, before=f"import sys\nsys.path.insert(0, {str(site)!r})")

    listed = json.loads(ran(run("info", "--list", "--json")))
    assert listed["cell"]["mgu"]["from"] == listed["metric"]["exact"]["from"] == "mtkit-mine 1.2"
    assert listed["cell"]["gru"]["from"] == "mtkit"
    assert ran(run("hello", "you")) == "hello you\n"
    sets = ["model.encoder.cell=mgu", 'eval.metrics=["bleu", "exact"]', *SMALL]
    ran(run("train", *(part for one in sets for part in ("-s", one))))
    scores = json.loads(ran(run("eval", "--hyp", "test.de", "--ref", "test.de", "--metrics", "exact", "--json")))
    assert scores["exact"]["score"] == 100
    failed(
        mtkit(folder, "info", "runs/toy"),  # where it is not installed
        "unknown cell 'mgu'",
        "if a plug-in brought it, install or load that plug-in here, too",
    )

    (site / "mtkit_mine/plugin.py").write_text("import nothing_here\n")
    failed(run("info", "--list"), "plug-in 'mine' of mtkit-mine 1.2 cannot be loaded", "No module named 'nothing_here'")
    ran(run("--help"))
