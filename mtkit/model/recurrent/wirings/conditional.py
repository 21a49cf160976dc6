"""The conditional wiring (Sennrich et al. 2017, Nematus): attention between two cells of one state."""

import torch
from torch import Tensor

from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.model.recurrent.feeding import FeedingPass, FeedingTensors, feed
from mtkit.model.recurrent.stack import layer_tensors
from mtkit.model.recurrent.steps import CellSteps, CellTensors
from mtkit.ops.packing import Packing
from mtkit.ops.products import linear


class Conditional(RecurrentDecoder):
    """q_t = cell(x_t, s_{t-1}); c_t = context(q_t); s_t = cell'(c_t, q_t), and the layers above it; predicted from
    tanh(W [y_t; c_t; x_t])."""

    feeds = True
    features = "ycx"

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.asking = type(self.layers[0])(self.embed_dim, self.hidden_dim)

    def input_width(self, layer: int) -> int:
        return self.hidden_dim

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        query_BKH, between = self.asking.step(x_BKE, state.cells[0])
        context_BKH, weights_BKS, past = self.attention(query_BKH, state.source, state.past)
        y_BKH, cells = self.step_layers(context_BKH, (between, *state.cells[1:]), masks or [])
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, state.feed_BKH, past), weights_BKS

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """What pieces add to the gates, and all predictions, are formed for all steps at once."""
        gates_NG = linear(x_NE, self.asking.input.weight, self.asking.input.bias)
        own = layer_tensors(self.asking, torch.nn.Identity()).cell
        y_NH, context_NH = feed(_Steps, self, gates_NG, packing, state, self.masks(x_NE, packing), own)
        return self.predict(y_NH, context_NH, x_NE)


class _Steps(FeedingPass):
    """What it feeds is in the state of the first layer."""

    def __init__(self, given: FeedingTensors, decoder: Conditional, packing: Packing, masks_NH: list[Tensor]) -> None:
        super().__init__(given, decoder, packing, masks_NH)
        queries_NH = given.gates_NG.new_empty(packing.positions, decoder.hidden_dim)
        self.asking = CellSteps(type(decoder.asking), given.own, packing, queries_NH)

    def step(self, t: int, n: int, feed_nH: Tensor) -> Tensor:
        gates_nG = self.given.gates_NG[self.packing.rows(t)]
        between = self.stack.states[0] = self.asking.forward(t, gates_nG, self.stack.states[0])
        context_nH = self.attention.forward(t, between[0])
        self.stack.forward(t, context_nH, self.given.layers[0].input_bias)
        return feed_nH

    def outputs(self) -> tuple[Tensor, ...]:
        return self.stack.output_NH, self.attention.contexts_NH

    def prepare(self) -> None:
        super().prepare()
        self.asking.prepare()

    def step_backward(self, t: int, grads: tuple[Tensor, ...], grad_feed_nH: Tensor | None) -> None:
        grad_y_nH, grad_context_nH = grads
        grad_gates_nG = self.stack.backward(t, grad_y_nH)
        grad_query_nH = self.attention.backward(t, self.stack.first.backward(grad_gates_nG, grad_context_nH))
        self.stack.carry[0] = self.asking.backward(t, grad_query_nH, self.stack.carry[0])

    def finish(self) -> tuple[Tensor, CellTensors]:
        return self.asking.grad_input, self.asking.finish()
