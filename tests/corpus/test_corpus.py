"""Shards, batches and their order."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mtkit.corpus.batch import Batcher
from mtkit.corpus.sampler import Sampler, plan
from mtkit.corpus.shards import Part, ShardWriter, Split
from mtkit.errors import DataError
from mtkit.ops.packing import Packing

PAIRS = [([number] * (1 + number % 7), [number] * (1 + number * 5 % 11)) for number in range(1, 101)]


def write(folder: Path, shard_pairs: int = 9, vocab: int = 200) -> Split:
    writer = ShardWriter(folder, "train", (vocab, vocab), shard_pairs)
    for source, target in PAIRS:
        writer.add(source, target)
    return Split(folder, (Part.of("train", "train", writer.close()),))


def test_shards_give_back_what_was_written(tmp_path: Path) -> None:
    split = write(tmp_path)
    assert (len(split), [shard.pairs for shard in split.shards]) == (100, [9] * 11 + [1])
    assert split.target_pieces == sum(len(target) for _, target in PAIRS)
    read = []
    for number in range(len(split.shards)):
        shard = split.open(number)
        assert shard.source.ids.dtype == np.uint16
        assert isinstance(shard.source.ids.base, np.memmap)
        read += [(shard.source[i].tolist(), shard.target[i].tolist()) for i in range(len(shard))]
    assert read == PAIRS


def test_large_vocabularies_take_wider_ids(tmp_path: Path) -> None:
    assert write(tmp_path, vocab=70_000).open(0).target.ids.dtype == np.uint32


def test_damaged_shards_are_errors(tmp_path: Path) -> None:
    split = write(tmp_path)
    (tmp_path / "train-00003.source.npy").write_bytes(b"")
    with pytest.raises(DataError, match="shard train-00003 cannot be read"):
        split.open(3)


def everything(sampler: Sampler, epoch: int, skip: int = 0) -> list[list[int]]:
    return [[int(ids[0]) for ids in sources] for sources, _ in sampler.epoch(epoch, skip)]


def test_an_epoch_holds_each_pair_once_within_the_budget(tmp_path: Path) -> None:
    sampler = Sampler(write(tmp_path), batch_tokens=40, seed=1)
    seen = []
    for sources, targets in sampler.epoch(0):
        longest = 1 + max(len(ids) for ids in [*sources, *targets])
        assert len(sources) * longest <= 40
        seen += [int(ids[0]) for ids in sources]
        assert [int(ids[0]) for ids in targets] == [int(ids[0]) for ids in sources]
    assert sorted(seen) == list(range(1, 101))


def test_order_is_a_function_of_seed_and_epoch(tmp_path: Path) -> None:
    split = write(tmp_path)
    sampler = Sampler(split, 40, 1)
    assert everything(sampler, 0) == everything(Sampler(split, 40, 1), 0)
    assert everything(sampler, 0) != everything(sampler, 1)
    assert everything(sampler, 0) != everything(Sampler(split, 40, 2), 0)
    count = sampler.batches(0)
    assert count == len(everything(sampler, 0))
    for skip in (0, 1, count // 2, count):
        assert everything(sampler, 0, skip) == everything(sampler, 0)[skip:]


def test_a_sentence_over_the_budget_is_a_batch_of_its_own() -> None:
    rows = np.arange(4)[:, None]
    batches = plan(rows, np.array([3, 3, 50, 3]), 9, np.random.default_rng(0))
    assert sorted(sorted(batch[:, 0].tolist()) for batch in batches) == [[0, 1, 3], [2]]


def test_like_lengths_share_a_batch() -> None:
    """Grouped by the longer side, nearly all of a batch is text: padding stays under a tenth."""
    rng = np.random.default_rng(0)
    longer = rng.integers(2, 60, 5000)
    batches = plan(np.arange(5000)[:, None], longer, 800, rng)
    padded = sum(len(batch) * longer[batch[:, 0]].max() for batch in batches)
    assert longer.sum() / padded > 0.9


def test_batch_by_hand() -> None:
    batch = Batcher(source_eos=2, target_bos=1, target_eos=3)([[7], [5, 6]], [[8], [9, 10]])
    assert batch.source_BS.tolist() == [[5, 6, 2], [7, 2, 2]]  # the longest target first
    assert batch.source_packing.lengths_B.tolist() == [3, 2]
    assert batch.target_in_BT.tolist() == [[1, 9, 10], [1, 8, 3]]
    assert batch.target_out_BT.tolist() == [[9, 10, 3], [8, 3, 3]]
    assert (batch.target_packing.lengths_B.tolist(), batch.target_tokens) == ([3, 2], 5)
    assert batch.source_packing.mask_BL.tolist() == [[True, True, True], [True, True, False]]


def test_packing_by_hand() -> None:
    """Sentences ab, cdef and g: first positions, then second ones, and so on; the longest sentence first."""
    packing = Packing(np.array([2, 4, 1]), columns=5)
    letters = torch.tensor([[ord(letter) for letter in row] for row in ("ab...", "cdef.", "g....")])

    def read(rows: torch.Tensor) -> str:
        return "".join(map(chr, rows.flatten().tolist()))

    packed = packing.pack(letters.unsqueeze(2))
    assert read(packed) == "cagdbef"
    assert packing.counts == [3, 2, 1, 1]
    assert packing.starts == [0, 3, 5, 6]
    assert read(packing.turn(packed)) == "fbgeadc"
    assert read(packing.first(packed)) == "acg"
    assert read(packing.last(packed)) == "bfg"
    assert packing.sentence_N.tolist() == [1, 0, 2, 1, 0, 1, 1]
    assert packing.time_N.tolist() == [0, 0, 0, 1, 1, 2, 3]
    unpacked = packing.unpack(packed).squeeze(2)
    assert torch.equal(unpacked, letters.masked_fill(~packing.mask_BL, 0))
    assert packing.mask_BL.sum(1).tolist() == [2, 4, 1]
    shorter = packing.shortened(2)
    assert (shorter.lengths.tolist(), shorter.columns) == ([1, 2, 1], 3)
    assert not packing.sorted
    assert Packing(np.array([4, 4, 2])).sorted


def test_packing_gradients_go_back_where_they_came_from() -> None:
    packing = Packing(np.array([2, 3, 1]), columns=4)
    table = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    rows = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(packing.pack, table)
    assert torch.autograd.gradcheck(packing.unpack, rows)
    assert torch.autograd.gradcheck(packing.turn, rows)
    assert torch.autograd.gradcheck(packing.first, rows)
    assert torch.autograd.gradcheck(packing.last, rows)
