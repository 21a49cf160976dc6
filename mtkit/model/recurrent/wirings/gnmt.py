"""The wiring of Google's translator (Wu et al. 2016): the bottom layer asks, all above it see the context.

Nothing is fed back, so the layers run over the whole sequence.
"""

import torch
from torch import Tensor

from mtkit.model.attention.together import attend
from mtkit.model.norm import normalised
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.ops.packing import Packing


class GNMT(RecurrentDecoder):
    """y1_t = cell(x_t); c_t = context(y1_t); each layer above reads [the one below; c_t]; predicted from the last."""

    features = "y"

    def input_width(self, layer: int) -> int:
        return self.hidden_dim + self.attention.context_dim if layer else self.embed_dim

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        y_BKH, first = self.step_layers(x_BKE, state.cells[:1], [])
        context_BKH, weights_BKS, past = self.attention(y_BKH, state.source, state.past)
        y_BKH, others = self.step_layers(y_BKH, state.cells[1:], masks or [], first=1, beside=context_BKH)
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, first + others, state.feed_BKH, past), weights_BKS

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        masks = self.masks(x_NE, packing)
        y_NH = normalised(self.norms[0], self.run_layer(0, x_NE, state.cells[0], packing), packing)
        context_NH = attend(self.attention, y_NH, packing, state.source, state.past, self.truncate)
        for number, initial in enumerate(state.cells[1:], 1):
            below_NH = y_NH
            given_NH = y_NH * masks[number - 1] if masks else y_NH
            y_NH = self.run_layer(number, torch.cat([given_NH, context_NH], -1), initial, packing)
            y_NH = normalised(self.norms[number], y_NH + below_NH if self.residual else y_NH, packing)
        return self.predict(y_NH, context_NH, x_NE)
