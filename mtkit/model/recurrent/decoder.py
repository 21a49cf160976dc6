"""What all recurrent decoders share: their state, its start, and their layers. Must not know search or loss.

A wiring (a subclass) says how attention and recurrence are connected. It is complete with `step`, the plain form, for
any number K of hypotheses a sentence; `forward_fast` is the fast teacher-forced form, held to stacked `step` calls by
a test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtkit.model import forms
from mtkit.model.attention.base import Attended, Attention, PastWeights
from mtkit.model.cells.base import Cell, State
from mtkit.model.decoder import Decoder, DecoderState
from mtkit.model.encoder import Memory
from mtkit.model.norm import has_steps
from mtkit.model.recurrent.unroll import unroll
from mtkit.ops.dropout import packed_mask
from mtkit.ops.packing import Packing
from mtkit.ops.passes import cut
from mtkit.ops.products import linear


@dataclass(frozen=True)
class RecurrentState(DecoderState):
    """The state of a recurrent decoder."""

    source: Attended
    cells: tuple[State, ...]
    """Of each layer, tensors BKH."""
    feed_BKH: Tensor
    """What the last step feeds to the next, as the wiring wants it."""
    past: PastWeights
    """What attention remembers."""

    def each(
        self, of_sentence: Callable[[Tensor], Tensor], of_hypothesis: Callable[[Tensor], Tensor]
    ) -> "RecurrentState":
        return RecurrentState(
            Attended(*(of_sentence(x) for x in self.source)),
            tuple(tuple(of_hypothesis(x) for x in layer) for layer in self.cells),
            of_hypothesis(self.feed_BKH),
            tuple(of_hypothesis(x) for x in self.past),
        )


class RecurrentDecoder(Decoder):
    """Base of the wirings.

    Args:
        cell: class of every layer.
        state: what the initial state is made of: "last", "mean" or "zeros".
        attention: shared by all steps.
        norm: makes what stands after every layer.
        truncate: steps after which gradients from state to state are cut in training; 0: never.
    """

    reads_context: ClassVar[bool] = False
    """Whether something as wide as the memory is part of the first layer's input."""
    feeds: ClassVar[bool] = False
    """Whether a step needs the context of the last one or of its own, so that `forward_fast` goes step by step."""
    features: ClassVar[str] = "yc"
    """What the predicting vector is made of: y the output of the last layer, c the context, x the last piece; one
    letter: that itself, else tanh of a linear map of all."""

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
        variational: bool,
        residual: bool,
        norm: Callable[[int], nn.Module],
        truncate: int = 0,
    ) -> None:
        super().__init__()
        self.hidden_dim, self.state, self.dropout, self.attention = hidden_dim, state, dropout, attention
        self.variational, self.residual, self.truncate = variational, residual, truncate
        self.embed_dim, self.attends = embed_dim, bool(attention.context_dim)
        self.cells = nn.ModuleList(cell(self.input_width(layer), hidden_dim) for layer in range(layers))
        self.norms = nn.ModuleList(norm(hidden_dim) for _ in range(layers))
        self.bridge = nn.Linear(hidden_dim, layers * cell.parts() * hidden_dim) if state != "zeros" else None
        widths = {"y": hidden_dim, "c": attention.context_dim, "x": embed_dim}
        width = sum(widths[letter] for letter in self.features)
        self.readout = nn.Linear(width, hidden_dim) if len(self.features) > 1 else None

    def input_width(self, layer: int) -> int:
        """Width of what a layer reads."""
        if layer:
            return self.hidden_dim
        return self.embed_dim + (self.hidden_dim if self.reads_context else 0)

    @property
    def layers(self) -> list[Cell]:
        return list(self.cells)  # type: ignore[arg-type]

    def start(self, memory: Memory) -> RecurrentState:
        states_BSH = memory.states_BSH
        B, _, H = states_BSH.shape
        cell, count = type(self.layers[0]), self.layers[0].parts() * len(self.cells)
        if self.bridge is None:
            parts = [states_BSH.new_zeros(B, 1, H)] * count
        else:
            summary_BH = memory.last_BH
            if self.state == "mean":
                summary_BH = states_BSH.sum(1) / memory.packing.lengths_B.unsqueeze(1)  # padding is zero
            made_BX = linear(summary_BH, self.bridge.weight, self.bridge.bias).tanh()
            parts = list(made_BX.unsqueeze(1).chunk(count, -1))
        each = cell.parts()
        cells = tuple(cell.begin(tuple(parts[i : i + each])) for i in range(0, count, each))
        source = self.attention.source(memory)
        return RecurrentState(source, cells, self.first_feed(cells), self.attention.start(source))

    def first_feed(self, cells: tuple[State, ...]) -> Tensor:
        """What is fed to the first step, BKH."""
        return torch.zeros_like(cells[0][0])

    def step_layers(
        self,
        x: Tensor,
        states: tuple[State, ...],
        masks: list[Tensor],
        first: int = 0,
        beside: Tensor | None = None,
    ) -> tuple[Tensor, tuple[State, ...]]:
        """One step of the layers from `first` on: their input and states -> output of the last, next states.

        Args:
            masks: of dropout, one a layer but the first of all.
            beside: what every layer reads besides the one below.
        """
        y, made = x, []
        for number, last in enumerate(states, first):
            below = y
            if number and masks:
                y = y * masks[number - 1]
            given = y if beside is None else torch.cat([y, beside], -1)
            y, state = self.layers[number].step(given, last)
            made.append(state)
            if number and self.residual:
                y = y + below
            y = self.norms[number](y)
        return y, tuple(made)

    def predict(self, y: Tensor, context: Tensor, x: Tensor) -> Tensor:
        """The features from which pieces are predicted."""
        parts = {"y": y, "c": context, "x": x}
        if self.readout is None:
            return parts[self.features]
        joined = torch.cat([parts[letter] for letter in self.features], -1)
        return linear(joined, self.readout.weight, self.readout.bias).tanh()

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        """See Decoder.step.

        Args:
            masks: of dropout, BKH for each layer but the first; None: no dropout.
        """
        raise TypeError(f"{type(self).__name__} is no wiring")

    def is_fast(self) -> bool:
        """See Decoder.is_fast; where a step feeds the next one, all parts must have a form by steps."""
        fits = forms.fits(type(self), "forward_fast", "step", "step_layers", "predict")
        return fits and (not self.feeds or (self.attention.stepped and all(map(has_steps, self.norms))))

    def masks(self, x_NE: Tensor, packing: Packing) -> list[Tensor]:
        """Masks of dropout between layers for a teacher-forced pass, NH for each layer but the first."""
        if not (self.training and self.dropout):
            return []
        return [packed_mask(x_NE, self.hidden_dim, self.dropout, packing, self.variational) for _ in self.layers[1:]]

    def forward_plain(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """The reference of `forward`: `step` after `step`, on a padded table."""
        masks_BTH = [packing.unpack(mask_NH) for mask_NH in self.masks(x_NE, packing)]
        features = []
        for t, x_BE in enumerate(packing.unpack(x_NE).unbind(1)):
            if cut(self.truncate, t):
                state = state.each(lambda x: x, Tensor.detach)
            masks = [mask_BTH[:, t : t + 1] for mask_BTH in masks_BTH]
            y_BKH, state, _ = self.step(x_BE.unsqueeze(1), state, masks)
            features.append(y_BKH)
        return packing.pack(torch.cat(features, 1))

    def run_layer(self, number: int, x_NI: Tensor, initial: State, packing: Packing) -> Tensor:
        """A layer over the whole sequence: input -> output before residual and norm, NH."""
        start_DBH = tuple(part.transpose(0, 1) for part in initial)
        return unroll([self.layers[number]], [x_NI], packing, start_DBH, self.truncate).squeeze(0)


def next_state(state: RecurrentState, cells: tuple[State, ...], feed_BKH: Tensor, past: PastWeights) -> RecurrentState:
    """The state after a step."""
    return RecurrentState(state.source, cells, feed_BKH, past)
