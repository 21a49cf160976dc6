"""A sampler that draws from several parts, and one epoch shared by several processes."""

from pathlib import Path

import pytest

from mtkit.corpus import sampler as module
from mtkit.corpus.sampler import Pairs, Sampler
from mtkit.corpus.shards import Part, Row, ShardWriter, Split
from mtkit.text.subwords import Subwords
from mtkit.text.tokenizer import Tokenizer
from tests.text.test_tokenizer import make

Batches = list[tuple[list[list[int]], list[list[int]]]]


def part(folder: Path, name: str, numbers: range, shard_pairs: int = 9) -> Part:
    """Pairs that begin with a number of their own."""
    writer = ShardWriter(folder, name, (2000, 2000), shard_pairs)
    for number in numbers:
        writer.add([number] * (1 + number % 7), [number] * (1 + number * 5 % 11))
    return Part.of(name, name, writer.close())


def listed(batches: "list[Pairs]") -> Batches:
    return [tuple([[int(i) for i in ids] for ids in side] for side in pair) for pair in batches]  # type: ignore[misc]


def epoch(split: Split, epoch: int = 0, skip: int = 0, rank: int = 0, world: int = 1) -> Batches:
    return listed(list(Sampler(split, 40, 1, rank=rank, world=world).epoch(epoch, skip)))


def test_many_pairs_at_once_are_written_as_one_by_one(tmp_path: Path) -> None:
    rows = Row.of(2000), Row.of(2000)
    for number in range(25):
        rows[0].add([number] * (number % 7))
        rows[1].add([number] * (number * 5 % 11))
    for name in ("one", "many"):
        writer = ShardWriter(tmp_path, name, (2000, 2000), 9)
        writer.add([1], [2])
        if name == "many":
            writer.extend(*rows)
        else:
            for number in range(25):
                writer.add([number] * (number % 7), [number] * (number * 5 % 11))
        assert [shard.pairs for shard in writer.close()] == [9, 9, 8]
    for path in tmp_path.glob("one-*"):
        assert path.read_bytes() == (tmp_path / path.name.replace("one", "many")).read_bytes()


@pytest.fixture
def split(tmp_path: Path) -> Split:
    numbers = (range(1, 101), range(101, 101), range(101, 104), range(104, 150))
    return Split(tmp_path, tuple(part(tmp_path, f"p{i}", some) for i, some in enumerate(numbers)))


def test_an_epoch_has_every_pair_of_every_part_once_and_mixed(split: Split) -> None:
    batches = epoch(split)
    assert sorted(ids[0] for sources, _ in batches for ids in sources) == list(range(1, 150))
    mixed = [sources for sources, _ in batches if {ids[0] > 100 for ids in sources} == {True, False}]
    assert mixed  # in one batch
    assert epoch(split) == batches
    assert epoch(split, 1) != batches


def test_one_part_has_the_order_of_its_shards(tmp_path: Path) -> None:
    """Whatever stands beside it: a resumed run of a corpus that was one text goes on as it would have."""
    one = part(tmp_path, "a", range(1, 101))
    assert module._groups(Split(tmp_path, (one,))) == [[number] for number in range(12)]
    empty = part(tmp_path, "b", range(0))
    assert epoch(Split(tmp_path, (empty, one, empty))) == epoch(Split(tmp_path, (one,)))


def test_many_small_parts_share_windows_and_no_window_holds_more_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARD_PAIRS", 9)
    sizes = [9, 4, 4, 2, 20, 1]
    parts = tuple(part(tmp_path, f"p{i}", range(100 * i, 100 * i + size)) for i, size in enumerate(sizes))
    split = Split(tmp_path, parts)
    groups = module._groups(split)
    assert sorted(number for group in groups for number in group) == list(range(len(split.shards)))
    assert groups == [[4], [5], [0], [1, 2], [3, 6, 7]]  # full shards; then 9, 4 + 4, 2 + 2 + 1 pairs
    assert all(sum(split.shards[number].pairs for number in group) <= 9 for group in groups)


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("skip", [0, 6])
def test_processes_take_turns_in_the_order_of_one(split: Split, world: int, skip: int) -> None:
    whole = epoch(split, skip=skip)
    counts = {len(whole) % 2, len(whole) % 3}
    assert counts != {0}  # some last round is not whole
    shares = [epoch(split, skip=skip, rank=rank, world=world) for rank in range(world)]
    rounds = -(-len(whole) // world)
    assert [len(share) for share in shares] == [rounds] * world  # all go on together
    in_turn = [batch for turn in zip(*shares, strict=True) for batch in turn]
    assert in_turn == whole + [([], [])] * (rounds * world - len(whole))


def test_where_a_run_goes_on_the_number_of_processes_may_change(split: Split) -> None:
    whole = epoch(split)
    first = [epoch(split, rank=rank, world=2)[:2] for rank in range(2)]  # two rounds of two
    then = [epoch(split, skip=4, rank=rank, world=3) for rank in range(3)]
    seen = [batch for part in (first, then) for turn in zip(*part, strict=True) for batch in turn if batch[0]]
    assert seen == whole
    over = [epoch(split, skip=len(whole), rank=rank, world=2) for rank in range(2)]
    assert over == [[], []]  # nothing is left, and nobody waits for another


def test_segmentations_are_drawn_for_the_batch_and_not_for_the_process(tmp_path: Path) -> None:
    tokenizer: Tokenizer = make()
    some = Subwords(tokenizer, "unigram")
    ids = tokenizer.encode(["the cat sees the sea", "a tree by the sea", "the cat sat", "see the trees"] * 6)
    parts = []
    for name in ("a", "b"):
        writer = ShardWriter(tmp_path, name, (tokenizer.vocab_size, tokenizer.vocab_size), 5)
        for one in ids:
            writer.add(one, one)
        parts.append(Part.of(name, name, writer.close()))
    split = Split(tmp_path, tuple(parts))

    def drawn(rank: int = 0, world: int = 1, share: float = 1.0) -> Batches:
        return listed(list(Sampler(split, 60, 1, share, (some, some), rank, world).epoch(2)))

    whole = drawn()
    assert whole != drawn(share=0.0)
    shares = [drawn(rank, 3) for rank in range(3)]
    assert [batch for turn in zip(*shares, strict=True) for batch in turn if batch[0]] == whole
