"""Confidence is fitted on what a model makes of text with references, kept in its bundle, and told of other lines."""

import random
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from mtkit import Sampling, Translator
from mtkit.errors import ConfigError, DataError
from mtkit.jobs.confidence import FEWEST, LEAST, fit_confidence
from mtkit.store import bundle_config
from mtkit.text.memory import Memory
from mtkit.translator import sure
from mtkit.translator.memory import Remembering
from tests.system.toy import WORDS
from tests.translator.small import written


def lines(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(list(WORDS), k=rng.randint(1, 4))) for _ in range(count)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[bool]]:
    """A bundle whose translations are good where it finds them likely, lines, and which are."""
    folder = written(tmp_path_factory.mktemp("confidence") / "b")
    translator = Translator.load(folder, device="cpu")
    sources = lines(FEWEST + 20, 1)
    made = translator.translate(sources, details=True, guard=True)
    likely = [sure.features(one)[0] for one in made]
    good = [one > median(likely) for one in likely]
    pairs = [(one.source, one.text if fine else "qqqq") for one, fine in zip(made, good, strict=True)]
    with pytest.raises(ConfigError, match="fitted on text with references, and .* has none"):
        translator.translate("one", confidence=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    facts, where = fit_confidence(folder, [*pairs, ("", ""), ("12", "12")], device="cpu")
    assert where == folder
    assert (facts.lines, facts.least, facts.good) == (len(pairs), LEAST, sum(good) / len(good))
    assert facts.error < 0.15
    assert facts.worst > 0.6
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"config.json", "checksums.json"}
    assert bundle_config.read(folder).confidence == facts
    return folder, sources, good


def test_it_tells_good_lines(fitted: tuple[Path, list[str], list[bool]]) -> None:
    folder, sources, good = fitted
    translator = Translator.load(folder, device="cpu")
    made = translator.translate(sources, confidence=True, guard=True)
    right = [(one.confidence or 0) > 0.5 for one in made]
    assert sum(a == b for a, b in zip(right, good, strict=True)) > 0.9 * len(good)
    assert all(0 < (one.confidence or 0) < 1 for one in made)
    plain = translator.translate(sources, guard=True)
    assert [one.text for one in plain] == [one.text for one in made]
    assert all(one.confidence is None for one in plain)
    assert all(one.candidates[0].token_logprobs is None and len(one.candidates) == 1 for one in made)
    assert "confidence" in made[0].as_json()
    assert "confidence" not in plain[0].as_json()


def test_whatever_else_is_asked_for(fitted: tuple[Path, list[str], list[bool]], tmp_path: Path) -> None:
    folder, sources, _ = fitted
    translator = Translator.load(folder, device="cpu")
    some = ["", "12", *sources[:4]]
    wanted: list[dict[str, Any]] = [
        {"n_best": 3},
        {"details": True},
        {"beam_size": 1},
        {"sampling": Sampling()},
        {"mbr": "chrf"},
    ]
    for asked in wanted:
        made = translator.translate(some, confidence=True, **asked)
        assert [one.confidence for one in made[:2]] == [1.0, 1.0]
        assert all(0 < (one.confidence or 0) < 1 for one in made[2:])
        assert all(len(one.candidates) <= asked.get("n_best", 1) for one in made)
        told = [one.candidates[0].token_logprobs for one in made[2:]]
        assert all((one is None) == ("details" not in asked) for one in told)
    (tmp_path / "m.tsv").write_text(f"{sources[0]}\tja\n")
    memory = Remembering.of(translator, Memory([tmp_path / "m.tsv"], ("en", "de")))
    known, other = memory.translate(sources[:2], confidence=True)
    assert (known.text, known.confidence) == ("ja", 1.0)
    assert other.confidence not in (None, 1.0)


def test_an_ensemble_has_none(fitted: tuple[Path, list[str], list[bool]]) -> None:
    with pytest.raises(ConfigError, match="of one model at a time"):
        Translator.load(fitted[0], fitted[0], device="cpu").translate("one", confidence=True)


def test_what_it_cannot_be_fitted_on(tmp_path: Path) -> None:
    folder = written(tmp_path / "b")
    with pytest.raises(DataError, match=f"3 lines are too few .* give {FEWEST} or more"):
        fit_confidence(folder, [(line, line) for line in lines(3, 2)], device="cpu")
    with pytest.raises(DataError, match="0 of 100 lines came out good"):
        fit_confidence(folder, [("one", "qqqq")] * FEWEST, device="cpu")
    assert bundle_config.read(folder).confidence is None


def test_that_of_other_features_is_none(fitted: tuple[Path, list[str], list[bool]], tmp_path: Path) -> None:
    from mtkit.store import bundle

    config = bundle_config.read(fitted[0])
    assert config.confidence is not None
    facts = config.confidence.model_copy(update={"features": ("x", *config.confidence.features[1:])})
    folder = written(tmp_path / "b")
    bundle.rewrite(folder, bundle_config.read(folder).model_copy(update={"confidence": facts}))
    assert not Translator.load(folder, device="cpu").has_confidence
