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
from mtkit.report.training import Parent
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
        run, _ = start(toy, f"train.init_from={precision}", f"name={precision}")
        assert begun(run.parent / precision) < 2
    (parent,) = parents(toy / "runs/int8")
    assert (parent.name, parent.exported, parent.languages) == ("int8", "int8", ("en", "de"))
    card = (toy / "runs/int8/best/README.md").read_text()
    assert "| `int8` | en to de, exported in int8 | all weights | 500 updates" in card


def test_the_whole_line_of_parents_is_told(toy: Path) -> None:
    start(toy)
    export(toy / "runs/next", toy / "small", precision="int8", corpus=None)
    run, _ = start(toy, "train.init_from=small", "name=third")
    line = parents(run.parent / "third")
    assert [one.name for one in line] == ["small", "runs/toy"]
    assert line[1].sha256 == files.sha256(toy / "runs/toy/best/model.safetensors")
    assert [one.training.updates for one in line if one.training] == [2, 500]


def parents(run: Path) -> list[Parent]:
    training = bundle_config.read(run / "best").training
    assert training
    return training.parents


OWN = "tokenizer.vocab_size=365"


def test_parts_with_a_vocabulary_of_ones_own(toy: Path) -> None:
    """By piece: where nothing else is new the loss begins far below that of a new model, and so for a sister tongue."""
    parts = 'train.init_parts=["encoder", "decoder", "embeddings"]'
    run, view = start(toy, parts, OWN, "train.lr=1e-9")
    (inherited,) = [event for event in log.read(run / "log.jsonl") if isinstance(event, log.Inherited)]
    assert inherited.took.startswith("encoder, decoder, embeddings of 365 pieces (0 others")
    assert any(inherited.took in said for said in view.said)
    assert begun(run) < 3 < 5 < begun(toy / "runs/toy")
    for side in ("train", "dev", "test"):
        for language, other in (("en", "nl"), ("de", "af")):
            shutil.copy(toy / f"{side}.{language}", toy / f"{side}.{other}")
    child = ("data.source_lang=nl", "data.target_lang=af", "name=child")
    run, view = start(toy, parts, OWN, "train.lr=1e-9", *child)
    assert begun(run.parent / "child") < 3
    assert "train.init_from translates en to de, and this run nl to af" in view.warned


def test_one_part_alone(toy: Path) -> None:
    run, _ = start(toy, "train.init_parts=encoder", OWN, "train.lr=1e-9", "model.decoder.cell=lstm")
    mine, theirs = (load_file(one / "best/model.safetensors") for one in (run, toy / "runs/toy"))
    same = {name for name in mine if name in theirs and mine[name].shape == theirs[name].shape}
    close = {name for name in same if abs(mine[name] - theirs[name]).max() < 1e-6}
    assert {name for name in mine if name.startswith("encoder.")} <= close
    assert not any(name.startswith("decoder.") and mine[name].any() for name in close)
    found = bundle_config.read(run / "best").model
    assert (found.embed_dim, found.hidden_dim, getattr(found.decoder, "cell", "")) == (48, 64, "lstm")
    start(toy, "train.init_parts=encoder", OWN, "train.lr=1e-9", "model.decoder.cell=lstm", "train.max_updates=4")
    assert [event.update for event in log.read(run / "log.jsonl") if isinstance(event, log.Begin)] == [0, 2]


UNFIT = {
    "width": (("model.hidden_dim=32",), r"encoder\.\S+: F32 \S+ there, F32 \S+ here; .* and \d+ more"),
    "kind": (("model.decoder.name=transformer",), r"decoder\.\S+: none there, F32 64x48 here"),
    "embeddings": (("model.embed_dim=32",), r"source_VE: \(48,\) numbers a piece there, \(32,\) here"),
}


@pytest.mark.parametrize("what", ["width", "kind", "embeddings"])
def test_what_does_not_fit_is_named(what: str, toy: Path) -> None:
    shutil.rmtree(toy / "prepared")
    sets, says = UNFIT[what]
    parts = {"width": "encoder", "kind": "decoder", "embeddings": "embeddings"}[what]
    with pytest.raises(MtkitError, match=f"does not fit this model: {says}"):
        start(toy, f"train.init_parts={parts}", *sets)
    assert not (toy / "prepared").exists()


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
