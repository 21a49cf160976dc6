"""Every command of the README and its pages runs, as it stands there, and does what it says."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from mtkit.config import RECIPES, recipes
from mtkit.registry import CHOICES
from tests.system.server import server
from tests.system.toy import failed, ran, write_text
from tests.system.toy import mtkit as run_mtkit

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


QUICK = (
    "model.hidden_dim=32",
    "model.embed_dim=16",
    "train.max_updates=30",
    "train.batch_tokens=600",
    "train.warmup=5",
    "train.lr=0.02",
)
QUICK_TEXT = (*QUICK, "tokenizer.vocab_size=380")


PAGES = ("README.md", "docs/models.md", "docs/translating.md")
TEXT = "".join((ROOT / page).read_text() for page in PAGES)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)


def sh(command: str, folder: Path) -> str:
    environment = os.environ | {"PATH": f"{server().shim()}:{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def lines(block: str) -> list[str]:
    return block.splitlines()


def quickly(command: str, sets: tuple[str, ...]) -> str:
    """A command of the README with a quicker model."""
    name, verb, *rest = command.split()
    return " ".join([name, verb, *(f"--set {one}" for one in sets), *rest])


def test_all_blocks_are_known() -> None:
    """A command that comes into the README comes into a test."""
    assert [len(blocks(kind)) for kind in ("sh", "toml", "python", "text")] == [13, 5, 1, 2]
    (index,) = re.findall(r"^TORCH_INDEX \?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    at_once, demo, install, commands, using, files, many, serving, info, trained, more, sure, small = blocks("sh")
    assert at_once == 'echo "Turn off notifications" | mtkit translate\n'
    assert demo.split("\n")[0] == "make demo"
    assert [line.split()[:2] for line in lines(install)] == [["pip", "install"]] * 2
    assert f"--index-url {index}" in install
    assert [line.split()[:2] for line in lines(commands)] == [
        ["mtkit", command] for command in ("preprocess", "train", "translate", "eval")
    ]
    assert [line.split()[0] for line in lines(many)] == ["mtkit", "mtkit", "torchrun"]
    assert all(line.startswith("mtkit info") for line in lines(info))
    assert all(
        line.startswith("mtkit ") for block in (trained, using, files, more, sure, small) for line in lines(block)
    )
    assert [line.split()[:2] for line in lines(serving)] == [["pip", "install"], ["mtkit", "serve"]]
    shown = re.findall(r"`(mtkit [a-z][^`/]*)`", TEXT)
    assert {one.split()[1] for one in shown} <= set(CHOICES["command"])


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", TEXT)) <= targets
    listed = sh("make help", ROOT)
    for target in ("setup", "demo", "test", "slow", "faults", "check", "clean"):
        assert f"make {target}" in listed


@pytest.fixture(scope="module")
def own_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The section "Your own text", followed word for word, but for a quicker model."""
    folder = tmp_path_factory.mktemp("own")
    write_text(folder)
    shutil.copy(folder / "test.en", folder / "input.txt")
    (folder / "mtkit.toml").write_text(blocks("toml")[0])
    for command in lines(blocks("sh")[3]):
        sh(quickly(command, QUICK_TEXT), folder)
    return folder


@pytest.fixture
def copy(own_text: Path, tmp_path: Path) -> Path:
    """The same folder, to be written to."""
    return Path(shutil.copytree(own_text, tmp_path / "copy"))


def test_at_once(tmp_path: Path) -> None:
    """In an empty folder the bundle that ships answers, and says nearly what it said where the README was written."""
    assert sh(blocks("sh")[0], tmp_path) == "Benachrichtigungen deaktivieren\n"
    sources = (ROOT / "data/everyday.en").read_text().splitlines()
    told = [line.removeprefix(source).strip() for source, line in zip(sources, lines(blocks("text")[0]), strict=True)]
    said = ran(run_mtkit(tmp_path, "translate", "-q", stdin="\n".join(sources) + "\n")).splitlines()
    assert sum(one == other for one, other in zip(told, said, strict=True)) >= len(sources) - 1


def test_your_own_text(own_text: Path) -> None:
    for part in ("best/config.json", "log.jsonl", "eval/test.json", "checkpoints"):
        assert (own_text / "runs/en-de" / part).exists()
    assert list(own_text.glob("prepared/*/report.json"))


def test_using_a_model(own_text: Path) -> None:
    shutil.copy(own_text / "runs/en-de/eval/test.de", own_text / "output.de")
    for command in lines(blocks("sh")[4]):
        assert sh(command, own_text)


def test_files_and_terms(copy: Path) -> None:
    catalogue = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n# one\nmsgid "the dog"\nmsgstr ""\n'
    (copy / "messages.po").write_text(catalogue)
    (copy / "terms.tsv").write_text("dog\tHund\n")
    of_file, with_terms = lines(blocks("sh")[5])
    sh(of_file, copy)
    made = (copy / "messages.de.po").read_text()
    assert made.startswith(catalogue[: catalogue.index("msgid", 8)])
    assert made.endswith('"\n')
    assert 'msgstr ""\n' not in made
    given = (copy / "input.txt").read_text().splitlines()
    said = lines(sh(with_terms, copy))
    assert len(said) == len(given)
    assert all("Hund" in out for source, out in zip(given, said, strict=True) if "dog" in source.split())


def test_a_server(own_text: Path) -> None:
    _, command = lines(blocks("sh")[7])
    environment = os.environ | {"PATH": f"{server().shim()}:{BIN}:{os.environ['PATH']}"}
    arguments = [*command.split(), "--port", "0"]
    with subprocess.Popen(arguments, cwd=own_text, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://[\d.:]+", line)))
        try:
            with urllib.request.urlopen(f"{address}/languages", timeout=20) as answer:
                assert json.load(answer) == [{"code": "en", "name": "English", "targets": ["de"]}]
        finally:
            process.terminate()


@pytest.mark.system
def test_made_yours_many_files_many_machines(copy: Path) -> None:
    for end in ("en", "de"):
        shutil.copy(copy / f"train.{end}", copy / f"mine.{end}")
    (copy / "one.txt").write_text("the dog\ntwo cat\n")
    (copy / "two.txt.gz").write_bytes(gzip.compress(b"one house\n" * 30))
    adapt, translate, train = lines(blocks("sh")[6])
    sh(f"{adapt} --set train.max_epochs=1", copy)
    assert (copy / "runs/mine/best/config.json").exists()
    sh(translate, copy)
    assert (copy / "translated/one.txt").read_text() == sh("mtkit translate one.txt", copy)
    assert gzip.decompress((copy / "translated/two.txt.gz").read_bytes()).count(b"\n") == 30
    sh(f"{train} {' '.join(f'--set {one}' for one in (*QUICK_TEXT, 'name=together'))}", copy)
    assert (copy / "runs/together/best/config.json").exists()


def test_ways_of_translating(copy: Path) -> None:
    sh(quickly("mtkit train", (*QUICK_TEXT, "name=other", "seed=2", "train.max_updates=3")), copy)
    source = (copy / "input.txt").read_text()
    (copy / "beginnings.txt").write_text("das\n" * source.count("\n"))
    prompt, *others = lines(blocks("sh")[10])
    assert sh(f"{prompt} < input.txt", copy).count("\n") == source.count("\n")
    for command in others:
        out = sh(command, copy)
        if "output.de" in command:
            out = (copy / "output.de").read_text()
        assert out.count("\n") == source.count("\n")
        if "beginnings" in command:
            assert all(line.startswith("das") for line in out.splitlines())


def test_confidence(copy: Path) -> None:
    of_run, of_bundle, told = lines(blocks("sh")[11])
    sources, references = ((copy / f"train.{side}").read_text().splitlines()[:150] for side in ("en", "de"))
    (copy / "dev.en").write_text("".join(f"{line}\n" for line in sources))
    said = lines(sh("mtkit translate -m runs/en-de < dev.en", copy))
    half = [one if number % 2 else other for number, (one, other) in enumerate(zip(said, references, strict=True))]
    (copy / "dev.de").write_text("".join(f"{line}\n" for line in half))  # so that some are good
    for side in ("en", "de"):
        shutil.copy(copy / f"dev.{side}", copy / f"some.{side}")
    sh(quickly(of_run, (*QUICK_TEXT, "data.dev=dev")), copy)
    sh(of_bundle, copy)
    told_of = [line.partition("\t")[0] for line in lines(sh(told, copy))]
    assert all(0 <= float(one) <= 1 for one in told_of if one)


def test_scoring_and_exporting(copy: Path) -> None:
    (copy / "pairs.tsv").write_text("the dog\tdas Hund\ntwo cat\tzwei Katze\n")
    score, export, translate = lines(blocks("sh")[12])
    assert all(float(line) < 0 for line in lines(sh(score, copy)))
    sh(quickly(export, QUICK_TEXT), copy)
    assert (copy / "small/shortlist.safetensors").exists()
    assert sh(translate, copy).count("\n") == (copy / "input.txt").read_text().count("\n")


@pytest.mark.parametrize(
    ("number", "described"),
    [
        (1, ["2 layers of lstm", "general"]),
        (2, ["4 layers of self-attention", "multihead"]),
        (3, ["convolution (kernel 5, stride 2, 256 channels), 3 layers of gru", "wired gnmt"]),
    ],
)
def test_the_models(copy: Path, number: int, described: list[str]) -> None:
    with (copy / "mtkit.toml").open("a") as file:
        file.write(blocks("toml")[number])
    told = sh(quickly("mtkit info", QUICK_TEXT), copy)
    assert all(part in told for part in described)
    few = (*QUICK_TEXT, "name=other", "train.max_updates=3")
    sh(quickly("mtkit train", few), copy)
    assert (copy / "runs/other/best").is_dir()


def test_means_of_weights_in_a_fresh_run(copy: Path) -> None:
    with (copy / "mtkit.toml").open("a") as file:
        file.write(blocks("toml")[4])
    often = [argument for one in (*QUICK_TEXT, "train.validate_every=10") for argument in ("--set", one)]
    failed(run_mtkit(copy, "train", *often), "train.ema: 0.0 then, 0.999 now", "--fresh")
    done = run_mtkit(copy, "train", "--fresh", *often)
    ran(done)
    assert "kept the old run as en-de.1" in done.stderr
    assert "average of 3 best validations" in done.stderr
    assert (copy / "runs/en-de.1/best").is_dir()
    assert len(list((copy / "runs/en-de/kept").iterdir())) == 3


def test_info(own_text: Path, tmp_path: Path) -> None:
    listed, of_config, of_run, of_recipe = lines(blocks("sh")[8])
    assert "Bahdanau et al. 2015" in sh(listed, own_text)
    assert "mtkit.toml, en to de" in sh(of_config, own_text)
    assert "dev BLEU" in sh(of_run, own_text)
    printed = sh(of_recipe, tmp_path).splitlines()  # where no text is prepared
    assert [line for line in printed if line in lines(blocks("text")[1])] == lines(blocks("text")[1])


@pytest.mark.system
def test_the_recipes(tmp_path: Path) -> None:
    """All of them are in the table, with their papers, and the commands work."""
    table = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", TEXT, re.MULTILINE))
    assert sorted(table) == sorted(recipes())
    for name, line in table.items():
        for paper in re.findall(r"\(([^()]* \d{4})\)", line) or ["mtkit train, mtkit eval"]:
            assert paper in (RECIPES / f"{name}.toml").read_text()
    for command in lines(blocks("sh")[9]):
        out = sh(
            quickly(command, (*QUICK, "train.max_updates=3", "decode.max_ratio=0.1", "decode.beam_size=1")), tmp_path
        )
    assert "BLEU\t" in out


def test_the_python_example(own_text: Path) -> None:
    (example,) = blocks("python")
    *lines, last = example.strip().split("\n")
    code = "\n".join([*lines, f"print({last})"])
    assert sh(f"{sys.executable} - <<'END'\n{code}\nEND", own_text).count("\n") == 1


@pytest.mark.system
def test_make_demo_in_little_time(tmp_path: Path) -> None:
    """The whole of `make demo` with seconds instead of minutes, and the command that the README has after it.

    What a model of seconds says never ends, so it is cut short.
    """
    command = tmp_path / "bin/mtkit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {server().shim()}/mtkit "$@" --set decode.max_ratio=0.1\n')
    command.chmod(0o755)
    out = sh(f"make --no-print-directory demo MINUTES=0.05 DEMO={tmp_path}/demo BIN={command.parent}", ROOT)
    assert [out.count(word) for word in ("\nsource  ", "\nmtkit  ", "\nreference  ")] == [10, 10, 10]
    for name in ("BLEU\t", "chrF\t", "nrefs:1|case:mixed"):
        assert name in out
    assert ran(run_mtkit(tmp_path / "demo", "translate", stdin="Save the file\n")).count("\n") == 1


@pytest.mark.slow  # `make demo`, above, gives these commands no more than a time
def test_without_arguments_anywhere(tmp_path: Path) -> None:
    """The four commands in an empty folder; only the time is cut, for training and for those that follow its run."""
    assert "wrote prepared" in run_mtkit(tmp_path, "preprocess").stderr
    ran(run_mtkit(tmp_path, "train", "--set", "train.max_minutes=0.1"))
    assert ran(run_mtkit(tmp_path, "translate", stdin="Save the file\n")).count("\n") == 1
    assert "BLEU\t" in ran(run_mtkit(tmp_path, "eval"))
