"""Segmentations drawn at random: the same text, in shares that can be worked out, repeatable."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mtkit.corpus.sampler import Sampler
from mtkit.corpus.shards import Part, ShardWriter, Split
from mtkit.errors import ConfigError
from mtkit.text import subwords
from mtkit.text.subwords import Subwords
from tests.text.test_tokenizer import LINES, make

TEXTS = [*LINES[:16], "the   cat", "日本 the 😀cat", "seas trees", "<mtkit:3> the cat", ""]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_what_is_drawn_spells_the_same_text(kind: str) -> None:
    made = make(kind)
    some = Subwords(made, kind)
    rng = np.random.default_rng(1)
    ids = made.encode(TEXTS)
    drawn = [[some.draw(one, rng) for one in ids] for _ in range(5)]
    for several in drawn:
        assert [made.decode(one) for one in several] == [made.decode(one) for one in ids]
    assert any(several[:16] != ids[:16] for several in drawn)
    rng = np.random.default_rng(1)
    assert drawn == [[some.draw(one, rng) for one in ids] for _ in range(5)]


def test_bpe_without_dropout_is_the_tokenizers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make("bpe")
    monkeypatch.setattr(subwords, "DROPPED", 0.0)
    some, rng = Subwords(made, "bpe"), np.random.default_rng(1)
    for ids in made.encode(TEXTS):
        assert some.draw(ids, rng) == ids


def test_bpe_without_merges_is_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make("bpe")
    monkeypatch.setattr(subwords, "DROPPED", 1.0)
    (ids,) = made.encode(["the cat"])
    drawn = Subwords(made, "bpe").draw(ids, np.random.default_rng(1))
    assert made.pieces(drawn) == list("▁the▁cat")


def test_unigram_draws_by_flattened_probability() -> None:
    """A word's segmentations come as often as their probabilities to the power FLAT say."""
    made = make("unigram")
    (ids,) = made.encode(["the"])
    best = made.nbest("the", subwords.BEST)
    weights = [math.exp(sum(made.score(i) for i in one)) ** subwords.FLAT for one in best]
    some, rng = Subwords(made, "unigram"), np.random.default_rng(1)
    counts = Counter(tuple(some.draw(ids, rng)) for _ in range(20_000))
    assert len(best) > 1
    for one, weight in zip(best, weights, strict=True):
        share = weight / sum(weights)
        assert abs(counts[tuple(one)] / 20_000 - share) < 4 * math.sqrt(share / 20_000)


def test_a_ready_made_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match='tokenizer.model is of another kind: set kind = "bpe"'):
        Subwords(make("bpe"), "unigram")


def test_batches_are_a_function_of_seed_epoch_and_place(tmp_path: Path) -> None:
    made = make("unigram")
    writer = ShardWriter(tmp_path, "train", (made.vocab_size, made.vocab_size))
    ids = made.encode(LINES[:16])
    for one in ids:
        writer.add(one, one)
    split = Split(tmp_path, (Part.of("train", "train", writer.close()),))
    some = Subwords(made, "unigram")

    def batches(share: float, skip: int = 0, epoch: int = 0, seed: int = 1) -> list[list[list[int]]]:
        sampler = Sampler(split, 40, seed, share, (some, some))
        return [[[int(i) for i in ids] for ids in side] for pair in sampler.epoch(epoch, skip) for side in pair]

    whole = batches(1.0)
    assert batches(1.0) == whole
    assert batches(1.0, skip=2) == whole[4:]
    assert batches(1.0, epoch=1) != whole
    assert batches(1.0, seed=2) != whole
    texts = sorted(made.decode(one) for side in whole[::2] for one in side)
    assert texts == sorted(LINES[:16])
    assert any(source != target for source, target in zip(whole[::2], whole[1::2], strict=True))
    plain = [one for side in batches(0.0) for one in side]
    assert sorted(plain) == sorted(ids * 2)
    changed = sum(one not in ids for side in batches(0.5) for one in side)
    assert 0 < changed < sum(one not in ids for side in whole for one in side)
