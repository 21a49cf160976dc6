"""What is learnt of a language in which each word has one translation, in any order, and of rare and absent words."""

import random
from pathlib import Path

import numpy as np
import pytest

from mtkit.corpus import lexicon
from mtkit.corpus.shards import Part, ShardWriter, Split

VOCAB = 60


def corpus(folder: Path, pairs: int) -> Split:
    """Word w is translated by VOCAB - w, in shuffled order, and half of all targets have a 3 besides."""
    rng = random.Random(1)
    writer = ShardWriter(folder, "train", (VOCAB, VOCAB), shard_pairs=100)
    for _ in range(pairs):
        source = [rng.randint(10, 50) for _ in range(rng.randint(1, 8))]
        target = [VOCAB - word for word in source] + [3] * rng.randint(0, 1)
        rng.shuffle(target)
        writer.add(source, target)
    writer.add([], [4])
    writer.add([11], [])
    writer.close()
    return Split(folder, (Part.of("train", "train", writer.close()),))


@pytest.mark.parametrize("most", [lexicon.MOST_LINKS, 3000])
def test_translations_are_found(tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MOST_LINKS", most)  # the second: from a part of the corpus
    learnt = lexicon.learn(corpus(tmp_path, 600), VOCAB, VOCAB, likely=5, frequent=4)
    assert learnt.likely_VN.shape == (VOCAB, 5)
    for word in range(10, 51):
        assert learnt.likely_VN[word, 0] == VOCAB - word
    assert (learnt.likely_VN[:10] == -1).all()
    assert learnt.frequent[0] == 3
    assert len(set(learnt.frequent.tolist())) == 4


def test_fewer_words_than_asked_for(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "train", (6, 6))
    writer.add([1, 2], [5, 4])
    split = Split(tmp_path, (Part.of("train", "train", writer.close()),))
    learnt = lexicon.learn(split, 6, 6, likely=3, frequent=10)
    assert set(learnt.frequent.tolist()) == {4, 5}
    assert sorted(learnt.likely_VN[1].tolist()) == [-1, 4, 5]
    assert np.array_equal(learnt.likely_VN[3], [-1, -1, -1])
