"""`mtkit info`: what it says of a model is right, counted by hand, and it looks the same to people and programs."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pexpect
import pytest
from safetensors.torch import load_file

from mtkit import files
from mtkit.config import parse
from mtkit.jobs.info import cost, parts
from mtkit.model.build import build
from mtkit.registry import CHOICES
from mtkit.report.card import card
from mtkit.report.description import architecture
from mtkit.report.training import TrainingFacts
from mtkit.schema import Config, Model, Train
from mtkit.train.loss import Objective
from tests.system.toy import ENVIRONMENT, failed, mtkit, ran, terminal

TRANSFORMER = {"name": "transformer", "ffn_dim": 96}
FAMILY: dict[str, dict[str, Any]] = {
    "default": {},
    "separate": {"tie": "none"},
    "deep": {
        "encoder": {"layers": 3, "cell": "lstm", "residual": True, "norm": "batch"},
        "decoder": {"layers": 3, "cell": "lstm_ln", "wiring": "gnmt", "residual": True, "norm": "layer"},
    },
    "conditional": {"decoder": {"wiring": "conditional"}, "attention": {"heads": 4, "coverage": True}},
    "no attention": {"decoder": {"wiring": "plain", "state": "last"}, "attention": {"name": "none"}},
    "location": {"attention": {"name": "location", "window": 4}, "decoder": {"wiring": "bahdanau"}},
    "convolution": {"encoder": {"conv": [{"kernel": 3, "channels": 24}, {}], "bidirectional": False}},
    "transformer": {
        "encoder": TRANSFORMER | {"layers": 2, "positions": "learned"},
        "decoder": TRANSFORMER | {"heads": 1, "positions": "rotary"},
    },
    "mixed": {
        "encoder": TRANSFORMER,
        "decoder": {"cell": "ssru", "wiring": "plain"},
        "attention": {"name": "multihead"},
    },
}


def model_of(name: str) -> Model:
    return Model.model_validate({"embed_dim": 32, "hidden_dim": 48} | FAMILY[name])


@pytest.mark.parametrize("name", FAMILY)
def test_every_parameter_belongs_to_one_part(name: str) -> None:
    model = build(model_of(name), 100, 100, True)
    found = parts(model)
    assert sum(part.parameters for part in found) == sum(p.numel() for p in model.parameters())
    names = [values.name for part in found for values in part.values]
    assert names == [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert len({part.name for part in found}) == len(found)
    assert not any("_" in part.name or "." in part.name for part in found)


@pytest.mark.parametrize("tie", ["none", "inputs", "target", "all"])
def test_a_tied_matrix_is_counted_once_and_named(tie: str) -> None:
    model = build(Model(embed_dim=32, hidden_dim=32, tie=tie), 100, 100, True)  # type: ignore[arg-type]
    tied = {values.name: values.tied_to for part in parts(model) for values in part.values if values.tied_to}
    assert (
        tied
        == {
            "none": {},
            "inputs": {"target_VE": "source embedding"},
            "target": {"output.weight_VE": "target embedding"},
            "all": {"target_VE": "source embedding", "output.weight_VE": "source embedding"},
        }[tie]
    )


def test_parts_have_the_names_of_the_field() -> None:
    def names(which: str) -> list[str]:
        return [part.name for part in parts(build(model_of(which), 100, 100, True))]

    assert names("default")[:3] == ["source embedding", "target embedding", "encoder layer 1"]
    assert {"decoder attention", "decoder bridge", "decoder cell 1", "decoder readout", "output"} < set(
        names("default")
    )
    assert {"convolution layer 1", "convolution layer 2"} < set(names("convolution"))
    assert {"encoder block 1", "encoder block 2", "decoder block 1"} < set(names("transformer"))
    assert {"encoder layer 3", "encoder norm 3", "decoder cell 3", "decoder norm 3"} < set(names("deep"))


def test_the_cost_of_the_model_that_toolkits_are_compared_on() -> None:
    """8,000 pieces, embeddings 256, GRU of 256 a direction, hidden 512, additive attention, input feeding."""
    model = build(Model(tie="inputs"), 8000, 8000, True)
    assert 10.1e6 < sum(part.parameters for part in parts(model)) < 10.3e6
    counted = cost(model)
    assert 43e6 < counted.total < 51e6
    E, H, V, L = 256, 512, 8000, 17  # of every sentence, 17 positions a side
    weights: float = 2 * 3 * (H // 2) * (E + H // 2)  # encoder: two directions, three gates
    weights += 3 * H * (E + H + H)  # decoder: word and attentional vector, state
    weights += H * H + H * H + 2 * H * H + H * V + H * H / L  # keys, query, readout, output; the bridge, once
    weights += 2 * L * H  # energy, context
    assert counted.forward == pytest.approx(2 * weights, rel=1e-3)
    assert counted.backward == pytest.approx(2 * counted.forward, rel=0.01)


def test_two_passes_cost_twice() -> None:
    model = build(Model(), 500, 500, True)
    once = cost(model)
    for name in ("rdrop", "simcut"):
        twice = cost(model, Objective.of(Train.model_validate({"consistency": name})))
        assert twice.forward == pytest.approx(2 * once.forward)
        assert twice.backward == pytest.approx(2 * once.backward)


def test_the_cost_of_a_transformer() -> None:
    side = TRANSFORMER | {"layers": 2}
    config = {"embed_dim": 64, "hidden_dim": 64, "encoder": side, "decoder": side}
    counted = cost(build(Model.model_validate(config), 500, 500, True))
    H, F, V, L = 64, 96, 500, 17
    attention = 4 * H * H + 2 * L * H  # query, key, value, output; scores and context
    assert counted.forward == pytest.approx(2 * (2 * (3 * attention + 2 * 2 * H * F) + H * V), rel=0.01)
    assert counted.backward == pytest.approx(2 * counted.forward, rel=0.1)  # the fused form computes scores again


@pytest.mark.parametrize("name", FAMILY)
def test_a_cost_is_three_products_a_weight(name: str) -> None:
    model = build(model_of(name), 100, 100, True)
    counted = cost(model)
    assert counted.backward == pytest.approx(2 * counted.forward, rel=0.1)
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "encoder", "decoder", "attention"),
    [
        (
            "default",
            "1 layer of gru, both ways",
            "1 layer of gru, wired input_feeding, beginning with the mean state",
            "additive",
        ),
        (
            "deep",
            "3 layers of lstm, both ways, residual, batch norm",
            "3 layers of lstm_ln, wired gnmt, beginning with the mean state, residual, layer norm",
            "additive",
        ),
        (
            "conditional",
            "1 layer of gru, both ways",
            "1 layer of gru, wired conditional, beginning with the mean state",
            "additive, 4 heads, with coverage",
        ),
        (
            "convolution",
            "convolution (kernel 3, stride 2, 24 channels), convolution (kernel 5, stride 2, 256 channels), "
            "1 layer of gru, left to right",
            "1 layer of gru, wired input_feeding, beginning with the mean state",
            "additive",
        ),
        (
            "transformer",
            "2 layers of self-attention, 4 heads, feed-forward 96, learned positions",
            "1 layer of self-attention, 1 head, feed-forward 96, rotary positions",
            "multihead, 4 heads",
        ),
        (
            "location",
            "1 layer of gru, both ways",
            "1 layer of gru, wired bahdanau, beginning with the mean state",
            "location, window 4",
        ),
    ],
)
def test_an_architecture_in_words(name: str, encoder: str, decoder: str, attention: str) -> None:
    words = architecture(model_of(name))
    assert words == {
        "encoder": encoder,
        "decoder": decoder,
        "attention": attention,
        "widths": "embeddings 32, hidden 48",
    }


@pytest.mark.parametrize("name", FAMILY)
def test_a_card_says_what_is_known(name: str) -> None:
    table = {"data": {"source_lang": "en", "target_lang": "de", "train": "t"}, "model": FAMILY[name], "seed": 7}
    config: Config = parse(table, "x")
    facts = TrainingFacts(
        seed=7,
        updates=12345,
        minutes=5.61,
        parameters=1234567,
        averaged=3,
        scores={"loss": 2.34564, "bleu": 31.861, "chrf": 57.2},
        signatures={"bleu": "nrefs:1|case:mixed|tok:13a", "chrf": "nrefs:1|nc:6"},
        hashes={"text/train.en": "0" * 64, "odd | name/train.de": "ab" * 32},
    )
    text = card(config, facts)
    for part in (
        *architecture(config.model).values(),
        "1,234,567 parameters",
        "| loss a token | 2.3456 | |",
        "| bleu | 31.86 | `nrefs:1|case:mixed|tok:13a` |",
        "`mtkit train`, seed 7, 12,345 updates, 5.6 minutes, the weights of 3 validations averaged; the whole",
        f"| odd | name/train.de | `{'ab' * 32}` |",
    ):
        assert part in text
    (inside,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert Config.model_validate_json(inside) == config


def test_a_bundle(trained: Path) -> None:
    run = trained / "runs/toy"
    told = json.loads(ran(mtkit(trained, "info", "--json", "runs/toy")))
    assert told == json.loads(ran(mtkit(trained, "info", "--json", "runs/toy/best")))
    values = load_file(run / "best/model.safetensors")
    assert told["parameters"] == sum(value.numel() for value in values.values())
    shapes = {
        tensor["name"]: tensor["shape"]
        for part in told["parts"]
        for tensor in part["tensors"]
        if tensor["tied_to"] is None
    }
    assert shapes == {name: list(value.shape) for name, value in values.items()}
    assert told["model_bytes"] == (run / "best/model.safetensors").stat().st_size
    assert (told["source_lang"], told["target_lang"], told["vocab_sizes"]) == ("en", "de", [380, 380])
    assert told["training"]["update"] in (250, 500)
    assert told["training"]["scores"]["bleu"] > 90
    assert told["training"]["signatures"]["bleu"].startswith("nrefs:1|case:mixed|")
    assert told["training"]["hashes"]["toy/train.en"] == files.sha256(trained / "train.en")
    assert told["mflop_per_target_token"]["total"] == pytest.approx(
        told["mflop_per_target_token"]["forward"] + told["mflop_per_target_token"]["backward"]
    )

    done = mtkit(trained, "info", "runs/toy")
    text = ran(done)
    assert done.stderr == ""
    for part in (
        f"{told['parameters']:,}",
        told["architecture"]["decoder"],
        told["training"]["signatures"]["chrf"],
        told["training"]["hashes"]["toy/train.en"],
        "16 pieces and an end on both sides",
        "380x48 of source embedding",
    ):
        assert part in text
    assert text.isascii()  # no boxes, nothing cut off
    assert max(map(len, text.splitlines())) > 100


def test_a_card_that_was_rewritten_changes_nothing(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "runs/toy/best", tmp_path / "best")
    before = mtkit(tmp_path, "info", "best", "--json").stdout
    assert json.loads(before)["training"]["scores"]["bleu"] > 90
    (tmp_path / "best/README.md").write_text("mine now")
    assert ran(mtkit(tmp_path, "info", "best", "--json")) == before
    (tmp_path / "best/README.md").unlink()
    assert "dev BLEU" in ran(mtkit(tmp_path, "info", "best"))


def test_a_config(folder: Path, tmp_path: Path) -> None:
    done = mtkit(folder, "info")
    assert "config: mtkit.toml" in done.stderr
    assert "380 pieces (tokenizer.vocab_size; the text is not prepared yet)" in ran(done)
    assert not (folder / "prepared").exists()  # it only looks
    assert "the text is not prepared yet, and" in ran(
        mtkit(folder, "info", "-q", "-s", "tokenizer.kind=char", "-s", "tokenizer.byte_fallback=false")
    )
    ran(mtkit(folder, "preprocess", "-s", "tokenizer.vocab_size=360", "-s", "tokenizer.shared=false"))
    sets = ("-s", "tokenizer.vocab_size=360", "-s", "tokenizer.shared=false")
    told = json.loads(ran(mtkit(folder, "info", "mtkit.toml", "--json", *sets)))
    assert (told["vocab_sizes"], told["vocab_origin"]) == ([360, 360], "source and target")
    assert told["model_bytes"] == 4 * told["parameters"]
    assert (told["training"], told["mtkit_version"]) == (None, None)
    (folder / "train.en").unlink()  # without its text, a model can be described all the same
    assert "not prepared yet" in ran(mtkit(folder, "info", "-q"))

    elsewhere = mtkit(tmp_path, "info", "--json")
    assert "config: built-in recipe demo (there is no mtkit.toml here)" in elsewhere.stderr
    (tmp_path / "demo").mkdir()  # where the demo was tried: no model by itself
    assert json.loads(ran(elsewhere))["parts"] == json.loads(ran(mtkit(tmp_path, "info", "demo", "--json")))["parts"]


def test_a_config_whose_run_has_a_model_names_it(trained: Path) -> None:
    assert "mtkit info runs/toy" in mtkit(trained, "info").stderr
    assert mtkit(trained, "info", "-q").stderr == ""


def test_what_it_refuses(trained: Path) -> None:
    failed(mtkit(trained, "info", "runs/toi"), "runs/toi is no bundle, no run, no config file and no recipe")
    failed(mtkit(trained, "info", "demmo"), "did you mean 'demo'?")
    failed(mtkit(trained, "info", "runs"), "runs is no bundle: it has no checksums.json")
    failed(mtkit(trained, "info", "-q", "-s", "model.encoder.cel=gru"), "unknown key model.encoder.cel")
    for arguments in (
        ("runs/toy", "-s", "seed=2"),
        ("demo", "-c", "demo"),
        ("--list", "demo"),
        ("--list", "-s", "seed=2"),
    ):
        done = mtkit(trained, "info", *arguments)
        assert (done.returncode, done.stdout) == (2, "")


def test_list_has_every_choice(tmp_path: Path) -> None:
    lines = ran(mtkit(tmp_path, "info", "--list")).splitlines()
    assert len(lines) == 1 + sum(map(len, CHOICES.values()))
    for kind, choices in CHOICES.items():
        for name, choice in choices.items():
            (line,) = (line for line in lines if line.split()[:2] == [kind, name])
            assert f"{choice.what} " in line
            assert f"{choice.paper} " in line
            assert line.endswith("mtkit")
    told = json.loads(ran(mtkit(tmp_path, "info", "--list", "--json")))
    assert told["cell"]["lstm"]["paper"].startswith("Hochreiter")
    assert {kind: set(choices) for kind, choices in told.items()} == {
        kind: set(choices) for kind, choices in CHOICES.items()
    }


def test_keys_are_listed_with_type_default_and_meaning(tmp_path: Path) -> None:
    rows = ran(mtkit(tmp_path, "info", "--keys")).splitlines()
    assert len(rows) > 80
    assert [head for head in rows[0].split() if head != "of"] == ["key", "type", "default", "what"]
    (row,) = (row for row in rows if row.startswith("train.lr "))
    assert row.split() == [
        "train.lr",
        "float",
        ">",
        "0",
        "0.001",
        *["Peak", "learning", "rate,", "for", "every", "schedule."],
    ]
    layers = [row.split()[1] for row in rows if row.startswith("model.encoder.layers ")]
    assert layers == list(CHOICES["encoder"])
    told = json.loads(ran(mtkit(tmp_path, "info", "--keys", "model.decoder.w", "--json")))
    assert told == [
        {
            "key": "model.decoder.wiring",
            "of": "recurrent",
            "type": "|".join(CHOICES["wiring"]),
            "default": "input_feeding",
            "what": "How attention and recurrence are connected.",
        }
    ]
    required = ran(mtkit(tmp_path, "info", "--keys", "data.source")).splitlines()[1]
    assert required.split()[:3] == ["data.source_lang", "text", "required"]
    failed(mtkit(tmp_path, "info", "--keys", "trian"), "no key begins with 'trian', did you mean 'train'?")
    for wrong in (["--keys", "--list"], ["--keys", "-s", "seed=2"], ["--keys", "-c", "demo"]):
        assert mtkit(tmp_path, "info", *wrong).returncode == 2


@pytest.mark.parametrize("arguments", [["runs/toy"], ["--list"], ["--keys", "filter"]], ids=" ".join)
def test_on_a_terminal_it_fits_and_nothing_is_cut(trained: Path, arguments: list[str]) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "COLUMNS"} | {"TERM": "xterm"}

    def shown(columns: int) -> list[str]:
        child = terminal(trained, "info", *arguments, environment=environment, rows=50, columns=columns)
        child.expect(pexpect.EOF)
        text: str = child.before or ""
        child.close()
        assert child.exitstatus == 0
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        return [line.rstrip() for line in plain.replace("\r\n", "\n").split("\n")]

    narrow, wide = shown(80), shown(300)
    assert max(map(len, narrow)) <= 80
    assert 80 < max(map(len, wide)) < 160  # as wide as needed and no wider
    for lines in (narrow, wide):
        assert not any("…" in line for line in lines)
    assert sorted(" ".join(narrow).split()) == sorted(" ".join(wide).split())
