"""What is refused of exports to CTranslate2 and Argos Translate, without their packages, and how a package for the
latter lies in its zip; what is written with them: tests/system."""

import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mtkit.errors import MtkitError
from mtkit.jobs.export import export, export_to_argos, export_to_ctranslate2
from mtkit.jobs.exporting import argos, vocabulary_map
from mtkit.jobs.exporting.expressible import obstacles
from mtkit.search.shortlist import Shortlist
from mtkit.store import bundle
from mtkit.text.tokenizer import Tokenizer
from tests.translator.small import decode, pieces, table, written

TRANSFORMER = {"encoder": {"name": "transformer"}, "decoder": {"name": "transformer"}}


def tables(**keys: Any) -> dict[str, Any]:
    """A Transformer's, with keys of a side changed."""
    return {side: TRANSFORMER[side] | keys.get(side, {}) for side in TRANSFORMER} | {
        key: value for key, value in keys.items() if key not in TRANSFORMER
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, ['encoder.name = "recurrent"', 'decoder.name = "recurrent"']),
        ({"encoder": TRANSFORMER["encoder"]}, ['decoder.name = "recurrent"']),
        (tables(encoder={"conv": [{"kernel": 3}]}), ["encoder.conv"]),
        (tables(decoder={"heads": 2}), ["decoder.heads = 2 and attention.heads = 4"]),
        (tables(), []),
        (tables(decoder={"heads": 2}, attention={"heads": 2}), []),
        (tables(encoder={"heads": 8, "positions": "rotary"}, decoder={"positions": "learned"}), []),
    ],
)
def test_what_it_cannot_say(keys: dict[str, Any], said: list[str]) -> None:
    found = obstacles(table(**keys))
    assert len(found) == len(said)
    assert all(one.startswith(other) for one, other in zip(found, said, strict=True))


class Refusing:
    """What stands for a package that is not installed, or is not to be imported at all."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == "ctranslate2":
            raise self.error


def unimportable(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "ctranslate2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refusing(error), *sys.meta_path])


def refused(model: Path, out: Path) -> str:
    with pytest.raises(MtkitError) as caught:
        export_to_ctranslate2(model, out, precision="int8", corpus=None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_is_begun_that_will_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is the package imported nor anything written, and what stands there stays."""
    unimportable(monkeypatch, AssertionError("imported"))
    recurrent, out = written(tmp_path / "recurrent"), tmp_path / "out"
    assert refused(recurrent, out).startswith(f"CTranslate2 cannot run {recurrent}: encoder.name")
    transformer = written(tmp_path / "transformer", **tables())
    assert "is the model itself" in refused(transformer, transformer)
    export(transformer, tmp_path / "small", precision="int8", corpus=None)
    assert "was exported before" in refused(tmp_path / "small", out)
    assert not out.exists()
    out.mkdir()
    (out / "thesis.txt").write_text("x")
    for marker in ("", "{}", '{"kind": "bundle", "format_version": 1}', "["):
        if marker:
            (out / "mtkit.json").write_text(marker)
        assert "would be lost" in refused(transformer, out)
    assert (out / "thesis.txt").read_text() == "x"


def test_a_package_that_is_missing_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformer = written(tmp_path / "transformer", **tables())
    unimportable(monkeypatch, ImportError("no such package"))
    assert refused(transformer, tmp_path / "out").endswith("is not installed: pip install 'mtkit[ctranslate2]'")
    old = ModuleType("ctranslate2")
    old.__version__, old.specs = "3.24.0", ModuleType("specs")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ctranslate2", old)
    assert "ctranslate2 3.24.0 is installed, expected 4.8 or newer" in refused(transformer, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_shortlist_in_words() -> None:
    source, target = ["</s>", "the", "dog"], ["</s>", "das", "Hund"]
    likely = Shortlist(np.array([[-1, -1], [1, -1], [2, 1]]), np.array([0, 1]), copies=False)
    assert vocabulary_map.text(likely, source, target) == "\t</s> das\n</s>\t\nthe\tdas\ndog\tHund das\n"
    copies = Shortlist(likely.likely_VN, likely.always, copies=True)
    assert vocabulary_map.text(copies, source, target).splitlines()[2:] == ["the\tdas", "dog\tHund das"]


def test_a_package_for_argos_is_not_begun_that_will_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unimportable(monkeypatch, AssertionError("imported"))
    recurrent, transformer = written(tmp_path / "recurrent"), written(tmp_path / "transformer", **tables())
    mine, folder = tmp_path / "mine.argosmodel", tmp_path / "folder.argosmodel"
    folder.mkdir()
    for theirs in (b"my thesis", b""):
        mine.write_bytes(theirs)
        assert not argos.is_ours(mine)
    with zipfile.ZipFile(mine, "w") as package:
        package.writestr("translate-en_de-1_3/metadata.json", "{}")
        package.writestr("mtkit.json", "{}")
    assert not argos.is_ours(mine)
    for model, out, why in (
        (transformer, tmp_path / "out", "end in .argosmodel: name it out.argosmodel"),
        (transformer, folder, "is a folder, and a package is a file"),
        (transformer, mine, "would be lost"),
        (recurrent, tmp_path / "out.argosmodel", f"CTranslate2 cannot run {recurrent}: encoder.name"),
    ):
        with pytest.raises(MtkitError, match=r"^[^\n]*$") as caught:
            export_to_argos(model, out, precision="int8")
        assert why in str(caught.value)
    assert not (tmp_path / "out.argosmodel").exists()


def test_a_package_is_what_argos_translate_unpacks(tmp_path: Path) -> None:
    """It extracts the zip beside others, and takes every folder there for a package with these files."""
    model, words = tmp_path / "model", pieces()
    model.mkdir()
    (model / "model.bin").write_bytes(bytes(range(256)) * 9000)
    (model / "config.json").write_text("{}")
    about = bundle.describe(table(), decode(), [words], ("en-GB", "pt_BR"), 20)
    for out in (tmp_path / "a.argosmodel", tmp_path / "b.argosmodel"):
        argos.write(out, model, about, words, "a card")
        assert argos.is_ours(out)
    assert out.read_bytes() == (tmp_path / "a.argosmodel").read_bytes()
    with zipfile.ZipFile(out) as package:
        assert package.testzip() is None
        package.extractall(tmp_path / "packages")
    (found,) = (tmp_path / "packages").iterdir()
    assert found.name == "translate-en_pt-1_0"
    assert json.loads((found / "metadata.json").read_text()) == {
        "package_version": "1.0",
        "argos_version": "1.9.0",
        "from_code": "en",
        "from_name": "English",
        "to_code": "pt",
        "to_name": "Portuguese",
        "type": "translate",
    }
    assert Tokenizer.read(found / "sentencepiece.model").names == words.names
    assert (found / "README.md").read_text() == "a card"
    assert {path.name: path.read_bytes() for path in (found / "model").iterdir()} == {
        path.name: path.read_bytes() for path in model.iterdir()
    }
