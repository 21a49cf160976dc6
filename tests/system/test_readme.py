"""Every command of the README runs, as it stands there, and does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy import mtkit as run_mtkit
from toy import ran, write_text

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def sh(command: str, folder: Path) -> str:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_all_blocks_are_known() -> None:
    """A command that comes into the README comes into a test."""
    assert [len(blocks(kind)) for kind in ("sh", "toml", "python")] == [4, 1, 1]
    demo, install, commands, using = blocks("sh")
    assert demo.split("\n")[0] == "make demo"
    assert install.strip() == "pip install torch==2.13.0 && pip install ."
    assert [line.split()[:2] for line in commands.split("\n")[:-1]] == [
        ["mtkit", command] for command in ("preprocess", "train", "translate", "eval")
    ]
    assert all(line.startswith("mtkit ") for line in using.split("\n")[:-1])


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text())) <= targets
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
    quick = (
        "train.max_updates=30 tokenizer.vocab_size=380 model.hidden_dim=32 model.embed_dim=16 train.batch_tokens=600"
    )
    sets = " ".join(f"--set {one}" for one in [*quick.split(), "train.warmup=5", "train.lr=0.02"])
    for command in blocks("sh")[2].split("\n")[:-1]:
        name, verb, *rest = command.split()
        sh(" ".join([name, verb, sets, *rest]), folder)
    return folder


def test_your_own_text(own_text: Path) -> None:
    for part in ("best/config.json", "log.jsonl", "eval/test.json", "checkpoints"):
        assert (own_text / "runs/en-de" / part).exists()
    assert list(own_text.glob("prepared/*/report.json"))


def test_using_a_model(own_text: Path) -> None:
    shutil.copy(own_text / "runs/en-de/eval/test.de", own_text / "output.de")
    for command in blocks("sh")[3].split("\n")[:-1]:
        assert sh(command, own_text)


def test_the_python_example(own_text: Path) -> None:
    (example,) = blocks("python")
    *lines, last = example.strip().split("\n")
    code = "\n".join([*lines, f"print(len({last}))"])
    assert sh(f"{sys.executable} - <<'END'\n{code}\nEND", own_text) == "1\n"


def test_make_demo_in_little_time(tmp_path: Path) -> None:
    """The whole of `make demo` with seconds instead of minutes, and the command that the README has after it."""
    out = sh(f"make --no-print-directory demo MINUTES=0.2 DEMO={tmp_path}/demo", ROOT)
    assert [out.count(word) for word in ("\nsource  ", "\nmtkit  ", "\nreference  ")] == [10, 10, 10]
    for name in ("BLEU\t", "chrF\t", "nrefs:1|case:mixed"):
        assert name in out
    (folder,) = [path for path in tmp_path.iterdir()]
    assert ran(run_mtkit(folder, "translate", stdin="Save the file\n")).count("\n") == 1


def test_without_arguments_anywhere(tmp_path: Path) -> None:
    """The four commands in an empty folder; only the time is cut, for training and for those that follow its run."""
    assert "wrote prepared" in run_mtkit(tmp_path, "preprocess").stderr
    ran(run_mtkit(tmp_path, "train", "--set", "train.max_minutes=0.2"))
    assert ran(run_mtkit(tmp_path, "translate", stdin="Save the file\n")).count("\n") == 1
    assert "BLEU\t" in ran(run_mtkit(tmp_path, "eval"))
