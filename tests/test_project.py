"""What stands around the code says what is so."""

import re
from pathlib import Path

from mtkit import __version__

ROOT = Path(__file__).parent.parent
EXAMPLES = re.compile(r"^(|)`((?:\w+/)+\w+\.py)`(?:, \d+ lines)?[:,]", re.MULTILINE)  # files that the README would add


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_changelog_has_this_version_and_what_comes_after() -> None:
    titles = re.findall(r"^## (\S+)(?: - \d{4}-\d\d-\d\d)?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert titles[0] == "Unreleased"
    assert titles[1] == __version__


def test_contributing_names_commands_and_files_that_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"make ([a-z-]+)\b", text))
    assert {"setup", "check", "test", "slow", "faults"} <= named <= targets()
    for path in re.findall(r"\]\(([^:)]+)\)", text):
        assert (ROOT / path).is_file(), path
    assert re.findall(r"`(\S+/\S+)`", text)
    for path in re.findall(r"`([\w.]+/[\w./]*)`", text):
        assert (ROOT / path).exists(), path


def test_hooks_run_what_check_runs() -> None:
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text())
    makefile = (ROOT / "Makefile").read_text()
    (check,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    commands = re.findall(r"\$\(BIN\)/(.*)", check)
    assert hooks
    for hook in hooks:
        words = hook.replace(" --force-exclude", "")
        assert any(command.split(" .")[0] in (words, words.removesuffix(" --check")) for command in commands), hook
    # And no network: nothing but what `make setup` installed.
    assert re.findall(r"- repo: (\S+)", (ROOT / ".pre-commit-config.yaml").read_text()) == ["local"]


def test_ci_does_what_the_readme_says() -> None:
    steps = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make ")]
    assert steps == ["make check", "make test", "make system"]


def test_the_layout_is_the_one_that_is_described() -> None:
    """Every file and folder of the package stands in the table of mtkit/README.md, and nothing else."""
    text = (ROOT / "mtkit/README.md").read_text(encoding="utf-8")
    table = text.partition("| | holds | may import |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for cell in first for name in re.findall(r"`([\w.]+)/?`", cell)}
    there = {path.name for path in (ROOT / "mtkit").iterdir() if path.name not in ("__pycache__", "data")}
    assert named == there - {"__init__.py", "__main__.py", "README.md", "py.typed"}
    paths = set(re.findall(r"`((?:\w+/)+\w+\.\w+)`", text)) - {path for _, path in EXAMPLES.findall(text)}
    missing = [path for path in paths if not any((base / path).exists() for base in (ROOT, ROOT / "mtkit"))]
    assert [path for path in missing if not list((ROOT / "mtkit").rglob(path))] == []


def test_no_file_is_everything() -> None:
    """Of the package and its tests none is longer than 400 lines, but the table of choices."""
    files = [path for folder in ("mtkit", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    long = [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400]
    assert long == ["registry.py"]
