"""The wiring of RNNsearch (Bahdanau et al. 2015): the previous state asks, the context is part of the input."""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.attention.steps import AttentionSteps, AttentionTensors, tensors
from mtkit.model.cells.base import State
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.model.recurrent.stack import LayerTensors, StackSteps, layer_tensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import Pass, carried, cut, run
from mtkit.ops.products import linear


class Bahdanau(RecurrentDecoder):
    """c_t = context(y_{t-1}); y_t = cells([x_t; c_t]); predicted from tanh(W [y_t; c_t; x_t])."""

    reads_context = True
    features = "ycx"

    def first_feed(self, cells: tuple[State, ...]) -> Tensor:
        return cells[-1][0]

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        context_BKH, weights_BKS, past = self.attention(state.feed_BKH, state.source, state.past)
        y_BKH, cells = self.climb(torch.cat([x_BKE, context_BKH], -1), state.cells, masks or [])
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, y_BKH, past), weights_BKS

    def forward(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """See Decoder.forward. What words add to the gates, and all predictions, are formed for all steps at once."""
        if not self.attention.stepped:
            return self.forward_plain(x_NE, packing, state)
        first, E = self.layers[0], self.embed_dim
        given = _Tensors(
            linear(x_NE, first.input.weight[:, :E], first.input.bias),
            tensors(self.attention, state.source),
            state.feed_BKH.squeeze(1),
            tuple(tuple(part.squeeze(1) for part in layer) for layer in state.cells),
            tuple(
                layer_tensors(c, n, 0 if i else E) for i, (c, n) in enumerate(zip(self.layers, self.norms, strict=True))
            ),
        )
        y_NH, context_NH = run(_Pass, given, self, packing, self.masks(x_NE, packing))
        return self.predict(y_NH, context_NH, x_NE)


class _Tensors(NamedTuple):
    gates_NG: Tensor
    attention: AttentionTensors
    query_BH: Tensor
    states: tuple[State, ...]
    layers: tuple[LayerTensors, ...]


class _Pass(Pass):
    def __init__(self, given: _Tensors, decoder: Bahdanau, packing: Packing, masks_NH: list[Tensor]) -> None:
        self.given, self.packing, self.truncate = given, packing, decoder.truncate
        self.stack = StackSteps(
            [type(cell) for cell in decoder.layers],
            given.layers,
            given.states,
            packing,
            masks_NH,
            decoder.residual,
            decoder.truncate,
        )
        self.attention = AttentionSteps(decoder.attention, given.attention, packing)

    def forward(self) -> tuple[Tensor, ...]:
        y_nH = self.given.query_BH
        for t, n in enumerate(self.packing.counts):
            context_nH = self.attention.forward(t, y_nH[:n])
            y_nH = self.stack.forward(t, context_nH, self.given.gates_NG[self.packing.rows(t)])
        return self.stack.output_NH, self.attention.contexts_NH

    def backward(self, *grads: Tensor) -> _Tensors:
        grad_y_NH, grad_context_NH = grads
        self.stack.prepare()
        first = self.stack.inputs[0]
        assert first is not None
        carry: Tensor | None = None
        for t in reversed(range(len(self.packing.counts))):
            rows = self.packing.rows(t)
            grad_gates_nG = self.stack.backward(t, carried(grad_y_NH[rows], carry))
            carry = self.attention.backward(t, first.backward(grad_gates_nG, grad_context_NH[rows]))
            if cut(self.truncate, t):
                carry = None
        assert carry is not None
        layers, states = self.stack.finish()
        return _Tensors(self.stack.cells[0].grad_input, self.attention.finish(), carry, states, layers)
