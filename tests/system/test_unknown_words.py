"""Words and characters that a trained model's vocabulary lacks, from end to end."""

import json
from pathlib import Path

import pytest

from tests.system.toy import make, mtkit, ran

WHOLE = {
    "the red dog sees Berlin": "das rote Hund sieht Berlin",
    "Berlin sees the red dog": "Berlin sieht das rote Hund",
    "the dog sees Москва and Anna": "das Hund sieht Москва und Anna",
    "two Berlin and two Berlin": "zwei Berlin und zwei Berlin",
    "Anna Berlin": "Anna Berlin",
    "the big house": "das große Haus",
}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of words: a folder with a finished run."""
    folder = make(tmp_path_factory.mktemp("words") / "toy")
    settings = ["kind=word", "byte_fallback=false", "vocab_size=200", "sample=0"]
    updates = ["-s", "train.max_updates=250", "-s", "train.validate_every=250", "-s", "model.encoder.name=transformer"]
    updates += ["-s", "model.decoder.name=transformer", "-s", "train.lr=0.003"]
    ran(mtkit(folder, "train", "--quiet", *updates, *(part for one in settings for part in ("-s", f"tokenizer.{one}"))))
    return folder


def test_they_are_in_their_places(words: Path) -> None:
    lines = "".join(line + "\n" for line in WHOLE)
    assert ran(mtkit(words, "translate", "-q", stdin=lines)).splitlines() == list(WHOLE.values())
    linked = ran(mtkit(words, "translate", "-q", "--align", stdin="the dog sees Anna\n"))
    assert linked == "das Hund sieht Anna ||| 0-0 1-1 2-2 3-3\n"


def test_so_they_are_in_lists_and_json_by_workers(words: Path) -> None:
    lines = "".join(line + "\n" for line in WHOLE)
    made = ran(mtkit(words, "translate", "-q", "--format", "jsonl", "--n-best", "5", "--workers", "2", stdin=lines))
    for line, wanted in zip(made.splitlines(), WHOLE.values(), strict=True):
        one = json.loads(line)
        assert one["translation"] == wanted
        texts = [other["translation"] for other in one["nbest"]]
        assert len({*texts}) == len(texts)
        for word in {"Berlin", "Anna", "Москва"} & {*one["source"].split()}:
            assert all(text.split().count(word) == one["source"].split().count(word) for text in texts)
