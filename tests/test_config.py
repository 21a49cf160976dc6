"""Reading a config: where it comes from, `--set`, and what differs between two."""

from pathlib import Path
from typing import Any

import pytest

from mtkit import config
from mtkit.config import load, parse
from mtkit.errors import ConfigError

MINIMAL = {"data": {"source_lang": "en", "target_lang": "de", "train": "t"}}


def test_set_reads_toml_or_else_a_string(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sets = [
        "model.encoder.cell=lstm",
        "train.lr=0.5",
        'data.test=["a", "b"]',
        "name=my-run",
        "tokenizer.shared = false",
        "model.decoder.norm=layer",
        "model.encoder.conv=[{kernel = 3}]",
    ]
    made = load("demo", sets).config
    encoder: Any = made.model.encoder
    decoder: Any = made.model.decoder
    assert (encoder.cell, made.train.lr, [text.path for text in made.data.test]) == ("lstm", 0.5, ["a", "b"])
    assert (made.run_name, made.tokenizer.shared) == ("my-run", False)
    assert (decoder.norm, encoder.conv[0].kernel) == ("layer", 3)
    assert load("demo", ["model.encoder.name=transformer"]).config.model.encoder.name == "transformer"
    for wrong in ("novalue", "=1", "name.x=1"):
        with pytest.raises(ConfigError, match="KEY=VALUE|a value, not a table"):
            load("demo", [wrong])


def test_another_kind_of_decoder_leaves_out_keys_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'data = {source_lang = "en", target_lang = "de", train = "train"}\n'
        '[model.decoder]\nlayers = 3\nwiring = "conditional"\n[model.attention]\nname = "auto"\n'
    )

    def decoder_of(*sets: str) -> Any:
        return load(str(path), [f"model.decoder.{one}" for one in sets]).config.model.decoder

    assert decoder_of().wiring == "conditional"
    for sets in (["heads=2", "name=transformer"], ["name=transformer", "heads=2"]):
        decoder = decoder_of(*sets)
        assert (decoder.name, decoder.layers, decoder.heads) == ("transformer", 3, 2)
    assert decoder_of("name=recurrent").wiring == "conditional"
    for wrong in (["model.decoder.wiring=plain"], ["model.decoder.cell=lstm"]):
        with pytest.raises(ConfigError, match="is a key of the recurrent decoder, and this one is transformer"):
            load(str(path), ["model.decoder.name=transformer", *wrong])
    path.write_text(path.read_text() + '[model.encoder]\nname = "transformer"\nhead = 2\n')
    with pytest.raises(ConfigError, match=r"unknown key model\.encoder\.head \(keys here"):
        load(str(path), ["model.encoder.name=recurrent"])


def test_where_a_config_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().origin == "built-in recipe demo (there is no mtkit.toml here)"
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "mtkit.toml").write_text('data = {source_lang = "en", target_lang = "fr", train = "corpus/t"}')
    made = load("sub/mtkit.toml")
    assert made.path("corpus/t") == folder / "corpus/t"  # relative to the config file
    assert made.run_folder == folder / "runs/en-fr"
    monkeypatch.chdir(folder)
    assert load().origin == "mtkit.toml"
    with pytest.raises(ConfigError, match=r"^mtkit\.toml with what was set: unknown key trian, did you mean 'train'\?"):
        load(None, ["trian.lr=3"])
    with pytest.raises(ConfigError, match=r"neither a file nor a recipe, did you mean 'demo'\? \(recipes: .*demo"):
        load("dem")
    (folder / "broken.toml").write_text("[data\n")
    with pytest.raises(ConfigError, match=r"broken.toml is not valid TOML: .*line 1"):
        load("broken.toml")


def test_differences_are_dotted() -> None:
    one, other = parse(MINIMAL, "x"), parse(MINIMAL | {"train": {"lr": 0.5}, "model": {"encoder": {"layers": 2}}}, "x")
    assert config.differences(one, other) == {"train.lr": (1e-3, 0.5), "model.encoder.layers": (1, 2)}


def test_differences_of_a_table_of_another_kind_are_whole() -> None:
    one, other = parse(MINIMAL, "x"), parse(MINIMAL | {"model": {"decoder": {"name": "transformer"}}}, "x")
    assert config.differences(one, other) == {
        "model.decoder.name": ("recurrent", "transformer"),
        "model.decoder.cell": ("gru", None),
        "model.decoder.wiring": ("input_feeding", None),
        "model.decoder.state": ("mean", None),
        "model.decoder.residual": (False, None),
        "model.decoder.norm": ("none", None),
        "model.decoder.heads": (None, 4),
        "model.decoder.ffn_dim": (None, 0),
        "model.decoder.positions": (None, "sinusoidal"),
    }
    assert {key: pair[::-1] for key, pair in config.differences(other, one).items()} == config.differences(one, other)


@pytest.mark.parametrize("name", [{}, [1], 5, None])
def test_a_name_that_is_no_text(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"model.decoder.name = .*: expected recurrent or transformer"):
        parse(MINIMAL | {"model": {"decoder": {"name": name}}}, "x")


@pytest.mark.parametrize("where", ["/dev/zero", "/dev/full", "large.toml"])
def test_what_has_no_end_is_no_config(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large.toml").write_text("# long\n" * 200_000)
    with pytest.raises(ConfigError, match=f"{where} has more than 1,048,576 bytes"):
        config.load(where)
