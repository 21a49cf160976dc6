"""Input feeding (Luong et al. 2015): the attentional vector of a step is part of the next step's input."""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.attention.steps import AttentionSteps, AttentionTensors, tensors
from mtkit.model.cells.base import State, tanh_grad
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.model.recurrent.stack import LayerTensors, StackSteps, layer_tensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import MapSteps, Pass, carried, cut, run
from mtkit.ops.products import linear


class InputFeeding(RecurrentDecoder):
    """y_t = cells([x_t; f_{t-1}]); f_t = tanh(W [y_t; context(y_t)]); predicted from f_t."""

    reads_context = True

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        y_BKH, cells = self.climb(torch.cat([x_BKE, state.feed_BKH], -1), state.cells, masks or [])
        context_BKH, weights_BKS, past = self.attention(y_BKH, state.source, state.past)
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, features_BKH, past), weights_BKS

    def forward(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        """See Decoder.forward. The embeddings' part of the first gates is formed for all steps at once."""
        if not self.attention.stepped:
            return self.forward_plain(x_NE, packing, state)
        assert self.readout is not None
        first, E = self.layers[0], self.embed_dim
        given = _Tensors(
            linear(x_NE, first.input.weight[:, :E], first.input.bias),
            tensors(self.attention, state.source),
            state.feed_BKH.squeeze(1),
            tuple(tuple(part.squeeze(1) for part in layer) for layer in state.cells),
            tuple(
                layer_tensors(c, n, 0 if i else E) for i, (c, n) in enumerate(zip(self.layers, self.norms, strict=True))
            ),
            (self.readout.weight, self.readout.bias),
        )
        (features_NH,) = run(_Pass, given, self, packing, self.masks(x_NE, packing))
        return features_NH


class _Tensors(NamedTuple):
    gates_NG: Tensor
    attention: AttentionTensors
    feed_BH: Tensor
    states: tuple[State, ...]
    layers: tuple[LayerTensors, ...]
    readout: tuple[Tensor, Tensor]


class _Pass(Pass):
    def __init__(self, given: _Tensors, decoder: InputFeeding, packing: Packing, masks_NH: list[Tensor]) -> None:
        self.given, self.packing, self.truncate = given, packing, decoder.truncate
        H, X = given.readout[0].shape
        joined_NX = given.gates_NG.new_empty(packing.positions, X)  # output and context side by side, for the readout
        self.stack = StackSteps(
            [type(cell) for cell in decoder.layers],
            given.layers,
            given.states,
            packing,
            masks_NH,
            decoder.residual,
            decoder.truncate,
            joined_NX[:, :H],
        )
        self.attention = AttentionSteps(decoder.attention, given.attention, packing, joined_NX[:, H:])
        self.readout = MapSteps(given.readout[0])
        self.joined_NX = joined_NX

    def forward(self) -> tuple[Tensor, ...]:
        feed_nH = self.given.feed_BH
        self.features_NH = feed_nH.new_empty(self.packing.positions, feed_nH.shape[1])
        for t, n in enumerate(self.packing.counts):
            rows = self.packing.rows(t)
            y_nH = self.stack.forward(t, feed_nH[:n], self.given.gates_NG[rows])
            self.attention.forward(t, y_nH)
            feed_nH = self.readout.forward(self.joined_NX[rows], self.given.readout[1], self.features_NH[rows]).tanh_()
        return (self.features_NH,)

    def backward(self, *grads: Tensor) -> _Tensors:
        (grad_NH,) = grads
        self.stack.prepare()
        H = grad_NH.shape[1]
        grad_before_NH = torch.empty_like(grad_NH)
        carry: Tensor | None = None
        for t in reversed(range(len(self.packing.counts))):
            rows = self.packing.rows(t)
            before_nH = grad_before_NH[rows]
            tanh_grad(carried(grad_NH[rows], carry), self.features_NH[rows], out=before_nH)
            grad_joined_nX = self.readout.backward(before_nH)
            grad_y_nH = self.attention.backward(t, grad_joined_nX[:, H:], grad_joined_nX[:, :H])
            grad_gates_nG = self.stack.backward(t, grad_y_nH)
            first = self.stack.inputs[0]
            assert first is not None
            carry = None if cut(self.truncate, t) else first.backward(grad_gates_nG)
        assert carry is not None
        layers, states = self.stack.finish()
        return _Tensors(
            self.stack.cells[0].grad_input,
            self.attention.finish(),
            carry,
            states,
            layers,
            (self.readout.finish(grad_before_NH), grad_before_NH.sum(0)),
        )
