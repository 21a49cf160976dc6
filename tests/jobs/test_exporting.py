"""What is refused of an export to CTranslate2, without that package; what is written with it: tests/system."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mtkit.errors import MtkitError
from mtkit.jobs.export import export, export_to_ctranslate2
from mtkit.jobs.exporting import vocabulary_map
from mtkit.jobs.exporting.expressible import obstacles
from mtkit.search.shortlist import Shortlist
from tests.translator.small import table, written

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
