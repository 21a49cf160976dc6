"""Parts drawn by shares: how much of each, how often each pair, and that nothing but seed and epoch decides."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mtkit.corpus import sampler as module
from mtkit.corpus.mixture import Mixture, shares
from mtkit.corpus.sampler import Sampler
from mtkit.corpus.shards import Split
from mtkit.errors import DataError
from tests.corpus.test_parts import Batches, listed, part

SIZES = (100, 30, 7)
SHARES = (0.5, 0.3, 0.2)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """The numbers of a part's pairs begin with a thousand of their own."""
    parts = [part(tmp_path, f"p{i}", range(1000 * i + 1, 1000 * i + 1 + size)) for i, size in enumerate(SIZES)]
    return Split(tmp_path, tuple(parts))


def mixed(split: Split, seed: int = 1, rank: int = 0, world: int = 1, batch_tokens: int = 40) -> Sampler:
    return Sampler(split, batch_tokens, seed, rank=rank, world=world, shares=SHARES)


def drawn(sampler: Sampler, epoch: int, skip: int = 0) -> Batches:
    return listed(list(sampler.epoch(epoch, skip)))


def numbers(batches: Batches) -> list[int]:
    return [ids[0] for sources, _ in batches for ids in sources]


def test_shares_by_hand() -> None:
    assert shares("ab", [70, 30], [3.0, 1.0]) == [0.75, 0.25]
    assert shares("ab", [16, 1], [1.0, 1.0], temperature=2) == pytest.approx([0.8, 0.2])
    assert shares("ab", [16, 1], [1.0, 1.0], temperature=1) == pytest.approx([16 / 17, 1 / 17])
    assert shares("ab", [16, 1], [1.0, 4.0], temperature=2) == pytest.approx([0.5, 0.5])
    with pytest.raises(DataError, match=r"no pair of b is left to draw"):
        shares("ab", [5, 0], [1.0, 1.0])


def test_each_part_has_its_share_of_every_epoch(split: Split) -> None:
    total, seen = sum(SIZES), Counter[int]()
    for epoch in range(40):
        found = Counter(number // 1000 for number in numbers(drawn(mixed(split), epoch)))
        for i, share in enumerate(SHARES):  # 1 % of what is drawn, or the pair that is drawn in the next epoch
            assert abs(found[i] - share * total) <= 1
        seen += found
    for i, share in enumerate(SHARES):
        assert seen[i] / seen.total() == pytest.approx(share, abs=0.001)


def test_no_pair_of_a_part_comes_more_often_than_another(split: Split) -> None:
    sampler = mixed(split)
    seen = Counter(number for epoch in range(20) for number in numbers(drawn(sampler, epoch)))
    for i, size in enumerate(SIZES):
        own = [seen[1000 * i + 1 + place] for place in range(size)]
        assert max(own) - min(own) <= 1
    first = numbers(drawn(sampler, 0))
    assert len(set(first)) > 60  # of the large part a half, all of the others
    assert set(first) != set(numbers(drawn(sampler, 1)))


def test_source_and_target_stay_together_within_the_budget(split: Split) -> None:
    for sources, targets in drawn(mixed(split), 3):
        assert [ids[0] for ids in sources] == [ids[0] for ids in targets]
        assert len(sources) * (1 + max(map(len, [*sources, *targets]))) <= 40


def test_order_is_a_function_of_seed_and_epoch(split: Split) -> None:
    whole = drawn(mixed(split), 5)
    assert drawn(mixed(split), 5) == whole
    assert drawn(mixed(split), 6) != whole
    assert drawn(mixed(split, seed=2), 5) != whole
    assert mixed(split).batches(5) == len(whole)
    for skip in (1, len(whole) // 2, len(whole)):
        assert drawn(mixed(split), 5, skip) == whole[skip:]


@pytest.mark.parametrize("world", [2, 3])
def test_processes_take_turns_in_the_order_of_one(split: Split, world: int) -> None:
    whole = drawn(mixed(split), 1, skip=4)
    parts = [drawn(mixed(split, rank=rank, world=world), 1, skip=4) for rank in range(world)]
    assert [batch for turn in zip(*parts, strict=True) for batch in turn if batch[0]] == whole


def test_windows_have_the_shares_of_the_whole(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 1)
    monkeypatch.setattr(module, "SHARD_PAIRS", 50)
    windows = list(Mixture(split, SHARES, 1, 50).windows(0))
    assert len(windows) == 3
    firsts = np.cumsum([0] + [len(one.shards) for one in split.parts])
    for rows in windows:
        assert len(rows) == pytest.approx(sum(SIZES) / 3, abs=2)
        found = Counter(np.searchsorted(firsts, rows[:, 0], side="right").tolist())
        assert [found[i] / len(rows) for i in (1, 2, 3)] == pytest.approx(SHARES, abs=0.04)
    sampler = mixed(split)
    assert len(numbers(drawn(sampler, 0))) == sum(map(len, windows))


def test_as_many_parts_as_pairs(tmp_path: Path) -> None:
    """49 times a 49th is a bit less than one in floating point."""
    parts = tuple(part(tmp_path, f"p{i}", range(i + 1, i + 2)) for i in range(49))
    (rows,) = Mixture(Split(tmp_path, parts), [1 / 49] * 49, 1, 1000).windows(0)
    assert len(rows) == 49


def test_target_tokens_of_an_epoch(split: Split) -> None:
    counted = [sum(len(ids) + 1 for _, targets in drawn(mixed(split), epoch) for ids in targets) for epoch in range(20)]
    assert mixed(split).target_tokens == pytest.approx(sum(counted) / 20, rel=0.02)
    plain = Sampler(split, 40, 1)
    assert plain.target_tokens == sum(len(ids) + 1 for _, targets in drawn(plain, 0) for ids in targets)
