"""What stands around the code says what is so."""

import re
from pathlib import Path

from mtkit import __version__

ROOT = Path(__file__).parent.parent


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
    assert steps == ["make check", "make test"]
