"""Several texts with weights, tags and directions, from files to losses: what is written, counted and drawn."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch

from mtkit.config import Loaded, parse
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.train import train
from mtkit.jobs.view import Silent
from mtkit.schema import Config
from mtkit.store.prepared import Prepared
from mtkit.text.reserved import TAGS
from mtkit.text.tokenizer import Tokenizer
from mtkit.train import loop

WORDS = ["one", "two", "red", "dog", "cat", "house", "sees", "finds", "the", "and", "big", "small"]


def lines(count: int, start: int = 0) -> list[str]:
    """All different, of one word to four."""
    numbers = range(start, start + count)
    return [" ".join(WORDS[n // 12**place % 12] for place in range(1 + n % 4)) + f" {n}" for n in numbers]


def write(folder: Path, name: str, text: list[str], languages: tuple[str, str] = ("en", "de")) -> None:
    for language in languages:
        (folder / f"{name}.{language}").write_text("".join(f"{line} {language}\n" for line in text))


def config(train: Any, more: dict[str, Any] | None = None, **data: Any) -> Config:
    tables: dict[str, Any] = {
        "data": {"source_lang": "en", "target_lang": "de", "train": train} | data,
        "model": {"embed_dim": 8, "hidden_dim": 8},
        "filter": {"max_pieces": 30},
        "train": {"batch_tokens": 120, "precision": "fp32", "warmup": 2, "max_updates": 20, "validate_lines": 2},
    }
    for section, table in (more or {}).items():
        tables[section] = tables.get(section, {}) | table
    return parse(tables, "x")


def prepared(folder: Path, made: Config) -> Prepared:
    return preprocess(Loaded(config=made, folder=folder, origin="x"), Silent())[0]


def texts(found: Prepared, split: Any) -> list[tuple[str, str, str]]:
    """Of each pair the tag, and both sides."""
    tokenizer = Tokenizer.read(found.tokenizer_files[0])
    symbols = {tokenizer.id_of(tag.symbol): tag.name for tag in found.tags if tag.symbol}
    made = []
    parts = [part for part in found.split(split).parts for _ in part.shards]
    for number, part in enumerate(parts):
        shard = found.split(split).open(number)
        for i in range(len(shard)):
            source, target = shard.source[i].tolist(), shard.target[i].tolist()
            tag = symbols[source.pop(0)] if part.symbol else ""
            made.append((tag, tokenizer.decode(source), tokenizer.decode(target)))
    return made


def test_pairs_are_learnt_once_for_each_tag_and_stand_behind_it(tmp_path: Path) -> None:
    write(tmp_path, "t", lines(150))
    write(tmp_path, "m", [*lines(20), *lines(10, 500), f"{TAGS[0]} red"])
    write(tmp_path, "d", lines(5, 900))
    entries = ["t", {"path": "m", "tag": "bt"}, {"path": "m", "tag": "bt"}, "m"]
    found = prepared(tmp_path, config(entries, dev="d"))
    counts = [(part.tag, part.symbol, part.pairs) for part in found.split("train").parts]
    assert counts == [("", "", 150), ("bt", TAGS[0], 31), ("bt", TAGS[0], 0), ("", "", 11)]
    written = texts(found, "train")
    assert written[150] == ("bt", "one 0 en", "one 0 de")
    assert written[180] == ("bt", "< mtkit:24> red en", "< mtkit:24> red de")  # no text is a tag
    assert [tag.name for tag in found.tags] == ["", "bt"]
    assert {tag for tag, *_ in texts(found, "dev")} == {""}


def test_held_out_in_one_direction_is_held_out_in_the_other(tmp_path: Path) -> None:
    write(tmp_path, "t", lines(300))
    both: list[Any] = [{"path": "t", "tag": "2de"}, {"path": "t", "tag": "2en", "languages": ["de", "en"]}]
    found = prepared(tmp_path, config(both))
    parts = found.split("dev").parts
    assert [(part.name, part.tag, part.languages) for part in parts] == [
        ("dev.en-de", "2de", ("en", "de")),
        ("dev.de-en", "2en", ("de", "en")),
    ]
    dev = texts(found, "dev")
    ours, theirs = ([pair for tag, *pair in dev if tag == name] for name in ("2de", "2en"))
    assert len(ours) >= 29
    assert sorted(ours) == sorted(pair[::-1] for pair in theirs)
    trained = {tuple(sorted(pair)) for _, *pair in texts(found, "train")}
    assert not trained & {tuple(sorted(pair)) for _, *pair in dev}
    assert len(trained) == 300 - len(ours)


def test_made_text_is_no_dev(tmp_path: Path) -> None:
    write(tmp_path, "t", lines(150))
    write(tmp_path, "m", [*lines(150), *lines(150, 200)])
    found = prepared(tmp_path, config(["t", {"path": "m", "tag": "bt"}]))
    dev = {source for _, source, _ in texts(found, "dev")}
    assert {tag for tag, *_ in texts(found, "dev")} == {""}
    assert not dev & {source for _, source, _ in texts(found, "train")}


def test_scores_and_lengths_are_counted(tmp_path: Path) -> None:
    rows = [f"{line}\t{line} de\t{number % 4 / 4}\n" for number, line in enumerate(lines(120))]
    (tmp_path / "s.tsv").write_text("".join(rows))
    write(tmp_path, "t", lines(60, 300))
    write(tmp_path, "d", lines(5, 900))
    tagged: list[Any] = ["t", {"path": "s.tsv", "tag": "web", "min_score": 0.5}]
    found = prepared(tmp_path, config(tagged, dev="d", test="d"))
    report = found.report()
    assert report.dropped["min_score"] == report.parts[1].dropped["min_score"] == 60
    assert (report.pairs_read, report.parts[1].pairs_read, report.pairs["train"]) == (180, 120, 120)
    longest = found.split("train").longest_source
    cut = prepared(tmp_path, config(tagged, {"filter": {"max_pieces": longest - 1}}, dev="d"))
    assert cut.report().dropped["max_pieces"] > 0
    assert cut.split("train").longest_source <= longest - 1


def test_what_of_a_test_set_stands_in_a_text_with_a_tag_is_found(tmp_path: Path) -> None:
    write(tmp_path, "t", lines(150))
    write(tmp_path, "m", lines(50, 500))
    write(tmp_path, "d", lines(4, 500))
    found = prepared(tmp_path, config(["t", {"path": "m", "tag": "bt"}], dev="d"))
    overlap = found.report().train_overlap["dev"]
    assert (overlap.found, overlap.of) == (4, 4)


class Losses(Silent):
    """A view that keeps the losses of updates."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.said: list[str] = []

    def updated(self, event: loop.Updated, progress: Any) -> None:
        self.losses.append(event.loss)

    def say(self, message: str, remedy: str = "") -> None:
        self.said.append(message)


@pytest.mark.parametrize("mixing", ["auto", "temperature"])
def test_a_mixed_epoch_goes_on_where_it_stopped_bit_by_bit(tmp_path: Path, mixing: str) -> None:
    write(tmp_path, "a", lines(120))
    write(tmp_path, "b", lines(20, 200))
    write(tmp_path, "d", lines(5, 900))
    mixed: list[Any] = ["a", {"path": "b", "weight": 2.0, "tag": "b"}]

    def losses(name: str, updates: int) -> Losses:
        view = Losses()
        limits = {"max_updates": updates, "max_epochs": 0, "validate_every": 1000}
        loaded = Loaded(config=config(mixed, {"train": limits}, dev="d", mixing=mixing), folder=tmp_path, origin="x")
        named = loaded.model_copy(update={"config": loaded.config.model_copy(update={"name": name})})
        with contextlib.ExitStack() as held:
            held.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
            train(named, view, device="cpu")
        return view

    whole = losses("whole", 26)
    assert len(whole.losses) == 26
    assert [line for line in whole.said if line.startswith("an epoch draws 140 pairs: a ")]
    first, then = losses("parts", 7), losses("parts", 26)  # an epoch has more than 7 updates, and fewer than 26
    assert first.losses + then.losses == whole.losses
