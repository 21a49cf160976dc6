"""The conditional wiring (Sennrich et al. 2017, Nematus): attention between two cells of one state."""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.attention.steps import AttentionSteps, AttentionTensors, tensors
from mtkit.model.cells.base import State
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.model.recurrent.stack import LayerTensors, StackSteps, layer_tensors
from mtkit.model.recurrent.steps import CellSteps, CellTensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import Pass, cut, run
from mtkit.ops.products import linear


class Conditional(RecurrentDecoder):
    """q_t = cell(x_t, s_{t-1}); c_t = context(q_t); s_t = cell'(c_t, q_t), and the layers above it; predicted from
    tanh(W [y_t; c_t; x_t])."""

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
        y_BKH, cells = self.climb(context_BKH, (between, *state.cells[1:]), masks or [])
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, state.feed_BKH, past), weights_BKS

    def forward(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """See Decoder.forward. What words add to the gates, and all predictions, are formed for all steps at once."""
        if not self.attention.stepped:
            return self.forward_plain(x_NE, packing, state)
        given = _Tensors(
            linear(x_NE, self.asking.input.weight, self.asking.input.bias),
            layer_tensors(self.asking, torch.nn.Identity()).cell,
            tensors(self.attention, state.source),
            tuple(tuple(part.squeeze(1) for part in layer) for layer in state.cells),
            tuple(layer_tensors(cell, norm) for cell, norm in zip(self.layers, self.norms, strict=True)),
        )
        y_NH, context_NH = run(_Pass, given, self, packing, self.masks(x_NE, packing))
        return self.predict(y_NH, context_NH, x_NE)


class _Tensors(NamedTuple):
    gates_NG: Tensor
    asking: CellTensors
    attention: AttentionTensors
    states: tuple[State, ...]
    layers: tuple[LayerTensors, ...]


class _Pass(Pass):
    def __init__(self, given: _Tensors, decoder: Conditional, packing: Packing, masks_NH: list[Tensor]) -> None:
        self.given, self.packing, self.truncate = given, packing, decoder.truncate
        self.stack = StackSteps(
            [type(cell) for cell in decoder.layers],
            given.layers,
            given.states,
            packing,
            masks_NH,
            decoder.residual,
            0,
        )
        queries_NH = given.gates_NG.new_empty(packing.positions, decoder.hidden_dim)
        self.asking = CellSteps(type(decoder.asking), given.asking, packing, queries_NH)
        self.attention = AttentionSteps(decoder.attention, given.attention, packing)

    def forward(self) -> tuple[Tensor, ...]:
        for t in range(len(self.packing.counts)):
            gates_nG = self.given.gates_NG[self.packing.rows(t)]
            between = self.stack.states[0] = self.asking.forward(t, gates_nG, self.stack.states[0])
            context_nH = self.attention.forward(t, between[0])
            self.stack.forward(t, context_nH, self.given.layers[0].input_bias)
        return self.stack.output_NH, self.attention.contexts_NH

    def backward(self, *grads: Tensor) -> _Tensors:
        grad_y_NH, grad_context_NH = grads
        self.stack.prepare()
        self.asking.prepare()
        first = self.stack.inputs[0]
        assert first is not None
        for t in reversed(range(len(self.packing.counts))):
            rows = self.packing.rows(t)
            grad_gates_nG = self.stack.backward(t, grad_y_NH[rows])
            grad_context_nH = first.backward(grad_gates_nG, grad_context_NH[rows])
            grad_query_nH = self.attention.backward(t, grad_context_nH)
            self.stack.carry[0] = self.asking.backward(t, grad_query_nH, self.stack.carry[0])
            if cut(self.truncate, t):
                self.stack.carry = [None] * len(self.stack.carry)
        layers, states = self.stack.finish()
        return _Tensors(self.asking.grad_input, self.asking.finish(), self.attention.finish(), states, layers)
