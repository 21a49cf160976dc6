"""The steps of adapting: what decides a config, a text divided by hash, and weights between parent and child."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mtkit.errors import DataError
from mtkit.jobs.adapting import doubts, measuring, settings
from mtkit.jobs.adapting.known import Known
from mtkit.jobs.adapting.mixing import mixed
from mtkit.jobs.adapting.text import Division, Text, passes, sample
from mtkit.model import tensors
from mtkit.report.training import Parent, TrainingFacts
from mtkit.schema import Train
from mtkit.store import bundle
from mtkit.store.bundle import Bundle
from mtkit.text.filters import TextRules
from mtkit.text.readers.reader import Reader, locate
from tests.translator.small import LONGEST, decode, model_of, pieces, table

RULES = TextRules(2000, drop_copies=True)
WORDS = ["the", "red", "dog", "sees", "a", "big", "cat", "one", "two", "house"]


def text(folder: Path, name: str, pairs: int) -> Reader:
    lines = [f"{WORDS[i % 10]} {WORDS[i // 10 % 10]} {i}\t{WORDS[i % 7]} {i}" for i in range(pairs)]
    (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return locate(folder / f"{name}.tsv", "en", "de")


def division(folder: Path, pairs: int, known: Known | None = None, dev: Reader | None = None) -> Division:
    return Division([text(folder, "mine", pairs)], dev, known or Known(), RULES, {}, 0)


def lines(made: Text, part: str) -> list[tuple[str, str]]:
    return list(locate(made.folder / part, "en", "de"))


@pytest.mark.parametrize(("pairs", "held_out"), [(20, 2), (100, 10), (300, 20), (1000, 50), (12_000, 500)])
def test_a_part_is_held_out_by_its_sources(tmp_path: Path, pairs: int, held_out: int) -> None:
    made = division(tmp_path, pairs).gather(tmp_path / "prepared")
    assert (made.pairs, len(made.dev), made.again) == (pairs - held_out, held_out, 0)
    train = lines(made, "mine")
    assert {*train}.isdisjoint(made.dev)
    assert sorted([*train, *made.dev]) == sorted(locate(tmp_path / "mine.tsv", "en", "de"))
    again = division(tmp_path, pairs).gather(tmp_path / "prepared")
    assert again == made  # which stands


def test_the_same_pairs_are_held_out_when_there_are_more(tmp_path: Path) -> None:
    few, more = (division(tmp_path, pairs).gather(tmp_path / "prepared") for pairs in (200, 220))
    assert few.folder != more.folder
    assert len({*few.dev} & {*more.dev}) >= 15  # of 20: those with the smallest hashes


def test_the_parents_text_is_sampled_and_never_what_is_measured_on(tmp_path: Path) -> None:
    old = text(tmp_path, "old", 900)
    its_dev = list(old)[:300]
    made = division(tmp_path, 100, Known([old], {"p": its_dev})).gather(tmp_path / "prepared")
    again = lines(made, "again")
    assert made.train == ["mine", "again"]
    assert made.times == 9  # of 18 passes
    assert made.again == len(again) == 600
    assert [lines(made, "mine").count(pair) for pair in {*lines(made, "mine")}] == [9] * 90
    sources = {source for source, _ in (*its_dev, *made.dev)}
    assert {*again} <= {*old}
    assert not any(source in sources for source, _ in again)
    some = sample([old], 50, sources, RULES)
    assert len({*some} & {*again}) == 50


def test_a_name_of_ours_is_not_taken(tmp_path: Path) -> None:
    readers = [text(tmp_path, "dev", 100)]
    made = Division(readers, None, Known(), RULES, {}, 0).gather(tmp_path / "prepared")
    assert (made.name, len(lines(made, "dev"))) == (f"{tmp_path.name}-dev", 10)


def test_the_mean_of_weights() -> None:
    parent, child = (model_of(table(), pieces(), seed) for seed in (1, 2))
    made = tensors.named(mixed(parent, child, 0.25))
    for name, value in tensors.named(child).items():
        torch.testing.assert_close(made[name], 0.75 * tensors.named(parent)[name] + 0.25 * value)
    assert all(
        torch.equal(tensors.named(mixed(parent, child, 1.0))[name], x) for name, x in tensors.named(child).items()
    )
    assert all(
        torch.equal(tensors.named(mixed(parent, child, 0.0))[name], x) for name, x in tensors.named(parent).items()
    )


def test_losses_of_pairs_sum_up_to_the_loss() -> None:
    words, model = pieces(), model_of(table(), pieces())
    pairs = [
        ("the red dog", "der rote Hund"),
        ("one", "eins"),
        ("a big cat sees the house", "zwei"),
        ("two", "drei vier"),
    ]
    found = measuring.losses(model, (words, words), pairs, LONGEST)
    alone = [measuring.loss(model, (words, words), [pair], LONGEST) for pair in pairs]
    counts = [len(words.encode([target])[0]) + 1 for _, target in pairs]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(alone) * torch.tensor(counts))
    assert measuring.loss(model, (words, words), pairs, LONGEST) == pytest.approx(sum(found) / sum(counts), rel=1e-5)


def parent(tmp_path: Path, training: TrainingFacts | None) -> Bundle:
    words = pieces()
    about = bundle.describe(table(), decode(max_ratio=2), [words], ("en", "de"), LONGEST, training)
    bundle.write(tmp_path / "parent", model_of(table(), words), [words], about, "a card")
    return bundle.load(tmp_path / "parent", torch.device("cpu"))


def facts(lr: float, **more: object) -> TrainingFacts:
    config = {
        "seed": 7,
        "data": {"source_lang": "en", "target_lang": "de", "train": ["x"]},
        "train": {"lr": lr, "batch_tokens": 900, "label_smoothing": 0.2, "optimizer": "adagrad"},
        "filter": {"max_pieces": 50},
        "decode": {"beam_size": 3},
    }
    usual = {"seed": 7, "updates": 1, "minutes": 1.0, "scores": {}, "signatures": {}, "hashes": {}, "config": config}
    return TrainingFacts.model_validate(usual | more)


def test_a_config_is_that_of_the_line_of_parents(tmp_path: Path) -> None:
    first = Parent(name="a", sha256="", languages=("en", "de"), max_pieces=9, took="", training=facts(0.08))
    made = division(tmp_path, 600).gather(tmp_path / "prepared")
    found = settings.table(parent(tmp_path, facts(0.001, parent=first)), made, name="n", init_from="p", minutes=3)
    assert found["train"]["lr"] == pytest.approx(settings.RATE * 0.08)
    assert (found["seed"], found["train"]["label_smoothing"], found["train"]["max_minutes"]) == (7, 0.2, 3)
    assert (found["train"]["max_epochs"], found["filter"]["dedupe"]) == (10, True)
    assert "betas" not in found["train"]  # which adagrad has not
    assert 51 <= found["train"]["batch_tokens"] <= 900
    assert found["data"]["dev"].startswith("prepared/en-de-adapt-")
    assert found["decode"]["beam_size"] == 5  # of the bundle itself
    unknown = settings.table(parent(tmp_path, None), made, name="n", init_from="p", minutes=0)
    assert unknown["train"]["lr"] == pytest.approx(settings.RATE * 1e-3)


def test_several_processes_share_out_a_pass(tmp_path: Path) -> None:
    """As many updates, of batches of which each has its part; a run that goes on keeps its own size."""
    made, found = division(tmp_path, 800).gather(tmp_path / "prepared"), parent(tmp_path, facts(0.001))
    how: dict[str, Any] = {"name": "n", "init_from": "p", "minutes": 0}
    one, two = (settings.table(found, made, processes=count, **how)["train"] for count in (1, 2))
    assert two["batch_tokens"] == one["batch_tokens"] // 2 > 51
    assert abs(one["validate_every"] - two["validate_every"]) <= 1
    begun = Train(batch_tokens=two["batch_tokens"], warmup=two["warmup"])
    alone = settings.table(found, made, processes=1, begun=begun, **how)["train"]
    assert (alone["batch_tokens"], alone["warmup"]) == (two["batch_tokens"], two["warmup"])
    assert abs(alone["validate_every"] - 2 * two["validate_every"]) <= 1  # a pass still


def test_how_often_a_text_is_read() -> None:
    assert [passes(pairs) for pairs in (20, 50, 500, 2000, 10_000, 10**6)] == [20, 20, 10, 6, 4, 2]


def test_swapped_sides_are_told_from_other_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model that finds a target likely whose words are its source's, in upper case."""

    def losses(_: object, tokenizers: object, pairs: list[tuple[str, str]], *more: object) -> list[float]:
        return [9.0 - 8 * (source.upper() == target) - sum(map(str.isupper, target)) / 9 for source, target in pairs]

    monkeypatch.setattr(doubts, "losses", losses)
    found, right = parent(tmp_path, None), [(f"{a} {b}", f"{a} {b}".upper()) for a in WORDS for b in WORDS[:3]]
    assert doubts.doubt(found, right, "x") == ""
    with pytest.raises(DataError, match="x: its sides look swapped: the model translates en to de"):
        doubts.doubt(found, [(target, source) for source, target in right], "x")
    apart = [(source, right[i - 1][1]) for i, (source, _) in enumerate(right)]
    assert "hardly translations of their sources" in doubts.doubt(found, apart, "x")
