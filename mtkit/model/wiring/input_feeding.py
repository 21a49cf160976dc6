"""Input feeding (Luong et al. 2015): the attentional vector of a step is part of the next step's input."""

from torch import Tensor

from mtkit.model.decoder import DecoderState, RecurrentDecoder
from mtkit.model.products import linear
from mtkit.model.wiring.feedback import Layer, feedback


class InputFeeding(RecurrentDecoder):
    """h_t = cells([y_{t-1}; f_{t-1}]); f_t = tanh(W [h_t; context(h_t)]); predicted from f_t."""

    feeds = True

    def forward(self, x_TBE: Tensor, state: DecoderState, masks_TBH: list[Tensor]) -> Tensor:
        """See RecurrentDecoder.forward. The embeddings' part of the first gates is formed for all steps at once."""
        first, *others = self.layers
        embed_dim = x_TBE.shape[-1]
        gates_TBG = linear(x_TBE, first.input.weight[:, :embed_dim], first.input.bias)
        layers = [Layer(type(first), first.input.weight[:, embed_dim:], None, first.hidden.weight, first.hidden.bias)]
        layers += [
            Layer(type(cell), cell.input.weight, cell.input.bias, cell.hidden.weight, cell.hidden.bias)
            for cell in others
        ]
        return feedback(self.attention, layers, self.combine, gates_TBG, state, masks_TBH)
