"""Input feeding (Luong et al. 2015): the attentional vector of a step is part of the next step's input."""

import torch
from torch import Tensor

from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.model.recurrent.feeding import FeedingPass, FeedingTensors, feed
from mtkit.ops.derivatives import tanh_grad
from mtkit.ops.packing import Packing
from mtkit.ops.passes import MapSteps, carried
from mtkit.ops.products import linear


class InputFeeding(RecurrentDecoder):
    """y_t = cells([x_t; f_{t-1}]); f_t = tanh(W [y_t; context(y_t)]); predicted from f_t."""

    reads_context = True
    feeds = True

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        y_BKH, cells = self.step_layers(torch.cat([x_BKE, state.feed_BKH], -1), state.cells, masks or [])
        context_BKH, weights_BKS, past = self.attention(y_BKH, state.source, state.past)
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, features_BKH, past), weights_BKS

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """The embeddings' part of the first gates is formed for all steps at once."""
        assert self.readout is not None
        first = self.layers[0].input
        gates_NG = linear(x_NE, first.weight[:, : self.embed_dim], first.bias)
        own = self.readout.weight, self.readout.bias
        (features_NH,) = feed(_Steps, self, gates_NG, packing, state, self.masks(x_NE, packing), own)
        return features_NH


class _Steps(FeedingPass):
    def __init__(
        self, given: FeedingTensors, decoder: RecurrentDecoder, packing: Packing, masks_NH: list[Tensor]
    ) -> None:
        weight, self.bias = given.own
        self.width, joined = weight.shape
        # Output and context side by side, for the readout.
        self.joined_NX = given.gates_NG.new_empty(packing.positions, joined)
        self.features_NH = given.feed_BH.new_empty(packing.positions, self.width)
        self.readout = MapSteps(weight)
        super().__init__(given, decoder, packing, masks_NH)

    def places(self, decoder: RecurrentDecoder) -> tuple[Tensor, Tensor]:
        return self.joined_NX[:, : self.width], self.joined_NX[:, self.width :]

    def step(self, t: int, n: int, feed_nH: Tensor) -> Tensor:
        rows = self.packing.rows(t)
        y_nH = self.stack.forward(t, feed_nH[:n], self.given.gates_NG[rows])
        self.attention.forward(t, y_nH)
        return self.readout.forward(self.joined_NX[rows], self.bias, self.features_NH[rows]).tanh_()

    def outputs(self) -> tuple[Tensor, ...]:
        return (self.features_NH,)

    def prepare(self) -> None:
        super().prepare()
        self.grad_before_NH = torch.empty_like(self.features_NH)

    def step_backward(self, t: int, grads: tuple[Tensor, ...], grad_feed_nH: Tensor | None) -> Tensor:
        rows = self.packing.rows(t)
        before_nH = self.grad_before_NH[rows]
        tanh_grad(carried(grads[0], grad_feed_nH), self.features_NH[rows], out=before_nH)
        grad_joined_nX = self.readout.backward(before_nH)
        grad_y_nH = self.attention.backward(t, grad_joined_nX[:, self.width :], grad_joined_nX[:, : self.width])
        return self.stack.first.backward(self.stack.backward(t, grad_y_nH))

    def finish(self) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        own = self.readout.finish(self.grad_before_NH), self.grad_before_NH.sum(0)
        return self.stack.cells[0].grad_input, own
