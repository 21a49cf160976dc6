"""Whatever a command writes is whole under its name: if it is ended, if the disk is full, if two run at once."""

import importlib.util
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.system.faults import COUNTS, Case, left_over, suffer, tree
from tests.system.test_ctranslate2 import TRANSFORMER
from tests.system.toy import CONFIG, begin, mtkit, ran

LINES = 12  # of what is translated


def without_corpus(folder: Path) -> None:
    shutil.rmtree(folder / "prepared")


def with_output(folder: Path) -> None:
    (folder / "out.txt").write_text("what was there before\n")


def with_export(folder: Path) -> None:
    ran(mtkit(folder, "export", "runs/toy", "out", "--precision", "bf16"))


def with_transformer(folder: Path) -> None:
    (folder / "steps.toml").write_text(CONFIG.replace('"toy"', '"steps"') + TRANSFORMER)
    ran(mtkit(folder, "train", "-q", "-c", "steps.toml", "-s", "train.max_updates=1"))


def keeps_its_parent(before: Path, folder: Path) -> bool:
    return tree(before / "runs/toy") == tree(folder / "runs/toy")


def keeps_the_old_run(before: Path, folder: Path) -> bool:
    """Whether the best model of the run that is set aside is still there, under one name or the other."""
    there = [tree(path / "best") for path in (folder / "runs").iterdir()]
    return tree(before / "runs/toy/best") in there


ADAPTING = [
    part
    for one in ("train.max_updates=2", "train.validate_every=1", "train.batch_tokens=300", "train.validate_lines=2")
    for part in ("-s", one)
]
CASES = [
    Case(("preprocess", "-q"), ("prepared",), without_corpus),
    Case(("export", "runs/toy", "out", "-q"), ("out",)),
    Case(("export", "runs/toy", "out", "--shortlist", "-q"), ("out",), with_export),
    Case(("translate", "short.en", "-o", "out.txt", "-q"), ("out.txt",), with_output),
    Case(("score", "short.tsv", "-o", "out.txt", "-q"), ("out.txt",), with_output),
    Case(("eval", "-q"), ("runs/toy/eval",)),
    Case(("translate", "short.en", "test.en", "-o", "out", "--shard", "1/1", "--chunk-lines", "10", "-q"), ("out",)),
    Case(("export", "runs/steps", "out", "--to", "ctranslate2", "-q"), ("out",), with_transformer),
    Case(("export", "runs/steps", "out.argosmodel", "--to", "argos", "-q"), ("out.argosmodel",), with_transformer),
    Case(
        ("adapt", "runs/toy", "test", "-o", "next", "-q", *ADAPTING),
        ("prepared", "runs/next/best/model.safetensors"),
        stands=keeps_its_parent,
        every=8,
    ),
    Case(
        ("train", "--fresh", "-q", "-s", "train.max_updates=2", "-s", "train.validate_every=1"),
        (),
        stands=keeps_the_old_run,
    ),
]
NAMES = [f"{case.name}{', again' if case.prepare in (with_output, with_export) else ''}" for case in CASES]


@pytest.fixture(autouse=True)
def _has_what_it_takes(request: pytest.FixtureRequest) -> None:
    case = request.node.callspec.params.get("case") if hasattr(request.node, "callspec") else None
    if case and {"ctranslate2", "argos"} & {*case.arguments} and importlib.util.find_spec("ctranslate2") is None:
        pytest.skip("the package ctranslate2 is not installed")


@pytest.fixture(scope="module")
def base(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the commands need, and little of it."""
    folder = tmp_path_factory.mktemp("faults") / "base"
    shutil.copytree(trained, folder)
    sides = [(folder / f"test.{language}").read_text().splitlines()[:LINES] for language in ("en", "de")]
    (folder / "short.en").write_text("".join(line + "\n" for line in sides[0]))
    (folder / "short.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in zip(*sides, strict=True)))
    config = folder / "mtkit.toml"
    config.write_text(config.read_text().replace("validate_lines = 20", "validate_lines = 2"))
    return folder


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["killed", "disk full", "files bounded"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_at_every_dealing_with_files(base: Path, tmp_path: Path, case: Case, fault: str) -> None:
    assert suffer(case, base, tmp_path, fault) > 0


@pytest.mark.faults
@pytest.mark.parametrize("case", CASES[:-1], ids=NAMES[:-1])
def test_killed_by_the_clock(base: Path, tmp_path: Path, case: Case) -> None:
    """At moments of chance, whatever it does; in the end it has done what it does undisturbed."""
    rng, after, folder = random.Random(case.name), tmp_path / "after/toy", tmp_path / "hit/toy"
    shutil.copytree(base, folder)
    case.prepare(folder)
    shutil.copytree(folder, after)
    began = time.monotonic()
    ran(mtkit(after, *case.arguments))
    seconds = time.monotonic() - began
    for _ in range(6):
        mtkit(folder, *case.arguments, limit=rng.uniform(0, seconds))
        COUNTS[case.name, "killed by the clock"] += 1
    ran(mtkit(folder, *case.arguments))
    for result in case.results:
        assert tree(folder / result) == tree(after / result)
    assert left_over(folder) == []


@pytest.mark.faults
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_two_at_once(base: Path, tmp_path: Path, case: Case) -> None:
    """Of two of the same, one does it; the other does the same, or says that it is done."""
    rng = random.Random(case.name)
    before, after, folder = (tmp_path / name / "toy" for name in ("before", "after", "hit"))
    shutil.copytree(base, after)
    case.prepare(after)
    shutil.copytree(after, before)
    ran(mtkit(after, *case.arguments))
    for _ in range(4):
        shutil.copytree(before, folder)
        commands = []
        for _ in range(2):
            commands.append(begin(folder, *case.arguments))
            time.sleep(rng.choice([0, 0.05, 0.2]))
        said = [command.stderr.read().decode() for command in commands]
        codes = [command.wait() for command in commands]
        for command in commands:
            command.close()
        assert 0 in codes, said
        assert set(codes) <= {0, 1}, said
        assert not any("Traceback" in one for one in said), said
        for result in case.results:
            assert tree(folder / result) == tree(after / result)
        assert left_over(folder) == []
        shutil.rmtree(folder)
        COUNTS[case.name, "two at once"] += 1


def test_an_export_that_is_killed_or_lacks_space(base: Path, tmp_path: Path) -> None:
    for fault, steps in (("killed", 6), ("disk full", 2)):
        scratch = tmp_path / fault
        scratch.mkdir()
        assert suffer(CASES[2], base, scratch, fault, steps) > 0
