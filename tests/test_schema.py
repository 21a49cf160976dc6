"""What a config may say: defaults, what goes together, errors that help."""

from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from mtkit.config import parse
from mtkit.errors import ConfigError
from mtkit.schema import Config, Model, described
from tests.system.toy import failed, make, mtkit

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
    assert [text.path for text in made.data.train] == ["t"]
    assert (made.model.attention_name, made.model.attention_heads) == ("additive", 1)
    assert made.model.encoder.name == made.model.decoder.name == "recurrent"


def test_every_key_has_a_docstring() -> None:
    def told(section: Any) -> list[str]:
        found, said = [], described.lines(section)
        for key, field in section.model_fields.items():
            # A table, several of which one is chosen by its name, a list of tables, or a value.
            tables = [part for part in (field.annotation, *get_args(field.annotation)) if hasattr(part, "model_fields")]
            found += [inner for table in tables for inner in told(table)]
            if not tables or get_origin(field.annotation) is list:
                found.append(said[key])
        return found

    lines = told(Config)
    assert len(lines) > 70
    assert all(lines)


def test_configs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(MINIMAL, "x").seed = 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (merged(train={"batch_token": 1}), "unknown key train.batch_token, did you mean 'batch_tokens'? (keys here: "),
        (merged(model={"encoder": {"cel": "gru"}}), "unknown key model.encoder.cel, did you mean 'cell'?"),
        ({"dat": {}}, "unknown key dat, did you mean 'data'?"),
        (
            merged(model={"encoder": {"cell": "grru"}}),
            "model.encoder.cell: unknown cell 'grru', did you mean 'gru'? (choices: rnn, rnn_relu, gru, lstm, ",
        ),
        (merged(train={"lr": "fast"}), 'train.lr = "fast": input should be a valid number'),
        (merged(train={"patience": True}), "train.patience = true: input should be a valid integer"),
        (merged(model={"dropout": 1.0}), "model.dropout = 1.0: input should be less than or equal to 0.95"),
        (merged(tokenizer={"kind": "word"}), "set byte_fallback = false"),
        (merged(train={"batch_tokens": 100}), "less than one sentence of filter.max_pieces"),
        (merged(train={"max_epochs": 0}), "training would never end"),
        (merged(model={"attention": {"name": "dott"}}), "unknown attention 'dott', did you mean 'dot'?"),
        ({"data": {"source_lang": "en", "target_lang": "de"}}, "data.train is required but missing"),
        (merged(eval={"metrics": ["blue"]}), "unknown metric 'blue', did you mean 'bleu'?"),
    ],
)
def test_errors_name_the_key_and_the_way_out(table: dict[str, object], message: str) -> None:
    assert message in error(table)


# What a table of several kinds (a recurrent or a Transformer encoder) adds to errors: the user's own words for keys.
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"encoder": {"name": "transformer", "head": 4}},
            "unknown key model.encoder.head, did you mean 'heads'? (keys here: name, layers, heads, ffn_dim, ",
        ),
        ({"encoder": {"name": "transformer", "heads": 0}}, "model.encoder.heads = 0: input should be greater"),
        ({"decoder": {"cell": "ltsm"}}, "model.decoder.cell: unknown cell 'ltsm', did you mean 'lstm'?"),
        (
            {"encoder": {"heads": 4}},
            "model.encoder.heads is a key of the transformer encoder, and this one is recurrent: "
            'leave it out, or set model.encoder.name = "transformer"',
        ),
        (
            {"decoder": {"name": "transformer", "cell": "gru"}},
            "model.decoder.cell is a key of the recurrent decoder, and this one is transformer: "
            'leave it out, or set model.decoder.name = "recurrent"',
        ),
        (
            {"encoder": {"name": "tranformer"}},
            "model.encoder.name = \"tranformer\": expected recurrent or transformer, did you mean 'transformer'?",
        ),
        (
            {"encoder": "transformer"},
            'model.encoder = "transformer": expected a table of keys; did you mean model.encoder.name = "transformer"?',
        ),
        ({"encoder": {"conv": [{}, {"kernal": 3}]}}, "unknown key model.encoder.conv[1].kernal, did you mean 'kernel'"),
        ({"encoder": {"conv": [{"stride": 0}]}}, "model.encoder.conv[0].stride = 0: input should be greater"),
        ({"encoder": {"conv": [4]}}, "model.encoder.conv[0] = 4: expected a table of keys"),
    ],
)
def test_errors_in_tables_that_go_by_their_name(model: dict[str, object], message: str) -> None:
    text = error(merged(model=model))
    assert text.startswith(f"mtkit.toml: {message}")
    assert ".recurrent" not in text  # pydantic's words, not the user's
    assert ".transformer" not in text


TRANSFORMER = {"name": "transformer"}
GRU2 = {"layers": 2}


# Combinations that are refused: each with the reason and the way out.
@pytest.mark.parametrize(
    ("table", "where", "reason", "way_out"),
    [
        (
            merged(model={"attention": {"name": "none", "coverage": True}}),
            "model.attention: coverage = true",
            "needs an attention to watch",
            "use coverage = false",
        ),
        *(
            (
                merged(model={"decoder": TRANSFORMER, "attention": {"name": name}}),
                f'model: attention.name = "{name}"',
                "is for recurrent decoders",
                'a Transformer decoder has "multihead": use that (or "auto"), or decoder.name = "recurrent"',
            )
            for name in ("none", "additive", "dot", "scaled_dot", "general", "location", "local")
        ),
        (
            merged(model={"decoder": TRANSFORMER, "attention": {"coverage": True}}),
            "model: attention.coverage = true",
            "is for recurrent decoders",
            'use false, or decoder.name = "recurrent"',
        ),
        (
            merged(model={"hidden_dim": 255}),
            "model: hidden_dim = 255 is odd",
            "a bidirectional encoder has half of it a direction",
            "use 256 or encoder.bidirectional = false",
        ),
        (
            merged(model={"hidden_dim": 250, "encoder": TRANSFORMER}),
            "model: encoder.heads = 4",
            "does not divide hidden_dim = 250",
            "use one that does, or hidden_dim = 252",
        ),
        (
            merged(model={"hidden_dim": 510, "decoder": TRANSFORMER | {"heads": 8}, "attention": {"heads": 1}}),
            "model: decoder.heads = 8",
            "does not divide hidden_dim = 510",
            "use one that does, or hidden_dim = 512",
        ),
        (
            merged(model={"hidden_dim": 256, "attention": {"name": "additive", "heads": 3}}),
            "model: attention.heads = 3",
            "does not divide hidden_dim = 256",
            "use one that does, or hidden_dim = 258",
        ),
        (
            merged(model={"hidden_dim": 250, "attention": {"name": "multihead"}}),
            "model: attention.heads = 4",
            "does not divide hidden_dim = 250",
            "use one that does, or hidden_dim = 252",
        ),
        (
            merged(tokenizer={"shared": False, "model": ["one.model"]}),
            "tokenizer: 1 tokenizer model(s) given with shared = false",
            "shared = true takes one file",
            "shared = false two",
        ),
        (
            merged(tokenizer={"model": ["source.model", "target.model"]}),
            "tokenizer: 2 tokenizer model(s) given with shared = true",
            "shared = true takes one file",
            "shared = false two",
        ),
        (
            merged(tokenizer={"model": ["a", "b", "c"]}),
            "tokenizer: model takes one file or two",
            "source and target",
            "got 3",
        ),
        (
            merged(model={"encoder": {"residual": True}}),
            "model.encoder: residual = true",
            "begins at the second layer, but layers = 1",
            "use layers = 2 or more, or false",
        ),
        (
            merged(model={"decoder": {"residual": True}}),
            "model.decoder: residual = true",
            "begins at the second layer, but layers = 1",
            "use layers = 2 or more, or false",
        ),
        (
            merged(model={"decoder": {"wiring": "gnmt"}}),
            'model.decoder: wiring = "gnmt"',
            "(the bottom layer asks, all above it see the context) takes 2 layers, but layers = 1",
            "use layers = 2 or more, or another wiring",
        ),
        *(
            (
                merged(model={"decoder": {"wiring": wiring, "norm": "batch"}}),
                'model.decoder: norm = "batch" needs all positions of a layer at once',
                f'wiring = "{wiring}" makes them one after the other',
                'use norm = "none" or "layer", or wiring = "plain" or "gnmt"',
            )
            for wiring in ("input_feeding", "bahdanau", "conditional")
        ),
        (
            merged(model={"attention": {"name": "none"}, "decoder": {"state": "zeros"}}),
            'model: attention "none" with decoder.state = "zeros"',
            "no way to see the source",
            'use decoder.state = "last" or "mean"',
        ),
        *(
            (
                merged(model={"attention": {"name": "none"}, "decoder": GRU2 | {"wiring": wiring}}),
                f'model: decoder.wiring = "{wiring}" says where the context goes',
                'attention "none" makes none',
                'use wiring = "input_feeding" or "plain", or an attention',
            )
            for wiring in ("bahdanau", "conditional", "gnmt")
        ),
        *(
            (
                merged(model={"attention": {"name": name, "heads": 2}}),
                "model.attention: heads = 2",
                f'attention "{name}" has one',
                "use heads = 0, or one of additive, scaled_dot, general, multihead",
            )
            for name in ("none", "dot", "location", "local")
        ),
        (
            merged(model={"encoder": {"conv": [{"kernel": 2, "stride": 3}]}}),
            "model.encoder.conv[0]: stride = 3",
            "positions between would never be seen",
            "use a kernel as wide as the stride, or wider",
        ),
        (merged(train={"average": 1}), "train: average = 1", "is no average", "use 2 or more, or 0"),
        (
            merged(model={"hidden_dim": 36, "encoder": TRANSFORMER | {"positions": "rotary"}}),
            'model: encoder.positions = "rotary" turns pairs of numbers',
            "a head of 36 / 4 is odd",
            "change hidden_dim or encoder.heads",
        ),
        (
            merged(model={"hidden_dim": 36, "decoder": TRANSFORMER | {"positions": "rotary"}}),
            'model: decoder.positions = "rotary" turns pairs of numbers',
            "a head of 36 / 4 is odd",
            "change hidden_dim or decoder.heads",
        ),
        (
            merged(model={"encoder": TRANSFORMER, "decoder": TRANSFORMER}, train={"bptt_steps": 10}),
            "train.bptt_steps = 10 cuts gradients from state to state",
            "there is no recurrent layer in this model",
            "leave it out",
        ),
        (
            merged(train={"consistency": "rdrop"}, model={"dropout": 0.0}),
            'train.consistency = "rdrop" compares two passes with other dropout',
            "model.dropout = 0 makes them equal",
            'use some, or "simcut", or "none"',
        ),
        *(
            (
                merged(tokenizer={"kind": kind, "sample": 0.5, "byte_fallback": False}),
                "tokenizer: sample = 0.5",
                f'kind = "{kind}" segments in one way only',
                'or use kind = "unigram" or "bpe"',
            )
            for kind in ("char", "word")
        ),
        *(
            (
                merged(tokenizer={"shared": False}, model={"tie": tie}),
                f'model.tie = "{tie}" needs one vocabulary for both sides',
                "but tokenizer.shared = false",
                'use tie = "target" or "none", or tokenizer.shared = true',
            )
            for tie in ("inputs", "all")
        ),
    ],
)
def test_what_does_not_go_together_is_refused(table: dict[str, object], where: str, reason: str, way_out: str) -> None:
    text = error(table)
    assert text.startswith(f"mtkit.toml: {where}")
    assert reason in text
    assert text.endswith(way_out)


def test_the_command_refuses_it_before_any_work(tmp_path: Path) -> None:
    folder = make(tmp_path / "toy")
    before = sorted(folder.rglob("*"))
    done = mtkit(folder, "train", "-s", "model.decoder.name=transformer", "-s", "model.attention.name=dot")
    failed(done, 'attention.name = "dot" is for recurrent decoders', 'or decoder.name = "recurrent"')
    done = mtkit(folder, "train", "-s", "model.decoder.name=transformer", "-s", "model.decoder.cell=gru")
    failed(done, "model.decoder.cell is a key of the recurrent decoder")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "model",
    [
        {"encoder": TRANSFORMER, "decoder": {"cell": "ssru", "wiring": "plain"}},
        {"decoder": TRANSFORMER, "attention": {"name": "multihead", "heads": 8}},
        {"encoder": {"bidirectional": False}, "hidden_dim": 255},
        {"encoder": GRU2 | {"residual": True, "norm": "batch"}, "decoder": GRU2 | {"wiring": "gnmt", "norm": "batch"}},
        {"attention": {"name": "none"}, "decoder": {"state": "last"}},
        {"attention": {"name": "local", "window": 5, "coverage": True}},
        {"attention": {"name": "additive", "heads": 8}},
        {"encoder": {"conv": [{"kernel": 3}, {}]}},
    ],
    ids=str,
)
def test_what_goes_together(model: dict[str, object]) -> None:
    made = parse(merged(model=model), "x").model
    assert Model.model_validate(made.model_dump()) == made  # as a bundle's config.json has it


def test_auto_attention_goes_by_the_decoder() -> None:
    made = parse(merged(model={"encoder": TRANSFORMER, "decoder": TRANSFORMER}), "x").model
    assert (made.attention_name, made.attention_heads) == ("multihead", 4)
    made = parse(merged(model={"encoder": TRANSFORMER}), "x").model
    assert (made.attention_name, made.attention_heads) == ("additive", 1)


def test_all_errors_are_reported_at_once() -> None:
    text = error({"data": {"source_lang": "en", "trane": "x"}, "train": {"lr": -1.0}, "seeed": 1})
    for part in ("data.target_lang", "data.train", "data.trane", "train.lr", "seeed"):
        assert part in text
    assert text.count("\n") == 4
    text = error(merged(model={"encoder": {"name": "transformer", "cell": "gru"}, "decoder": {"layer": 2, "norm": 1}}))
    for part in ("model.encoder.cell", "model.decoder.layer,", "model.decoder.norm"):
        assert part in text
    assert text.count("\n") == 2
