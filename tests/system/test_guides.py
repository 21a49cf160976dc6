"""The guides in docs/: every command and all Python in them runs, top to bottom, and they point at what is there."""

import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mtkit.cli.reference import page
from mtkit.config import load
from mtkit.schema.keys import keys
from mtkit.store import log
from tests.system.group import free_port
from tests.system.server import server
from tests.system.toy import ENVIRONMENT, mtkit, python, ran, write_text

pytestmark = pytest.mark.system  # models are trained

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = '[data]\nsource_lang = "en"\ntarget_lang = "de"\ntrain = "train"\ntest = "test"\n'
SMALL = ("model.hidden_dim=32", "model.embed_dim=16", "train.lr=0.02", "train.warmup=5", "train.batch_tokens=600")
QUICK = (*SMALL, "train.max_updates=40", "decode.max_ratio=0.5")


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A folder with an `mtkit` whose models are small and soon done."""
    made = tmp_path / "bin/mtkit"
    made.parent.mkdir()
    quick = " ".join(f"--set {one}" for one in QUICK)
    shim = f"{server().shim()}/mtkit"
    made.write_text(
        f'#!/bin/sh\ncase "$*" in "adapt "*--memory*) exec {shim} "$@";; '
        f'train*|eval*|adapt*) exec {shim} "$@" {quick};; *) exec {shim} "$@";; esac\n'
    )
    made.chmod(0o755)
    return made.parent


def follow(page: str, folder: Path, command: Path) -> list[str]:
    """Run the commands of a page one after another, each as a user types it; what each printed."""
    environment = os.environ | {"PATH": f"{command}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    printed = []
    for line in "".join(blocks(page, "sh")).splitlines():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], cwd=folder, env=environment, capture_output=True
        )
        assert done.returncode == 0, (page, line, done.stdout, done.stderr)
        printed.append(done.stdout.decode())
    return printed


def test_own_text(tmp_path: Path, command: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    write_text(folder)
    (folder / "mtkit.toml").write_text(blocks("own-text.md", "toml")[0])
    printed = follow("own-text.md", folder, command)
    assert "BLEU\t" in "".join(printed)
    assert (folder / "runs/en-de/eval/test.de").exists()


@pytest.fixture(scope="module")
def using(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run called en-de and what the pages about using it read."""
    folder = tmp_path_factory.mktemp("using")
    write_text(folder)
    (folder / "mtkit.toml").write_text(CONFIG + "[tokenizer]\nvocab_size = 380\n")
    ran(mtkit(folder, "train", *(part for one in QUICK for part in ("--set", one))))
    shutil.copy(folder / "test.en", folder / "input.txt")
    shutil.copy(folder / "test.de", folder / "output.de")
    return folder


def test_files_and_formats(using: Path, command: Path) -> None:
    plain, scores, n_best, links, jsonl, _ = follow("files.md", using, command)
    count = (using / "input.txt").read_text().count("\n")
    assert [text.count("\n") for text in (plain, scores, links, jsonl)] == [count] * 4
    assert n_best.splitlines()[0].split(" ||| ")[0] == "0"
    assert all(" ||| " in line for line in links.splitlines())
    assert re.match(r"-?\d+\.\d+\t", scores)


@pytest.mark.system
def test_cleaning(using: Path, command: Path) -> None:
    (using / "clean.toml").write_text(CONFIG + blocks("cleaning.md", "toml")[0])
    (using / "web.toml").write_text(CONFIG + '[filter]\npreset = "web"\n')
    rules, preset = (load(str(using / name)).config.filter for name in ("clean.toml", "web.toml"))
    assert rules.prepared() == preset.prepared(), "the guide says that they are the same"
    follow("cleaning.md", using, command)
    assert "Off, and would find nothing" in (using / "audit.html").read_text(encoding="utf-8")
    reports = [json.loads(path.read_text()) for path in using.glob("prepared/*/report.json")]
    assert [0 < report["dropped"]["score"] <= 60 for report in reports if "score" in report["dropped"]] == [True]


@pytest.mark.system
def test_bulk(using: Path, command: Path) -> None:
    """In every way the same files, and the job array of the page is a script that runs."""
    lines = (using / "test.en").read_text()
    (using / "one.txt").write_text(lines)
    (using / "two.txt.gz").write_bytes(gzip.compress(lines[:300].encode()))
    follow("bulk.md", using, command)
    (script,) = blocks("bulk.md", "bash")
    for number in range(1, 5):
        environment = os.environ | {"PATH": f"{command}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": str(number)}
        subprocess.run(["bash", "-c", script], cwd=using, env=environment, capture_output=True, check=True)
    made = [
        {path.name: path.read_bytes() for path in (using / folder).iterdir() if path.is_file()}
        for folder in ("translated", "shared", "slurm")
    ]
    assert sorted(made[0]) == ["one.txt", "two.txt.gz"]
    assert made == [made[0]] * 3


@pytest.mark.system
def test_seeing(using: Path, command: Path, tmp_path: Path) -> None:
    folder = tmp_path / "seeing"
    shutil.copytree(using, folder, symlinks=True)
    shutil.copytree(folder / "runs/en-de", folder / "runs/other")
    for name in ("a.de", "b.de"):
        shutil.copy(folder / "test.de", folder / name)
    (folder / "input.txt").write_text("the red dog\ntwo cat\n")
    (study,) = blocks("seeing.md", "toml")
    small = ", ".join(f'"{one}"' for one in (*SMALL, "train.max_updates=2"))
    (folder / "mine.toml").write_text(study.replace('"train.max_minutes=2"', small))
    printed = follow("seeing.md", folder, command)
    assert "Save" in printed[0]
    assert "BLEU" in printed[8]
    assert "memory" in printed[9]
    assert "Dropout helps on our text." in printed[10]
    pages = ["look.html", "forced.html", "models.html", "both.html", "report.html", "systems.html", "studies/mine.html"]
    assert [name for name in pages if not (folder / name).exists()] == []


def test_adapting(using: Path, command: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapting"
    shutil.copytree(using, folder, symlinks=True)
    for language in ("en", "de"):
        shutil.copy(folder / f"test.{language}", folder / f"mine.{language}")
    _, translated, *_ = follow("adapting.md", folder, command)
    assert translated.count("\n") == 1
    assert [name for name in ("mine", "again") if not (folder / "runs" / name / "best").exists()] == []
    whole, parts = blocks("adapting.md", "toml")
    for toml in (whole, whole.partition("[train]")[0] + parts):
        (folder / "child.toml").write_text(toml)
        sets = ("name=child", "train.max_updates=1", "train.batch_tokens=600")
        ran(mtkit(folder, "train", "--fresh", "-c", "child.toml", *(part for one in sets for part in ("--set", one))))


def test_python(using: Path) -> None:
    code = "\n".join(blocks("python.md", "python"))
    done = python(code, folder=using, environment=ENVIRONMENT | {"PYTHONPATH": str(ROOT)})
    out = ran(done)
    assert "no/such/folder" in out
    assert out.count("->") == 2


TORCHRUN = """#!/bin/bash
[ "$1 $3 $4" = "--nproc-per-node -m mtkit" ] || exit 2
export WORLD_SIZE=$2 LOCAL_WORLD_SIZE=$2 MASTER_ADDR=127.0.0.1 MASTER_PORT={port}
shift 4
for ((rank = 1; rank < WORLD_SIZE; rank++)); do RANK=$rank LOCAL_RANK=$rank mtkit "$@" & done
RANK=0 LOCAL_RANK=0 mtkit "$@" && wait -n
"""


def test_many_machines(tmp_path: Path, command: Path) -> None:
    """With a torchrun whose processes have loaded all before they begin."""
    folder = tmp_path / "here"
    folder.mkdir()
    write_text(folder)
    (folder / "mtkit.toml").write_text(CONFIG + "[tokenizer]\nvocab_size = 380\n")
    (command / "torchrun").write_text(TORCHRUN.format(port=free_port()))
    (command / "torchrun").chmod(0o755)
    follow("many-machines.md", folder, command)
    events = list(log.read(folder / "runs/en-de/log.jsonl"))
    assert [event.processes for event in events if isinstance(event, log.Processes)] == [2]


@pytest.mark.system
def test_newcomers(tmp_path: Path, command: Path) -> None:
    """In an empty folder, and in both languages the same."""
    folder = tmp_path / "empty"
    folder.mkdir()
    assert "BLEU\t" in "".join(follow("newcomers.md", folder, command))
    assert blocks("newcomers.ko.md", "sh") == blocks("newcomers.md", "sh")
    english, korean = (
        re.findall(r"`([a-z_]+\.[a-z_.]+)", (DOCS / page).read_text(encoding="utf-8"))
        for page in ("newcomers.md", "newcomers.ko.md")
    )
    assert english == korean


def test_the_reference_is_what_the_code_says() -> None:
    assert (DOCS / "reference.md").read_text(encoding="utf-8") == page(), "make reference"


def test_messages_are_those_of_the_code() -> None:
    """Of each message in the guide to trouble, two words in a row stand in the code: others may be filled in."""
    package = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "mtkit").rglob("*.py")))
    code = " ".join(re.sub(r'"\s+f?"', "", package).split())
    rows = re.findall(r"^\| `([^`]+)`", (DOCS / "trouble.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 30
    for message in rows:
        words = message.replace("…", " ").split()
        length = min(2, len(words))
        found = (" ".join(words[i : i + length]).rstrip(":;=") in code for i in range(len(words) - length + 1))
        assert any(found), message


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_and_keys(name: str) -> None:
    """What a page points at is there, and the keys it names are keys."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        assert "://" in link or (DOCS / link).exists(), (name, link)
    known = {key.key for key in keys()}
    tables = "data|filter|tokenizer|augment|model|train|decode|eval"
    for key in re.findall(rf"`(?:--set )?((?:{tables})\.[a-z_.]+)", text):
        file = key.endswith(".safetensors")
        assert file or key in known or any(one.startswith(key.rstrip(".") + ".") for one in known), (name, key)
