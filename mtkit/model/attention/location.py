"""Location-aware attention (Chorowski et al. 2015): additive, and seeing where it looked the last time."""

from torch import Tensor, nn

from mtkit.model.attention.additive import Additive
from mtkit.model.attention.base import PastWeights

FILTERS = 10


class Location(Additive):
    """score = v . tanh(W query + U memory + V (F * last weights) + b), F of `window` positions and 10 channels."""

    remembers = True
    together = True  # there is no other form

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False, window: int = 10) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.filter = nn.Conv1d(1, FILTERS, window, bias=False)
        self.location = nn.Linear(FILTERS, hidden_dim, bias=False)
        self.margins = ((window - 1) // 2, window // 2)

    def shift(self, past: PastWeights) -> Tensor | None:
        last_BKS, covered_BKSA = past[0], super().shift(past)
        padded_N1S = nn.functional.pad(last_BKS.flatten(0, 1).unsqueeze(1), self.margins)
        seen_NSF = self.filter(padded_N1S).transpose(1, 2)
        seen_BKSA: Tensor = self.location(seen_NSF).view(*last_BKS.shape, -1)
        return seen_BKSA if covered_BKSA is None else seen_BKSA + covered_BKSA
