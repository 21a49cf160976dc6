"""Taking over parts of another model: values by hand, and what does not fit by name."""

import torch

from mtkit.model import tensors
from mtkit.model.build import build
from mtkit.model.inherit import misfits, take
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Model


def made(vocab: tuple[int, int], shared: bool, **table: object) -> Seq2Seq:
    sides = {"embed_dim": 4, "hidden_dim": 6, **table}
    return build(Model.model_validate(sides), *vocab, shared)


def test_embeddings_go_by_piece() -> None:
    torch.manual_seed(0)
    own, other = made((4, 4), True), made((5, 5), True)
    before = {name: value.clone() for name, value in tensors.named(own).items()}
    rows = [[2], [], [0, 4], [1]]
    take(own, other, ["embeddings"], (rows, rows))
    there = other.source_VE.detach()
    expected = torch.stack([there[2], before["source_VE"][1], (there[0] + there[4]) / 2, there[1]])
    torch.testing.assert_close(own.source_VE.detach(), expected)
    assert own.output.weight_VE is own.source_VE  # still one matrix
    assert all(torch.equal(value, before[name]) for name, value in tensors.named(own).items() if "coder" in name)


def test_source_and_target_have_pieces_of_their_own() -> None:
    own, other = made((3, 2), False), made((3, 3), True)
    take(own, other, ["embeddings"], ([[0], [1], [2]], [[2], [1]]))
    torch.testing.assert_close(own.source_VE, other.source_VE)
    torch.testing.assert_close(own.target_VE.detach(), other.source_VE.detach()[[2, 1]])


def test_parts_are_copied_whole() -> None:
    own, other = made((3, 3), True), made((3, 3), True)
    take(own, other, ["decoder"], ([], []))
    mine, theirs = tensors.named(own), tensors.named(other)
    alike = {name for name in mine if torch.equal(mine[name], theirs[name]) and mine[name].any()}
    assert alike == {name for name in mine if name.startswith(("decoder.", "output.projection")) and theirs[name].any()}


def test_what_does_not_fit_is_named() -> None:
    own = made((3, 3), True)
    assert misfits(own, made((9, 9), True), ["encoder", "decoder", "embeddings"]) == []
    wider = made((3, 3), True, embed_dim=5)
    assert misfits(own, wider, ["embeddings"])[0] == "source_VE: (5,) numbers a piece there, (4,) here"
    (first, *_) = misfits(own, wider, ["encoder"])
    assert first == "encoder.layers.0.0.input.weight: F32 9x5 there, F32 9x4 here"
    (tied,) = misfits(own, made((3, 3), True, tie="inputs", hidden_dim=4, embed_dim=4), ["embeddings"])
    assert tied == "source_VE: one matrix with output.weight_VE here (model.tie), and not there"
