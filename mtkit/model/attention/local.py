"""Local attention with predicted positions (Luong et al. 2015, "local-p")."""

import torch
from torch import Tensor, nn

from mtkit.model.attention.dot import General


class Local(General):
    """General attention under a Gaussian around p = length * sigmoid(v . tanh(W state)).

    Its logarithm, -(position - p)² / (2 (window / 2)²), is added to the scores, so that weights still sum to one and
    no position is lost altogether.
    """

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False, window: int = 10) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.position = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.place_A = nn.Parameter(torch.empty(hidden_dim))
        nn.init.xavier_uniform_(self.place_A.detach().view(1, -1))
        self.deviation = window / 2

    def prior(self, query_BKA: Tensor, bias_BS: Tensor) -> Tensor | None:
        lengths_B1 = (bias_BS == 0).sum(1, keepdim=True)
        center_BK = lengths_B1 * (self.position(query_BKA).tanh() @ self.place_A).sigmoid()
        positions_S = torch.arange(bias_BS.shape[1], device=bias_BS.device)
        distance_BKS: Tensor = positions_S - center_BK.unsqueeze(2)
        return -distance_BKS.square() / (2 * self.deviation**2)
