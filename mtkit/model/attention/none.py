"""No attention: the decoder sees the source through its initial state alone (Sutskever et al. 2014)."""

from torch import Tensor

from mtkit.model.attention.base import Attended, Attention, PastWeights


class NoAttention(Attention):
    """A context of width 0."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(hidden_dim)
        self.context_dim = 0

    def forward(
        self, state_BKH: Tensor, source: Attended, past: PastWeights = ()
    ) -> tuple[Tensor, Tensor, PastWeights]:
        """An empty context and, since it looks nowhere, weights of zero."""
        B, K, _ = state_BKH.shape
        return state_BKH[..., :0], source.bias_BS.new_zeros(B, K, source.bias_BS.shape[1]), ()
