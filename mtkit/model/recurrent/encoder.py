"""The recurrent encoder. Must not know decoders.

Padding never enters: sentences are packed, and the backward direction reads each one turned round within its
own length.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, State
from mtkit.model.encoder import Encoder, Memory
from mtkit.model.norm import normalised
from mtkit.model.recurrent.unroll import unroll, unroll_plain
from mtkit.ops.dropout import dropout
from mtkit.ops.packing import Packing


class RecurrentEncoder(Encoder):
    """Layers of a recurrent cell, in one direction or both (Schuster and Paliwal 1997).

    Args:
        norm: makes what stands after every layer.
        truncate: steps after which gradients from state to state are cut in training; 0: never.
    """

    def __init__(
        self,
        *,
        cell: type[Cell],
        layers: int,
        embed_dim: int,
        hidden_dim: int,
        bidirectional: bool,
        dropout: float,
        variational: bool,
        residual: bool,
        norm: Callable[[int], nn.Module],
        truncate: int = 0,
    ) -> None:
        super().__init__()
        self.dropout, self.variational, self.residual, self.truncate = dropout, variational, residual, truncate
        self.directions = 2 if bidirectional else 1
        self.width = hidden_dim // self.directions
        self.layers = nn.ModuleList(
            nn.ModuleList(cell(hidden_dim if layer else embed_dim, self.width) for _ in range(self.directions))
            for layer in range(layers)
        )
        self.norms = nn.ModuleList(norm(hidden_dim) for _ in range(layers))

    def forward(self, x_NE: Tensor, packing: Packing, plain: bool = False) -> Memory:
        """See Encoder.forward."""
        y_NH = x_NE
        for number, directions in enumerate(self.layers):
            cells: list[Cell] = list(directions)  # type: ignore[call-overload]
            given_NH = self._dropped(y_NH, packing) if number else y_NH
            inputs = [given_NH, packing.turn(given_NH)][: self.directions]
            state = self._zeros(cells[0], y_NH, packing)
            if plain:
                outputs = [self._plainly(*pair, state, packing) for pair in zip(cells, inputs, strict=True)]
            else:
                outputs = list(unroll(cells, inputs, packing, state, self.truncate))
            forward_NH, *backward = outputs
            joined_NH = torch.cat([forward_NH, *(packing.turn(y) for y in backward)], -1) if backward else forward_NH
            given_NH = joined_NH + y_NH if number and self.residual else joined_NH
            y_NH = normalised(self.norms[number], given_NH, packing)
        # Each direction's last step: at the end of a sentence, or at its beginning.
        ends = [packing.last(y_NH[:, : self.width]), packing.first(y_NH[:, self.width :])]
        last_BH = torch.cat(ends, -1)
        return Memory(packing.unpack(self._dropped(y_NH, packing)), last_BH, packing)

    def _dropped(self, x_NH: Tensor, packing: Packing) -> Tensor:
        return dropout(x_NH, self.dropout, packing, self.variational) if self.training else x_NH

    def _zeros(self, cell: Cell, like: Tensor, packing: Packing) -> State:
        zeros_DBH = like.new_zeros(self.directions, packing.sentences, self.width)
        return cell.begin((zeros_DBH,) * cell.parts())

    def _plainly(self, cell: Cell, x_NI: Tensor, state: State, packing: Packing) -> Tensor:
        first = tuple(part[0] for part in state)
        return packing.pack(unroll_plain(cell, packing.unpack(x_NI), first, self.truncate))
