"""No key without effect: every key is classified, and what changes nothing is refused with the reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtkit.config import Loaded, load, parse
from mtkit.errors import ConfigError
from mtkit.jobs.preparing.inputs import find
from mtkit.schema import Config
from mtkit.schema.effects import EFFECTS, always
from mtkit.schema.kinds import ByName
from tests.test_schema import merged

TRANSFORMER = {"name": "transformer"}
WORDS: dict[str, object] = {"kind": "word", "byte_fallback": False}
MODEL_FILE: dict[str, object] = {"model": "a.model"}


def keys(table: Any, prefix: str = "") -> Iterator[str]:
    """Every key of the config, those of every kind of encoder and decoder among them."""
    for key, field in table.model_fields.items():
        by_name = next((mark for mark in field.metadata if isinstance(mark, ByName)), None)
        inner = list(by_name.tables.values()) if by_name else [field.annotation]
        if any(hasattr(part, "model_fields") for part in inner):
            for part in inner:
                yield from keys(part, f"{prefix}{key}.")
        else:
            yield prefix + key


def test_every_key_is_classified() -> None:
    found = set(keys(Config))
    assert len(found) > 60
    assert found == set(EFFECTS)


# A config in which the key changes nothing, its default given or not, and one in which it does.
CASES: dict[str, tuple[list[tuple[dict[str, Any], str]], list[dict[str, Any]]]] = {
    "data.temperature": (
        [(merged(data={"temperature": 5.0}), 'with data.mixing = "auto"')],
        [merged(data={"train": ["a", "b"], "temperature": 2.0, "mixing": "temperature"})],
    ),
    "tokenizer.kind": (
        [(merged(tokenizer=MODEL_FILE | {"kind": "unigram"}), "beside tokenizer.model")],
        [merged(tokenizer={"kind": "bpe"}), merged(tokenizer=MODEL_FILE | {"kind": "bpe", "sample": 0.5})],
    ),
    **{
        f"augment.{key}": (
            [(merged(tokenizer=WORDS, augment={key: 0.1}), 'with tokenizer.kind = "word"')],
            [merged(augment={key: 0.1}), merged(augment={key: 0.0}, tokenizer=WORDS)],
        )
        for key in ("typos", "spaces", "upper", "title", "emoji", "urls", "placeholders")
    },
    "tokenizer.vocab_size": (
        [
            (merged(tokenizer=MODEL_FILE | {"vocab_size": 500}), "beside tokenizer.model"),
            (merged(tokenizer={"kind": "char", "vocab_size": 8000}), 'with tokenizer.kind = "char"'),
            (merged(tokenizer={"vocab_size": 500}, train={"init_from": "runs/a"}), "beside train.init_from, whose tok"),
        ],
        [merged(tokenizer={"vocab_size": 8000})],
    ),
    "tokenizer.normalization": (
        [(merged(tokenizer=MODEL_FILE | {"normalization": "nfkc"}), "beside tokenizer.model")],
        [merged(tokenizer={"normalization": "nfkc"})],
    ),
    "tokenizer.byte_fallback": (
        [(merged(tokenizer=MODEL_FILE | {"byte_fallback": True}), "beside tokenizer.model")],
        [merged(tokenizer={"byte_fallback": True, "kind": "char"})],
    ),
    "tokenizer.train_lines": (
        [(merged(tokenizer=MODEL_FILE | {"train_lines": 9}), "beside tokenizer.model")],
        [merged(tokenizer={"train_lines": 9})],
    ),
    "filter.dedupe": (
        [(merged(filter={"near_duplicates": True, "dedupe": False}), "beside filter.near_duplicates")],
        [merged(filter={"dedupe": False}), merged(filter={"near_duplicates": True, "dedupe": True})],
    ),
    "filter.worst": (
        [(merged(filter={"worst": 0.1}), "without filter.score")],
        [merged(filter={"worst": 0.2, "score": "scores"})],
    ),
    "model.init": (
        [(merged(model={"init": "xavier"}, train={"init_from": "runs/a"}), "beside train.init_from, whose weights")],
        [merged(model={"init": "uniform"})],
    ),
    "model.variational": (
        [(merged(model={"variational": True, "dropout": 0.0}), "with model.dropout = 0")],
        [merged(model={"variational": True}), merged(model={"variational": False, "dropout": 0.0})],
    ),
    "model.recurrent_init": (
        [
            (
                merged(model={"recurrent_init": "orthogonal", "encoder": TRANSFORMER, "decoder": TRANSFORMER}),
                "on a model without a recurrent layer",
            ),
            (
                merged(model={"recurrent_init": "identity", "encoder": {"cell": "ssru"}, "decoder": {"cell": "ssru"}}),
                "on cell ssru, which has no matrix from state to state",
            ),
        ],
        [merged(model={"recurrent_init": "identity", "encoder": TRANSFORMER})],
    ),
    "model.attention.window": (
        [
            *(
                (merged(model={"attention": {"name": name, "window": window}}), f'on attention "{said}"')
                for name, said, window in (
                    ("auto", "additive", 10),
                    ("none", "none", 5),
                    ("general", "general", 5),
                    ("multihead", "multihead", 10),
                )
            )
        ],
        [merged(model={"attention": {"name": name, "window": 10}}) for name in ("local", "location")],
    ),
    "train.betas": (
        [(merged(train={"optimizer": "adagrad", "betas": [0.9, 0.98]}), "on optimizer adagrad")],
        [merged(train={"optimizer": name, "betas": [0.5, 0.9]}) for name in ("sgd", "rmsprop", "adadelta", "adam")],
    ),
    "train.consistency_weight": (
        [(merged(train={"consistency_weight": 3.0}), 'with train.consistency = "none"')],
        [merged(train={"consistency_weight": 5.0, "consistency": "rdrop"})],
    ),
    "train.cut": (
        [(merged(train={"consistency": "rdrop", "cut": 0.05}), 'with train.consistency = "rdrop"')],
        [merged(train={"consistency": "simcut", "cut": 0.1})],
    ),
    "data.protect": (
        [(merged(data={"protect": "[A-Z]+-[0-9]+"}), "without data.spans")],
        [merged(data={"protect": ["[A-Z]+-[0-9]+", "x"], "spans": True}), merged(data={"protect": []})],
    ),
    "train.init_parts": (
        [(merged(train={"init_parts": ["encoder"]}), "without train.init_from")],
        [merged(train={"init_parts": "encoder", "init_from": "runs/a"}, model={"init": "xavier"})],
    ),
    "train.average_of": (
        [(merged(train={"average_of": "best"}), "with train.average = 0")],
        [merged(train={"average_of": "best", "average": 2})],
    ),
    "train.outer": (
        [(merged(train={"outer": "average"}), "with train.sync_every = 1")],
        [merged(train={"outer": "nesterov", "sync_every": 20})],
    ),
    "decode.coverage_penalty": (
        [(merged(decode={"coverage_penalty": 0.2}, model={"attention": {"name": "none"}}), 'with attention "none"')],
        [merged(decode={"coverage_penalty": 0.0}, model={"attention": {"name": "none"}})],
    ),
}


def test_there_is_a_case_of_each_condition() -> None:
    assert set(CASES) == {key for key, condition in EFFECTS.items() if condition is not always}


@pytest.mark.parametrize("key", CASES)
def test_a_key_without_effect_is_refused_and_with_one_taken(key: str) -> None:
    refused, taken = CASES[key]
    for table, why in refused:
        with pytest.raises(ConfigError) as caught:
            parse(table, "mtkit.toml")
        text = str(caught.value)
        assert text.startswith(f"mtkit.toml: {key} = ")
        assert f" has no effect {why}" in text
        assert "leave it out" in text
        whole = parse(table, "x", whole=True)
        assert parse(whole.model_dump(), "x", whole=True) == whole  # as a run's config.json has it
    for table in taken:
        parse(table, "x")


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(merged(train={"cut": 0.1, "average_of": "last"}), "x")
    assert [line.split(" = ")[0] for line in str(caught.value).splitlines()] == ["x: train.cut", "  train.average_of"]


def test_an_override_may_leave_keys_of_the_file_without_effect(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'data = {source_lang = "en", target_lang = "de", train = "t"}\n[model]\nvariational = true\ndropout = 0.1\n'
    )
    assert load(str(path), ["model.dropout=0.0"]).config.model.dropout == 0
    for wrong in ("train.average_of=last", "train={average_of = 'last'}"):
        with pytest.raises(ConfigError, match="average_of = .* has no effect"):
            load(str(path), [wrong])
    path.write_text(path.read_text() + "[train]\ncut = 0.1\n")  # which no override has to do with
    with pytest.raises(ConfigError, match="cut = 0.1 has no effect"):
        load(str(path), ["model.dropout=0.0"])
    assert load(str(path), ["train.consistency=simcut"]).config.train.cut == 0.1


def test_settings_of_a_tokenizer_that_is_not_trained_prepare_no_other_text() -> None:
    def prepared(**tokenizer: object) -> dict[str, Any]:
        return parse(merged(tokenizer=tokenizer), "x", whole=True).tokenizer.prepared()

    assert prepared(model="a", vocab_size=9, normalization="nfkc", train_lines=3, kind="bpe") == prepared(model="a")
    assert prepared(model="a") != prepared(model="b")
    assert prepared(vocab_size=9) != prepared()
    assert prepared(sample=0.5) == prepared()


def test_they_change_no_fingerprint(tmp_path: Path) -> None:
    for name in ("t.en", "t.de", "a.model"):
        (tmp_path / name).write_text("a\n")

    def fingerprint(**tokenizer: object) -> str:
        table = merged(tokenizer={"model": "a.model"} | tokenizer)
        return find(Loaded(config=parse(table, "x", whole=True), folder=tmp_path, origin="x")).identity

    assert fingerprint(vocab_size=9, normalization="nfkc", byte_fallback=False) == fingerprint()
    assert fingerprint(model=["a.model", "t.en"], shared=False) != fingerprint()
