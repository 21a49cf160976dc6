"""What all recurrent decoders share: their state, its start, and a step. Must not know search or loss.

A wiring (`mtkit.model.wiring`) says how attention and recurrence are connected. `step` is the plain form, for
any number K of hypotheses a sentence; a wiring's `forward` is the fast teacher-forced form, held to stacked
`step` calls by a test.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mtkit.model.attention.base import Attention
from mtkit.model.cells.base import Cell, State
from mtkit.model.dropout import mask_like
from mtkit.model.encoder import Memory


@dataclass(frozen=True)
class DecoderState:
    """All that a decoder knows between steps: K hypotheses for each of B sentences."""

    memory_BSH: Tensor
    keys_BSA: Tensor
    bias_BS: Tensor
    """0 at real source positions, minus infinity at padding."""
    cells: tuple[State, ...]
    """Of each layer, tensors BKH."""
    feed_BKH: Tensor
    """What the last step feeds to the next; zeros where the wiring feeds nothing."""

    def reorder(self, parents_BK: Tensor) -> "DecoderState":
        """The state in which hypothesis k of a sentence goes on from its hypothesis parents[k]."""
        B, K = self.feed_BKH.shape[:2]
        rows = (parents_BK + torch.arange(B, device=parents_BK.device).unsqueeze(1) * K).flatten()

        def pick(x: Tensor) -> Tensor:
            return x.flatten(0, 1).index_select(0, rows).view(B, -1, x.shape[-1])

        return replace(
            self, cells=tuple(tuple(pick(x) for x in layer) for layer in self.cells), feed_BKH=pick(self.feed_BKH)
        )

    def keep(self, sentences: Tensor) -> "DecoderState":
        """The state of some of the sentences."""

        def pick(x: Tensor) -> Tensor:
            return x.index_select(0, sentences)

        return DecoderState(
            pick(self.memory_BSH),
            pick(self.keys_BSA),
            pick(self.bias_BS),
            tuple(tuple(pick(x) for x in layer) for layer in self.cells),
            pick(self.feed_BKH),
        )


class RecurrentDecoder(nn.Module):
    """Base of the wirings.

    Args:
        cell: class of every layer.
        state: what the initial state is made of: "last", "mean" or "zeros".
        attention: shared by all steps.
    """

    feeds = False
    """Whether the last attentional vector is part of a step's input."""

    def __init__(
        self,
        *,
        cell: type[Cell],
        layers: int,
        embed_dim: int,
        hidden_dim: int,
        state: str,
        attention: Attention,
        dropout: float,
    ) -> None:
        super().__init__()
        self.hidden_dim, self.state, self.dropout, self.attention = hidden_dim, state, dropout, attention
        first = embed_dim + (hidden_dim if self.feeds else 0)
        self.cells = nn.ModuleList(cell(hidden_dim if layer else first, hidden_dim) for layer in range(layers))
        self.bridge = nn.Linear(hidden_dim, layers * cell.states * hidden_dim) if state != "zeros" else None
        self.combine = nn.Linear(hidden_dim + attention.context_dim, hidden_dim)
        for layer in filter(None, (self.bridge, self.combine)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    @property
    def layers(self) -> list[Cell]:
        return list(self.cells)  # type: ignore[arg-type]

    def start(self, memory: Memory) -> DecoderState:
        """The state before the first step, with one hypothesis a sentence."""
        states_BSH, mask_BS = memory.states_BSH, memory.mask_BS
        B, _, H = states_BSH.shape
        per_layer = self.layers[0].states
        if self.bridge is None:
            parts = [states_BSH.new_zeros(B, 1, H)] * (len(self.cells) * per_layer)
        else:
            summary_BH = memory.last_BH
            if self.state == "mean":
                summary_BH = states_BSH.sum(1) / mask_BS.sum(1, keepdim=True)  # padding is zero
            parts = list(self.bridge(summary_BH).tanh().unsqueeze(1).chunk(len(self.cells) * per_layer, -1))
        cells = tuple(tuple(parts[i : i + per_layer]) for i in range(0, len(parts), per_layer))
        bias_BS = torch.zeros_like(mask_BS, dtype=states_BSH.dtype).masked_fill_(~mask_BS, float("-inf"))
        return DecoderState(states_BSH, self.attention.keys(states_BSH), bias_BS, cells, states_BSH.new_zeros(B, 1, H))

    def step(
        self, x_BKE: Tensor, state: DecoderState, masks_BKH: list[Tensor] | None = None
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """One step of every hypothesis.

        Args:
            x_BKE: embedding of the last word.
            masks_BKH: dropout between layers, one mask for each layer but the first; None: no dropout.

        Returns:
            The attentional vectors BKH from which words are predicted, the next state, and weights_BKS.
        """
        y = torch.cat([x_BKE, state.feed_BKH], -1) if self.feeds else x_BKE
        cells: list[State] = []
        for number, (cell, last) in enumerate(zip(self.layers, state.cells, strict=True)):
            if number and masks_BKH:
                y = y * masks_BKH[number - 1]
            y, next_state = cell.step(y, last)
            cells.append(next_state)
        context_BKH, weights_BKS = self.attention(y, state.memory_BSH, state.keys_BSA, state.bias_BS)
        features_BKH = self.combine(torch.cat([y, context_BKH], -1)).tanh()
        feed_BKH = features_BKH if self.feeds else state.feed_BKH
        return features_BKH, replace(state, cells=tuple(cells), feed_BKH=feed_BKH), weights_BKS

    def dropout_masks(self, like: Tensor) -> list[Tensor]:
        """Masks of dropout between layers for a teacher-forced pass over x_TBE: TBH for each layer but the first."""
        if not (self.training and self.dropout):
            return []
        shape = like.new_empty(*like.shape[:2], self.hidden_dim)
        return [mask_like(shape, self.dropout) for _ in self.layers[1:]]

    def forward_plain(self, x_TBE: Tensor, state: DecoderState, masks_TBH: list[Tensor]) -> Tensor:
        """The reference of `forward`: `step` after `step`."""
        features = []
        for t, x_BE in enumerate(x_TBE):
            masks = [mask[t].unsqueeze(1) for mask in masks_TBH]
            y_BKH, state, _ = self.step(x_BE.unsqueeze(1), state, masks)
            features.append(y_BKH.squeeze(1))
        return torch.stack(features)

    def forward(self, x_TBE: Tensor, state: DecoderState, masks_TBH: list[Tensor]) -> Tensor:
        """Teacher-forced attentional vectors TBH of all steps.

        Args:
            x_TBE: embedded target, time first, beginning with bos.
            state: from `start`.
            masks_TBH: from `dropout_masks`.
        """
        raise TypeError(f"{type(self).__name__} is no wiring")
