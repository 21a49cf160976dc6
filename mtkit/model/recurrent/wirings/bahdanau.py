"""The wiring of RNNsearch (Bahdanau et al. 2015): the previous state asks, the context is part of the input."""

import torch
from torch import Tensor

from mtkit.model.cells.base import State
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.model.recurrent.feeding import FeedingPass, feed
from mtkit.ops.packing import Packing
from mtkit.ops.passes import carried
from mtkit.ops.products import linear


class Bahdanau(RecurrentDecoder):
    """c_t = context(y_{t-1}); y_t = cells([x_t; c_t]); predicted from tanh(W [y_t; c_t; x_t])."""

    reads_context = True
    feeds = True
    features = "ycx"

    def first_feed(self, cells: tuple[State, ...]) -> Tensor:
        return cells[-1][0]

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        context_BKH, weights_BKS, past = self.attention(state.feed_BKH, state.source, state.past)
        y_BKH, cells = self.step_layers(torch.cat([x_BKE, context_BKH], -1), state.cells, masks or [])
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, y_BKH, past), weights_BKS

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """What pieces add to the gates, and all predictions, are formed for all steps at once."""
        first = self.layers[0].input
        gates_NG = linear(x_NE, first.weight[:, : self.embed_dim], first.bias)
        y_NH, context_NH = feed(_Steps, self, gates_NG, packing, state, self.masks(x_NE, packing))
        return self.predict(y_NH, context_NH, x_NE)


class _Steps(FeedingPass):
    def step(self, t: int, n: int, feed_nH: Tensor) -> Tensor:
        context_nH = self.attention.forward(t, feed_nH[:n])
        return self.stack.forward(t, context_nH, self.given.gates_NG[self.packing.rows(t)])

    def outputs(self) -> tuple[Tensor, ...]:
        return self.stack.output_NH, self.attention.contexts_NH

    def step_backward(self, t: int, grads: tuple[Tensor, ...], grad_feed_nH: Tensor | None) -> Tensor:
        grad_y_nH, grad_context_nH = grads
        grad_gates_nG = self.stack.backward(t, carried(grad_y_nH, grad_feed_nH))
        return self.attention.backward(t, self.stack.first.backward(grad_gates_nG, grad_context_nH))
