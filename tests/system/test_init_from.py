"""Beginning from a model: its weights and tokenizer, and what cannot be begun from it."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from mtkit import files
from mtkit.config import load
from mtkit.errors import MtkitError
from mtkit.jobs.export import export
from mtkit.jobs.info import of_config
from mtkit.jobs.train import train
from mtkit.store import bundle_config, log
from tests.system.test_memory import Messages
from tests.system.toy import mtkit, ran

SHORT = ("name=next", "train.max_updates=2", "train.validate_every=2", "train.init_from=runs/toy")


@pytest.fixture
def toy(trained: Path, tmp_path: Path) -> Path:
    """A folder with a finished run, to be written to."""
    return shutil.copytree(trained, tmp_path / "toy")


def start(folder: Path, *sets: str) -> tuple[Path, Messages]:
    view = Messages()
    train(load(str(folder / "mtkit.toml"), [*SHORT, *sets]), view, device="cpu")
    return folder / "runs/next", view


def begun(run: Path) -> float:
    """The loss that it began with."""
    return next(event.loss for event in log.read(run / "log.jsonl") if isinstance(event, log.Update))


def test_a_run_goes_on_with_the_weights_of_another(toy: Path) -> None:
    config = (toy / "mtkit.toml").read_text()
    (toy / "mtkit.toml").write_text(config.replace("embed_dim = 48\nhidden_dim = 64\ndropout = 0.1\n", ""))
    run, view = start(toy, "train.lr=0.001", "model.dropout=0.3", "train.ema=0.9")
    assert begun(run) < 2 < 5 < begun(toy / "runs/toy")
    assert "beginning with the weights of runs/toy" in view.said
    before, after = (bundle_config.read(folder / "best") for folder in (toy / "runs/toy", run))
    assert after.model == before.model.model_copy(update={"dropout": 0.3})
    assert (run / "best/tokenizer.model").read_bytes() == (toy / "runs/toy/best/tokenizer.model").read_bytes()
    weights = files.sha256(toy / "runs/toy/best/model.safetensors")
    assert after.training
    assert after.training.hashes["runs/toy: model.safetensors"] == weights
    card = (run / "best/README.md").read_text()
    assert "Begun with the weights of `runs/toy`." in card
    assert weights in card
    assert after.training.scores["bleu"] > 80
    described = of_config(load(str(toy / "mtkit.toml"), ["name=next", "train.init_from=runs/toy"]))
    assert described.parameters == sum(value.size for value in load_file(run / "best/model.safetensors").values())
    start(toy, "train.lr=0.001", "model.dropout=0.3", "train.ema=0.9", "train.max_updates=4")  # it goes on as itself
    assert [event.update for event in log.read(run / "log.jsonl") if isinstance(event, log.Begin)] == [0, 2]


def test_killed_before_its_first_checkpoint_it_begins_from_the_model_again(toy: Path) -> None:
    run, _ = start(toy)
    for name in ("best", "checkpoints"):
        shutil.rmtree(run / name)
    (run / "log.jsonl").unlink()
    start(toy)
    assert begun(run) < 2


REFUSED = {
    "another width": ("model.hidden_dim=32", "is another model .model.hidden_dim = 32, there 64.: leave"),
    "another encoder": ("model.encoder.name=transformer", "model.encoder.name = 'transformer', there 'recurrent'"),
    "two tokenizers": ("tokenizer.shared=false", "tokenizer.shared = false, but .* has one tokenizer for both sides"),
    "another tokenizer": ("tokenizer.model=mtkit.toml", "is not the tokenizer of train.init_from"),
    "itself": ("name=toy", "is this run itself: give the new run another name"),
    "nothing": ("train.init_from=runs/none", "train.init_from: .*runs/none does not exist"),
    "text": ("train.init_from=train.en", "train.init_from: .*train.en"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_before_any_work(what: str, toy: Path) -> None:
    shutil.rmtree(toy / "prepared")
    key, says = REFUSED[what]
    with pytest.raises(MtkitError, match=says) as caught:
        start(toy, key)
    assert "\n" not in str(caught.value)
    assert not (toy / "prepared").exists()
    assert not (toy / "runs/next").exists()


def test_exported_models(toy: Path) -> None:
    for precision in ("int8", "bf16"):
        export(toy / "runs/toy", toy / precision, precision=precision, corpus=None)
    with pytest.raises(MtkitError, match="exported in int8, which is too coarse to train on"):
        start(toy, "train.init_from=int8")
    run, _ = start(toy, "train.init_from=bf16")
    assert begun(run) < 2


def test_a_damaged_model_is_named(toy: Path) -> None:
    (toy / "runs/toy/best/tokenizer.model").unlink()
    with pytest.raises(MtkitError, match=r"train.init_from: .*tokenizer.model is missing"):
        start(toy)


def test_the_flag_goes_by_the_current_folder(toy: Path) -> None:
    sets = ("-s", "name=next", "-s", "train.max_updates=1")
    ran(mtkit(toy.parent, "train", "-q", "-c", "toy/mtkit.toml", "--init-from", "toy/runs/toy", *sets))
    assert begun(toy / "runs/next") < 2
    noted = json.loads((toy / "runs/next/config.json").read_text())["config"]
    assert noted["train"]["init_from"] == str(toy / "runs/toy")
