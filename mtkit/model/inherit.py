"""Taking over what another model has learnt: parts of it as they are, embeddings piece by piece.

After Zoph et al. 2016 and Kocmi and Bojar 2018 (a parent for another language pair). Must not know files or tokenizers.

Dimensions: O pieces of the model that takes, V of the other one, X what belongs to a piece.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from mtkit.model import tensor_files, tensors
from mtkit.model.seq2seq import Seq2Seq
from mtkit.model.tensor_files import Spec

Value = TypeVar("Value", Spec, Tensor)
PREFIXES = {"encoder": ("convolution.", "encoder."), "decoder": ("decoder.", "output.projection.")}
"""Part -> how the names of its tensors begin."""
EMBEDDINGS = "embeddings"
TABLES = {"source_VE": 0, "target_VE": 1, "output.weight_VE": 1, "output.bias_V": 1}
"""What has a row a piece -> whether these are pieces of the source (0) or the target (1)."""

Rows = Sequence[Sequence[int]]
"""For each piece of a model the pieces of another one that stand for it; see `written_in`."""


def misfits(own: Seq2Seq, other: Seq2Seq, parts: Sequence[str]) -> list[str]:
    """What of these parts cannot be taken over, a line a tensor: its name, what it is there, what it is here.

    Either model may be without memory (on the device "meta"), and their vocabularies are left out of it.
    """
    here, there = (tensor_files.specs(tensors.named(model)) for model in (own, other))
    wrong = []
    for part in parts:
        mine, theirs = (_of(part, found) for found in (here, there))
        for name in mine | theirs:
            if mine.get(name) != theirs.get(name):
                got, wanted = (str(some[name]) if name in some else "none" for some in (theirs, mine))
                wrong.append(f"{name}: {got} there, {wanted} here")
    return wrong + (_unlike(own, other) if EMBEDDINGS in parts else [])


def _of(part: str, found: Mapping[str, Value]) -> dict[str, Value]:
    """Those of some tensors that belong to a part, but for embeddings."""
    return {name: value for name, value in found.items() if part in PREFIXES and name.startswith(PREFIXES[part])}


def _unlike(own: Seq2Seq, other: Seq2Seq) -> list[str]:
    """What is odd about tables of embeddings: their widths, or that one stands for several of the other model."""
    wrong, here, there = [], _tables(own), _tables(other)
    for name in TABLES:
        mine, theirs = tuple(here[name].shape[1:]), tuple(there[name].shape[1:])
        if mine != theirs:
            wrong.append(f"{name}: {theirs} numbers a piece there, {mine} here")
        ties = [one for one in TABLES if here[one] is here[name] and there[one] is not there[name]]
        if ties and name == next(one for one in TABLES if here[one] is here[name]):
            wrong.append(f"{name}: one matrix with {' and '.join(ties)} here (model.tie), and not there")
    return wrong


def _tables(model: Seq2Seq) -> dict[str, Tensor]:
    return {
        "source_VE": model.source_VE,
        "target_VE": model.target_VE,
        "output.weight_VE": model.output.weight_VE,
        "output.bias_V": model.output.bias_V,
    }


@torch.no_grad()
def take(own: Seq2Seq, other: Seq2Seq, parts: Sequence[str], rows: tuple[Rows, Rows]) -> None:
    """Copy parts of another model in, of which `misfits` has none.

    Args:
        rows: of source and target; a piece that nothing stands for stays as it is, and one for which several do becomes
            their mean.
    """
    here, there = tensors.named(own), tensors.named(other)
    for part in parts:
        for name, tensor in _of(part, here).items():
            tensor.copy_(there[name])
    if EMBEDDINGS in parts:
        tables, theirs = _tables(own), _tables(other)
        done: set[int] = set()
        for name, side in TABLES.items():
            if id(tables[name]) not in done:
                done.add(id(tables[name]))
                _rows(tables[name], theirs[name], rows[side])


def _rows(own_OX: Tensor, other_VX: Tensor, rows: Rows) -> None:
    other_VX = other_VX.to(own_OX.device)
    alike = [(number, there[0]) for number, there in enumerate(rows) if len(there) == 1]
    if alike:
        mine, theirs = (torch.tensor(numbers) for numbers in zip(*alike, strict=True))
        own_OX[mine] = other_VX[theirs]
    for number, there in enumerate(rows):
        if len(there) > 1:
            own_OX[number] = other_VX[list(there)].mean(0)
