"""Config: defaults, errors that help, precedence, recipes."""

from pathlib import Path

import pytest

from mtkit import config
from mtkit.config import load, parse
from mtkit.errors import ConfigError
from mtkit.schema import Config

MINIMAL = {"data": {"source_lang": "en", "target_lang": "de", "train": "t"}}


def merged(**sections: dict[str, object]) -> dict[str, object]:
    table: dict[str, object] = {"data": dict(MINIMAL["data"])}
    for name, section in sections.items():
        table[name] = {**table.get(name, {}), **section}  # type: ignore[dict-item]
    return table


def error(table: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(table, "mtkit.toml")
    return str(caught.value)


def test_three_keys_are_enough() -> None:
    made = parse(MINIMAL, "x")
    assert made.run_name == "en-de"
    assert made.data.train == ["t"]
    assert made.model.attention.resolved == "additive"


def test_every_key_has_a_docstring() -> None:
    def fields(section: type) -> list[object]:
        found = []
        for field in section.model_fields.values():  # type: ignore[attr-defined]
            nested = hasattr(field.annotation, "model_fields")
            found += fields(field.annotation) if nested else [field]
        return found

    assert len(fields(Config)) > 50
    assert all(field.description for field in fields(Config))  # type: ignore[attr-defined]


def test_configs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(MINIMAL, "x").seed = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (merged(train={"batch_token": 1}), "unknown key train.batch_token, did you mean 'batch_tokens'? (keys here: "),
        (merged(model={"encoder": {"cel": "gru"}}), "unknown key model.encoder.cel, did you mean 'cell'?"),
        ({"dat": {}}, "unknown key dat, did you mean 'data'?"),
        (
            merged(model={"encoder": {"cell": "grru"}}),
            "unknown cell 'grru', did you mean 'gru'? (choices: rnn, gru, lstm)",
        ),
        (merged(train={"lr": "fast"}), 'train.lr = "fast": input should be a valid number'),
        (merged(train={"patience": True}), "train.patience = true: input should be a valid integer"),
        (merged(model={"dropout": 1.0}), "model.dropout = 1.0: input should be less than or equal to 0.95"),
        (merged(model={"hidden_dim": 255}), "hidden_dim = 255 is odd"),
        (merged(tokenizer={"shared": False}, model={"tie": "all"}), "needs one vocabulary"),
        (merged(tokenizer={"kind": "word"}), "set byte_fallback = false"),
        (merged(tokenizer={"model": ["a", "b"]}), "shared = true takes one file, shared = false two"),
        (merged(train={"batch_tokens": 100}), "less than one sentence of filter.max_pieces"),
        (merged(train={"max_epochs": 0}), "training would never end"),
        (merged(model={"attention": {"name": "none"}, "decoder": {"state": "zeros"}}), "no way to see the source"),
        (merged(model={"attention": {"name": "dott"}}), "unknown attention 'dott', did you mean 'dot'?"),
        ({"data": {"source_lang": "en", "target_lang": "de"}}, "data.train is required but missing"),
        (merged(eval={"metrics": ["blue"]}), "unknown metric 'blue', did you mean 'bleu'?"),
    ],
)
def test_errors_name_the_key_and_the_way_out(table: dict[str, object], message: str) -> None:
    assert message in error(table)


def test_all_errors_are_reported_at_once() -> None:
    text = error({"data": {"source_lang": "en", "trane": "x"}, "train": {"lr": -1.0}, "seeed": 1})
    for part in ("data.target_lang", "data.train", "data.trane", "train.lr", "seeed"):
        assert part in text
    assert text.count("\n") == 4


def test_set_reads_toml_or_else_a_string(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sets = [
        "model.encoder.cell=lstm",
        "train.lr=0.5",
        'data.test=["a", "b"]',
        "name=my-run",
        "tokenizer.shared = false",
    ]
    made = load("demo", sets).config
    assert (made.model.encoder.cell, made.train.lr, made.data.test) == ("lstm", 0.5, ["a", "b"])
    assert (made.run_name, made.tokenizer.shared) == ("my-run", False)
    for wrong in ("novalue", "=1", "name.x=1"):
        with pytest.raises(ConfigError, match="--set"):
            load("demo", [wrong])


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
    with pytest.raises(ConfigError, match=r"neither a file nor a recipe, did you mean 'demo'\? \(recipes: .*demo"):
        load("dem")
    (folder / "broken.toml").write_text("[data\n")
    with pytest.raises(ConfigError, match=r"broken.toml is not valid TOML: .*line 1"):
        load("broken.toml")


@pytest.mark.parametrize("name", config.recipes())
def test_every_recipe_loads(name: str) -> None:
    made = load(name)
    for prefix in [*made.config.data.train, *made.config.data.test]:
        if prefix.startswith(config.BUNDLED):
            assert made.path(f"{prefix}.{made.config.data.source_lang}.gz").is_file()


def test_differences_are_dotted() -> None:
    one, other = parse(MINIMAL, "x"), parse(merged(train={"lr": 0.5}, model={"encoder": {"layers": 2}}), "x")
    assert config.differences(one, other) == {"train.lr": (1e-3, 0.5), "model.encoder.layers": (1, 2)}
