"""The recurrent encoder: a sentence in, one vector a position out. Must not know decoders."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtkit.corpus.batch import mask_of
from mtkit.model.cells.base import Cell
from mtkit.model.dropout import dropout
from mtkit.model.products import linear
from mtkit.model.unroll import unroll, unroll_plain


@dataclass(frozen=True)
class Memory:
    """What an encoder hands to a decoder."""

    states_BSH: Tensor
    """One vector a source position, zero on padding."""
    mask_BS: Tensor
    """True where a sentence is."""
    last_BH: Tensor
    """Each direction's output after its last step."""


class RecurrentEncoder(nn.Module):
    """Layers of a recurrent cell, in one direction or both (Schuster and Paliwal 1997)."""

    def __init__(
        self, *, cell: type[Cell], layers: int, embed_dim: int, hidden_dim: int, bidirectional: bool, dropout: float
    ) -> None:
        super().__init__()
        self.cell, self.dropout = cell, dropout
        self.directions = 2 if bidirectional else 1
        width = hidden_dim // self.directions
        self.layers = nn.ModuleList(
            nn.ModuleList(cell(hidden_dim if layer else embed_dim, width) for _ in range(self.directions))
            for layer in range(layers)
        )

    def forward(self, x_SBE: Tensor, lengths_B: Tensor, plain: bool = False) -> Memory:
        """Encode.

        Args:
            x_SBE: embedded source, time first.
            lengths_B: real positions of each sentence.
            plain: take the reference path, step by step under autograd.
        """
        S, B, _ = x_SBE.shape
        rows = _reversed_rows(lengths_B, S)
        y_SBH, last_BH = x_SBE, x_SBE.new_empty(0)
        for number, directions in enumerate(self.layers):
            if number:
                y_SBH = dropout(y_SBH, self.dropout, self.training)
            cells: list[Cell] = list(directions)  # type: ignore[call-overload]
            inputs = [y_SBH] if self.directions == 1 else [y_SBH, _reverse(y_SBH, rows)]
            outputs_DSBH = _plainly(cells, inputs) if plain else _fast(cells, inputs)
            last_BH = torch.cat([y[lengths_B - 1, torch.arange(B, device=y.device)] for y in outputs_DSBH], -1)
            forward, *backward = outputs_DSBH
            y_SBH = torch.cat([forward, *(_reverse(y, rows) for y in backward)], -1)
        mask_BS = mask_of(lengths_B, S)
        states_BSH = y_SBH.transpose(0, 1) * mask_BS.unsqueeze(2)
        return Memory(dropout(states_BSH, self.dropout, self.training), mask_BS, last_BH)


def _fast(cells: list[Cell], inputs: list[Tensor]) -> Tensor:
    gates_DTBG = torch.stack(
        [linear(x, cell.input.weight, cell.input.bias) for cell, x in zip(cells, inputs, strict=True)]
    )
    weight_DGH = torch.stack([cell.hidden.weight for cell in cells])
    bias_DG = torch.stack([cell.hidden.bias for cell in cells])
    state = cells[0].zero_state(gates_DTBG[:, 0])
    return unroll(type(cells[0]), gates_DTBG, weight_DGH, bias_DG, state)


def _plainly(cells: list[Cell], inputs: list[Tensor]) -> Tensor:
    return torch.stack(
        [unroll_plain(cell, x, cell.zero_state(cell.input(x[0]))) for cell, x in zip(cells, inputs, strict=True)]
    )


def _reversed_rows(lengths_B: Tensor, length: int) -> Tensor:
    """Row numbers of a (time, sentence) table that turn each sentence round and leave its padding behind it."""
    B = len(lengths_B)
    steps_S1 = torch.arange(length, device=lengths_B.device).unsqueeze(1)
    times_SB = torch.where(steps_S1 < lengths_B, lengths_B - 1 - steps_S1, steps_S1)
    return (times_SB * B + torch.arange(B, device=lengths_B.device)).flatten()


def _reverse(x_SBI: Tensor, rows: Tensor) -> Tensor:
    reversed_SBI: Tensor = _Reverse.apply(x_SBI, rows)  # type: ignore[no-untyped-call]
    return reversed_SBI


class _Reverse(torch.autograd.Function):
    """Turning sentences round is its own inverse, hence its own derivative: no scattered additions."""

    @staticmethod
    def forward(ctx, x_SBI, rows):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows)
        return x_SBI.flatten(0, 1).index_select(0, rows).view(x_SBI.shape)

    @staticmethod
    def backward(ctx, grad_SBI):  # type: ignore[no-untyped-def]
        (rows,) = ctx.saved_tensors
        return grad_SBI.flatten(0, 1).index_select(0, rows).view(grad_SBI.shape), None
