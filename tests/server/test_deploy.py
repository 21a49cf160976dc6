"""What runs a server elsewhere: it copies what is there, installs what is offered, and says options that there are."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from mtkit.cli.serve import command

ROOT = Path(__file__).parents[2]
DOCKERFILE, UNIT = ROOT / "deploy/Dockerfile", ROOT / "deploy/mtkit.service"


def options() -> set[str]:
    made = typer.Typer(add_completion=False)
    made.command()(command)
    return {flag for one in typer.main.get_command(made).params for flag in one.opts}


def test_the_image_has_what_it_copies_and_installs() -> None:
    text = DOCKERFILE.read_text()
    copied = [name for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for name in line.split()[:-1]]
    assert {"pyproject.toml", "mtkit", "data"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split()
    assert {name for name in ignored if name.startswith("!")} == {f"!{name}" for name in copied}
    (extras,) = re.findall(r"/src\[(.*?)\]", text)
    offered = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2]
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = ", offered, re.MULTILINE)
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert {word for word in re.findall(r'"(.*?)"', entry) if word.startswith("-")} <= options()


def test_the_unit_says_options_that_there_are() -> None:
    (start,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    program, name, *words = shlex.split(start)
    assert (Path(program).name, name) == ("mtkit", "serve")
    assert {word for word in words if word.startswith("-")} <= options()


@pytest.mark.system
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "mtkit.service"
    unit.write_text(UNIT.read_text().replace("/opt/mtkit/bin/mtkit", "/bin/true"))  # mtkit is not in /opt here
    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
