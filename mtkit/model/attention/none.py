"""No attention: the decoder sees the source through its initial state alone (Sutskever et al. 2014)."""

from torch import Tensor

from mtkit.model.attention.base import Attention, Steps


class NoAttention(Attention):
    """A context of width 0."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(context_dim=0)

    def start(
        self, memory_BSH: Tensor, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: list[Tensor | None]
    ) -> Steps:
        return _NoSteps()

    def forward(
        self, state_BKH: Tensor, memory_BSH: Tensor, keys_BSA: Tensor, bias_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """An empty context and, since it looks nowhere, weights of zero."""
        B, K, _ = state_BKH.shape
        return state_BKH[..., :0], memory_BSH.new_zeros(B, K, memory_BSH.shape[1])


class _NoSteps(Steps):
    def forward(self, t: int, state_BH: Tensor) -> Tensor:
        return state_BH[:, :0]

    def backward(self, t: int, grad_context_BH: Tensor) -> None:
        return None

    def finish(self) -> list[Tensor | None]:
        return [None, None, None]
