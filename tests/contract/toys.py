"""A cell, an attention and a wiring with nothing but a forward: what their derivatives are is autograd's affair."""

import torch
from torch import Tensor, nn

from mtkit.model.attention.base import Attention
from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.ops.products import linear
from mtkit.registry import Choice

TOYS = {
    "cell": {"toy_cell": Choice("tests.contract.toys:ToyCell", "two states, a parameter, gates multiplied")},
    "attention": {
        "toy_attention": Choice("tests.contract.toys:ToyAttention", "parameters in scores and prior", heads=True)
    },
    "wiring": {"toy_wiring": Choice("tests.contract.toys:ToyWiring", "feeds the context back, by steps alone")},
}


class ToyCell(Cell):
    """f = sigmoid(W x * U h); c' = f c + rate * tanh(W x + U h); h' = f tanh(c')."""

    gates = 2
    states = 2

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__(input_dim, hidden_dim)
        self.rate_H = nn.Parameter(torch.full((hidden_dim,), 0.5))

    def extras(self) -> tuple[Tensor, ...]:
        return (self.rate_H,)

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        (input_f, input_n), (hidden_f, hidden_n) = gates.input.chunk(2, -1), gates.hidden.chunk(2, -1)
        f = (input_f * hidden_f).sigmoid()
        c = f * state[1] + gates.extras[0] * (input_n + hidden_n).tanh()
        return (f * c.tanh(), c), ()


class ToyAttention(Attention):
    """score = gain * state . tanh(W memory) - slope . state * position; none of its parameters is named anywhere."""

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.key = nn.Linear(hidden_dim, hidden_dim)
        self.gain_h = nn.Parameter(torch.ones(heads))
        self.slope = nn.Linear(hidden_dim, 1)

    def keys(self, memory_BSH: Tensor) -> Tensor:
        return linear(memory_BSH, self.key.weight, self.key.bias).tanh()

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return self.gain_h[:, None, None] * (self.split(query_BKA) @ self.split(keys_BSA).transpose(2, 3))

    def prior(self, query_BKA: Tensor, bias_BS: Tensor) -> Tensor | None:
        slope_BK1: Tensor = self.slope(query_BKA)
        return -slope_BK1 * torch.arange(bias_BS.shape[1])


class ToyWiring(RecurrentDecoder):
    """y_t = cells([x_t; c_{t-1}]); c_t = context(y_t); predicted from tanh(W [y_t; c_t])."""

    reads_context = True
    feeds = True

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        y_BKH, cells = self.step_layers(torch.cat([x_BKE, state.feed_BKH], -1), state.cells, masks or [])
        context_BKH, weights_BKS, past = self.attention(y_BKH, state.source, state.past)
        feed_BKH = context_BKH if self.attends else y_BKH
        return self.predict(y_BKH, context_BKH, x_BKE), next_state(state, cells, feed_BKH, past), weights_BKS
