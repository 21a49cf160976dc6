"""What the library says knows no command line: it names kinds of ways out, to which `mtkit.cli` adds its flags."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtkit
from mtkit import errors
from mtkit.cli.options import Messages, compute_with
from mtkit.cli.remedies import REMEDIES, shown, told
from mtkit.errors import ConfigError

PACKAGE = Path(mtkit.__file__).parent
COMPILER = "ops/native/compiler.py"  # what it gives another program are no messages of ours
LIBRARY = sorted(file for file in PACKAGE.rglob("*.py") if PACKAGE / "cli" not in file.parents)
SPEAKING = [file for file in LIBRARY if file != PACKAGE / COMPILER]
FLAG = re.compile(r"(?<![\w-])(?:--[a-zA-Z][\w-]*|-[a-zA-Z])(?![\w-])")
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.MtkitError)}
# A line for a shell in a model card, and flags of other programs.
OTHERS = {
    "report/card.py": {"--model", "--tag"},
    "report/overview.py": {"-m"},
    "server/docs.py": {"-F", "-H", "-d"},
    "text/compression.py": {"-f", "-t"},
    "text/plausibility.py": {"-f", "-t"},
    "text/readers/tsv.py": {"-f"},
}


def docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """Strings that stand alone: of modules, classes and functions, and the lines below keys."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def flags(source: str) -> set[str]:
    """All that looks like a flag in strings, docstrings left out."""
    tree = ast.parse(source)
    left_out = set(map(id, docstrings(tree)))
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in left_out)
    return {flag for node in strings if isinstance(node.value, str) for flag in FLAG.findall(node.value)}


def remedies(source: str) -> set[str]:
    """The kinds that a source names: remedy=..., and a second word to say, warn, or one of our errors."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [keyword.value for keyword in node.keywords if keyword.arg == "remedy"]
        if name in {"say", "warn", *ERRORS}:
            given += node.args[1:2]
        found |= {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


def test_what_is_a_flag() -> None:
    assert flags('"""--one"""\nprint(f"use {x} or --two-three", "(-s KEY)", "a -- b", "x-y", "-1")') == {
        "--two-three",
        "-s",
    }
    assert flags('def f():\n    """--one"""\n    return "raise --n-best=3"') == {"--n-best"}


def test_what_is_a_remedy() -> None:
    said = 'say("a", "one"); raise DataError(f"{b}", remedy="two"); WorkerError("c", "three"); say("d"); get("e", "f")'
    assert remedies(said) == {"one", "two", "three"}


def test_the_library_names_no_flag() -> None:
    found = {file.relative_to(PACKAGE).as_posix(): flags(file.read_text(encoding="utf-8")) for file in SPEAKING}
    assert {name: some for name, some in found.items() if some} == OTHERS  # more: give the error a remedy instead


def test_remedies_are_those_that_are_named() -> None:
    named = set().union(*(remedies(file.read_text(encoding="utf-8")) for file in LIBRARY))
    # Of a setting that needs attention the setting's own name is the remedy (mtkit.translator.translator.check).
    assert named | {"align", "coverage_penalty"} == set(REMEDIES)


def test_the_command_line_adds_its_flags() -> None:
    assert told("raise beam_size", "beam") == "raise beam_size (--beam-size, --n-best)"
    assert told("raise beam_size", "") == "raise beam_size"
    assert shown(ConfigError("no", remedy="fresh")) == "no (--fresh keeps the old run beside)"


@pytest.mark.parametrize(("threads", "told"), [(None, False), (2, False), (99, True)])
def test_more_threads_than_cores_are_warned_of(
    threads: int | None, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_to: list[int | None] = []
    monkeypatch.setattr("mtkit.ops.device.set_threads", set_to.append)
    monkeypatch.setattr("mtkit.ops.device.cores", lambda: 2)
    compute_with(threads, Messages(quiet=False))
    assert set_to == [threads]
    assert ("there are 2 cores here" in capsys.readouterr().err) == told
