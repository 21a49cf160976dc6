"""Bundles: those of formats 2 and 3 (written by mtkit of 2026-11-26) are as they were, and what is wrong is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mtkit import files
from mtkit.errors import BundleError
from mtkit.jobs import info
from mtkit.jobs.export import export
from mtkit.store import bundle, bundle_config, earlier
from mtkit.translator.translator import Translator

DATA = Path(__file__).parent / "data"
KINDS = {2: "trained", 3: "exported"}


def lines(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").splitlines()


def copied(number: int, folder: Path) -> Path:
    shutil.copytree(DATA / f"format{number}", folder)
    return folder


def rewritten(folder: Path, change: dict[str, Any], *without: str) -> Path:
    """Another config.json, with checksums that fit it."""
    table = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps({key: table[key] for key in table if key not in without}))
    files.seal(folder)
    return folder


@pytest.fixture
def now(tmp_path: Path) -> Path:
    """A bundle of today's format."""
    loaded = bundle.load(DATA / "format2", torch.device("cpu"))
    folder = tmp_path / "now"
    bundle.write(folder, loaded.model, [loaded.source_tokenizer], loaded.config, "a card")
    return folder


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("number", KINDS)
def test_earlier_formats_translate_the_same(number: int, precision: str) -> None:
    translator = Translator.load(DATA / f"format{number}", device="cpu")
    sources = lines("sources.en")
    assert [translator.translate(one, precision=precision).text for one in sources[:3]] == lines("translations.de")[:3]
    assert [one.text for one in translator.translate(sources, precision=precision)] == lines("translations.de")


@pytest.mark.parametrize("number", KINDS)
def test_earlier_formats_say_what_they_said(number: int) -> None:
    said = json.loads((DATA / f"info{number}.json").read_text())
    told = json.loads(json.dumps(info.of_bundle(DATA / f"format{number}").as_json()))
    assert {key: told[key] for key in said} == said | {"model": str(DATA / f"format{number}")}


@pytest.mark.parametrize("number", KINDS)
def test_earlier_formats_in_the_words_of_today(number: int) -> None:
    config = bundle_config.read(DATA / f"format{number}")
    assert (config.kind, config.format_version) == (KINDS[number], bundle_config.BUNDLE.version)
    assert (config.source_lang, config.target_lang, config.vocab_sizes) == ("en", "de", (135, 135))
    assert (config.shortlist is not None) == (number == 3)
    training = config.training
    assert training is not None
    assert (training.updates, training.config["train"]["max_updates"]) == (600, 600)
    assert training.parameters == json.loads((DATA / f"info{number}.json").read_text())["parameters"]


def test_of_an_earlier_card_that_was_rewritten_nothing_is_said(tmp_path: Path) -> None:
    folder = copied(2, tmp_path / "b")
    (folder / "README.md").write_text("mine now")
    assert bundle_config.read(folder).training is None
    (folder / "README.md").unlink()
    assert info.of_bundle(folder).as_json()["training"] is None
    assert earlier.training_of("# My model\n\n| metric | score |\n|---|---|\n| BLEU | 31.00 |\n") is None


def test_an_averaged_model_s_earlier_card() -> None:
    text = (DATA / "format2/README.md").read_text()
    old, new = "minutes; the whole", "minutes, the weights of 5 validations averaged; the whole"
    assert text.count(old) == 1
    training = earlier.training_of(text.replace(old, new))
    assert training is not None
    assert training["averaged"] == 5


def test_facts_do_not_hang_on_the_card(now: Path) -> None:
    before = info.of_bundle(now).as_json()
    assert before["training"]["update"] == 600
    (now / "README.md").write_text("# Reworded\n\nTrained for a while.\n")
    assert info.of_bundle(now).as_json() == before
    (now / "README.md").unlink()
    assert info.of_bundle(now).as_json() == before


def test_what_is_written_is_read(now: Path, tmp_path: Path) -> None:
    table = json.loads((now / "config.json").read_text())
    assert (table["kind"], table["format_version"]) == ("trained", bundle_config.BUNDLE.version)
    assert "shortlist" not in table
    loaded = bundle.load(now, torch.device("cpu"))
    assert loaded.config == bundle_config.read(DATA / "format2")
    (now / "README.md").unlink()  # it may be gone
    export(now, tmp_path / "small", precision="int8", corpus=None)
    small = bundle.load(tmp_path / "small", torch.device("cpu"))
    assert small.exported
    assert (small.decode.precision, small.config.training) == ("int8", loaded.config.training)
    export(now, tmp_path / "small", precision="bf16", corpus=None)  # in the place of an exported one
    with pytest.raises(BundleError, match="would be lost"):
        export(now, copied(2, tmp_path / "trained"), precision="bf16", corpus=None)
    export(now, copied(3, tmp_path / "exported"), precision="bf16", corpus=None)


@pytest.mark.parametrize(
    ("change", "without", "says"),
    [
        (
            {"format_version": 9, "mtkit_version": "8.1"},
            (),
            "config.json is of bundle format 9, this mtkit .* reads 2 to 6; use the mtkit that wrote it, 8.1$",
        ),
        ({"kind": "corpus"}, (), 'config.json is a "corpus" of format 6; expected a bundle of format 2 to 6'),
        ({"max_pices": 3}, (), "config.json, max_pices: an unknown key; copy"),
        ({}, ("max_pieces",), "config.json, max_pieces: it is missing; copy"),
        ({}, ("model",), "config.json, model: it is missing; copy"),
        ({"decode": {"beam_size": "many"}}, (), 'config.json, decode: beam_size = "many": input should be a valid int'),
        ({"model": {"hidden_dmi": 3}}, (), r"config.json, model: unknown key hidden_dmi, did you mean 'hidden_dim'"),
        ({"tokenizers": []}, (), "config.json, tokenizers: found a list of 0, expected "),
    ],
)
def test_what_is_wrong_is_named(now: Path, change: dict[str, Any], without: tuple[str, ...], says: str) -> None:
    with pytest.raises(BundleError, match=says) as caught:
        bundle.load(rewritten(now, change, *without), torch.device("cpu"))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("number", KINDS)
def test_a_missing_key_of_an_earlier_format_is_named(number: int, tmp_path: Path) -> None:
    folder = rewritten(copied(number, tmp_path / "b"), {}, "vocab_sizes")
    with pytest.raises(BundleError, match="config.json, vocab_sizes: it is missing; copy"):
        bundle.load(folder, torch.device("cpu"))


def test_a_plug_in_s_training_config_hinders_nobody(now: Path) -> None:
    """Metrics or schedules that are not here do not matter for translating."""
    table = json.loads((now / "config.json").read_text())
    table["training"]["config"]["eval"]["metrics"] = ["not-here"]
    assert bundle.load(rewritten(now, table), torch.device("cpu")).source_lang == "en"
