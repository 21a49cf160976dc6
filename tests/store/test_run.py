"""Whose a run's folder is: kind and version of its config, and which keys may change."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtkit.config import parse
from mtkit.errors import RunError
from mtkit.schema import Config
from mtkit.store.run import HARMLESS, Run, harmless


def config(**tables: Any) -> Config:
    return parse({"data": {"source_lang": "en", "target_lang": "de", "train": "t"}, **tables}, "x")


def test_a_key_is_harmless_by_its_whole_name() -> None:
    assert all(harmless(key if not key.endswith(".") else f"{key}beam_size") for key in HARMLESS)
    for key in ("train.average_decay", "data.test_lang", "train.patience.more", "decode", "evaluation.metrics"):
        assert not harmless(key)


def test_a_run_says_its_kind_and_version_and_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin(config(), "abc")
    noted = json.loads((tmp_path / "config.json").read_text())
    assert (noted["kind"], noted["format_version"], noted["identity"]) == ("run", 5, "abc")
    assert run.resume(config(), "abc") == {}
    assert run.resume(config(decode={"beam_size": 2}), "abc") == {"decode.beam_size": (5, 2)}
    assert run.resume(config(name="toy.1"), "abc").keys() == {"name", "decode.beam_size"}  # its folder has another name
    with pytest.raises(RunError, match="seed: 1 then, 2 now"):
        run.resume(config(seed=2), "abc")
    with pytest.raises(RunError, match="begun on other text"):
        run.resume(config(decode={"beam_size": 2}), "xyz")


def test_a_run_of_before_there_were_versions_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin(config(), "abc")
    noted = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({key: noted[key] for key in ("identity", "config")}))
    assert run.resume(config(), "abc") == {}


def test_a_run_of_mtkit_before_there_were_versions(tmp_path: Path) -> None:
    """Written on 2026-11-26."""
    noted = json.loads((Path(__file__).parent / "data/run1.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(noted))
    same = parse(noted["config"], "x", whole=True)
    assert Run(tmp_path).resume(same, noted["identity"]) == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format_version": 9, "mtkit_version": "8.1"}, "of run format 9, this mtkit .* 1 to 5; .* wrote it, 8.1$"),
        ({"kind": "bundle"}, 'is a "bundle" of format 5; expected a run'),
        ({"config": None}, "cannot be read"),
    ],
)
def test_others_are_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    run = Run(tmp_path)
    run.begin(config(), "abc")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=says):
        run.resume(config(), "abc")


def test_a_run_whose_config_lacks_a_key(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin(config(), "abc")
    (tmp_path / "config.json").write_text('{"config": {}}')
    with pytest.raises(RunError, match="config.json cannot be read"):
        run.resume(config(), "abc")
