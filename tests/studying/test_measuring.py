"""Measures against numbers worked out by hand."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtkit.config import Loaded, load
from mtkit.jobs.studying import alignments, measuring
from mtkit.jobs.studying.recorder import Updated
from mtkit.schema.study import Dev, Recall, Remembered, Scores
from mtkit.store.log import Log, Validation
from mtkit.text import tokenizer
from mtkit.text.tokenizer import Tokenizer

SOURCES, TARGETS = ("one two three", "two one"), ("eins zwei drei", "zwei eins")


def made(folder: Path, **known: Any) -> Any:
    """A run of which some things are known without any model."""
    loaded = Loaded(config=load("demo").config, folder=folder, origin="here")
    found: Any = measuring.Made(loaded, SimpleNamespace(), known.pop("updates", []), False, Recall(distances=[2, 5]))  # type: ignore[arg-type]
    found.__dict__.update(known)
    return found


def test_what_is_remembered(tmp_path: Path) -> None:
    test = [("bax a b", "bax"), ("bex a b", "bex"), ("bax a b c d e", "bax"), ("bex a b c d e", "bex")]
    found = measuring.recall(made(tmp_path, test=test, translations=["bax", "bex bex", "bex", ""]), Remembered())
    assert found.series == {"recall_by_distance": {"2": 1.0, "5": 0.0}}
    assert found.values == {"recall": 0.5, "reach": 2.0}
    half = measuring.recall(made(tmp_path, test=test, translations=["bax", "x", "bax", "x bex"]), Remembered())
    assert half.values == {"recall": 0.5, "reach": 5.0}
    strict = measuring.recall(
        made(tmp_path, test=test, translations=["bax", "x", "bax", "bex"]), Remembered(enough=0.9)
    )
    assert strict.values["reach"] == 0, "what is nearer was lost"


def test_scores_by_length(tmp_path: Path) -> None:
    test = [("a b", "the red house is big"), ("a b c d", "the small cat sees a dog"), ("a b", "one two three four")]
    said = ["the red house is big", "nothing of it at all", "one two three four"]
    run = made(tmp_path, test=test, translations=said, best=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring.Made, "best", tmp_path)
        found = measuring.test(run, Scores(metrics=["bleu"], lengths=[2, 9]))
    assert found.series["bleu_by_length"]["1-2"] == pytest.approx(100)
    assert found.series["bleu_by_length"]["3-9"] == pytest.approx(0, abs=5)
    assert found.series["bleu_by_length"]["10+"] is None
    assert 0 < (found.values["bleu"] or 0) < 100
    none = measuring.test(run, Scores(metrics=["bleu", "ter"]))
    assert none.values == {"bleu": 0.0, "ter": None}, "without a model the worst there is"


def test_validations_by_minutes(tmp_path: Path) -> None:
    run = made(tmp_path, bundle=None)
    run.loaded.run_folder.mkdir(parents=True)
    log = Log(run.loaded.run_folder / "log.jsonl")
    for seconds, bleu in ((50.0, 3.0), (61.0, 4.0), (200.0, 2.0)):
        log.write(Validation(update=1, epoch=0, seconds=seconds, scores={"loss": 1.0, "bleu": bleu, "chrf": 9.0}))
    found = measuring.dev(run, Dev(minutes=[0.5, 1, 2, 4]))
    assert found.series == {"dev_bleu_by_minutes": {"0.5": None, "1": 3.0, "2": 4.0, "4": 2.0}}
    assert found.values == {"dev_loss": None, "dev_bleu": None, "dev_chrf": None}


def test_numbers_of_updates(tmp_path: Path) -> None:
    updates = [Updated(5.0, 2.0, 100, 0.5), Updated(4.0, 8.0, 300, 1.0), Updated(6.0, 1.0, 60, 0.1)]
    run = made(tmp_path, updates=updates)
    assert measuring.updates(run, None).values == {
        "updates": 3.0,
        "largest_gradient": 8.0,
        "median_gradient": 2.0,
        "largest_loss": 6.0,
        "diverged": 0.0,
    }
    assert measuring.speed(run, None).values == {"tokens_per_second": 300.0, "seconds_per_update": 0.5}
    assert measuring.speed(made(tmp_path), None).values["tokens_per_second"] is None


def tokenizers() -> tuple[Tokenizer, Tokenizer]:
    settings = {"kind": "word", "vocab_size": 200, "normalization": "identity", "byte_fallback": False}
    source, target = (Tokenizer(tokenizer.train(iter(some * 3), **settings)) for some in (SOURCES, TARGETS))  # type: ignore[arg-type]
    return source, target


def test_words_are_linked_where_one_does_best() -> None:
    both = tokenizers()
    one, two, three = both[0].encode(["one two three"])[0]
    eins, zwei, drei = both[1].encode(["eins zwei drei"])[0]
    ranks: alignments.Ranks = [{} for _ in range(both[0].vocab_size)]
    ranks[one] = {eins: 0, drei: 2}
    ranks[two] = {zwei: 1, drei: 2}
    ranks[three] = {zwei: 0}
    assert alignments.links("one two three", "eins zwei drei", both, ranks) == {0: 0, 1: 2}, "drei could be either"
    assert alignments.links("two one", "zwei eins", both, ranks) == {0: 0, 1: 1}
    assert alignments.links("one one", "eins", both, ranks) == {}, "it stands there twice"


def test_the_share_that_attention_looks_past(monkeypatch: pytest.MonkeyPatch) -> None:
    both = tokenizers()
    words = [both[0].encode([word])[0][0] for word in ("one", "two", "three")]
    translated = [both[1].encode([word])[0][0] for word in ("eins", "zwei", "drei")]
    ranks: alignments.Ranks = [{} for _ in range(both[0].vocab_size)]
    for word, other in zip(words, translated, strict=True):
        ranks[word] = {other: 0}
    monkeypatch.setattr(alignments, "_ranks", lambda *_: ranks)

    class Looks:
        attends = True
        links = ([(0, 0), (2, 1), (2, 2)], [(0, 0)])

        def forced(self, pairs: list[Any], align: bool) -> Iterator[Any]:
            for links in self.links:
                yield SimpleNamespace(candidates=[SimpleNamespace(alignment=links)])

    pairs, nothing = list(zip(SOURCES, TARGETS, strict=True)), SimpleNamespace()
    looks: Any = Looks()
    assert alignments.error(looks, both, nothing, pairs, 3) == (1 / 4, 4)  # type: ignore[arg-type]
    looks.attends = False
    assert alignments.error(looks, both, nothing, pairs, 3) == (None, 0)  # type: ignore[arg-type]
