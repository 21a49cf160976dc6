"""Attention beside the recurrence: nothing of it is fed back, so the layers run over the whole sequence."""

from torch import Tensor

from mtkit.model.attention.together import attend
from mtkit.model.norm import normalised
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState, next_state
from mtkit.ops.packing import Packing


class Plain(RecurrentDecoder):
    """y_t = cells(x_t); predicted from tanh(W [y_t; context(y_t)])."""

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        y_BKH, cells = self.step_layers(x_BKE, state.cells, masks or [])
        context_BKH, weights_BKS, past = self.attention(y_BKH, state.source, state.past)
        features_BKH = self.predict(y_BKH, context_BKH, x_BKE)
        return features_BKH, next_state(state, cells, state.feed_BKH, past), weights_BKS

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: RecurrentState) -> Tensor:
        masks = self.masks(x_NE, packing)
        y_NH = x_NE
        for number, initial in enumerate(state.cells):
            below_NH = y_NH
            given = y_NH * masks[number - 1] if number and masks else y_NH
            y_NH = self.run_layer(number, given, initial, packing)
            if number and self.residual:
                y_NH = y_NH + below_NH
            y_NH = normalised(self.norms[number], y_NH, packing)
        context_NH = attend(self.attention, y_NH, packing, state.source, state.past, self.truncate)
        return self.predict(y_NH, context_NH, x_NE)
