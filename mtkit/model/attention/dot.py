"""Dot-product attention (Luong et al. 2015): score = query . memory."""

import torch
from torch import Tensor

from mtkit.model.attention.base import Attention, ScoreSteps


class Dot(Attention):
    """The decoder's state itself is compared with the memory, so both have the same width."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(context_dim=hidden_dim)

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor) -> Tensor:
        return query_BKA @ keys_BSA.transpose(1, 2)

    def score_steps(self, keys_BSA: Tensor, steps: int, parameters: list[Tensor]) -> ScoreSteps:
        return DotSteps(keys_BSA, steps)


class DotSteps(ScoreSteps):
    """Scores that are products of keys and queries; the gradient of the keys waits for the end."""

    def __init__(self, keys_BSA: Tensor, steps: int) -> None:
        B, S, A = keys_BSA.shape
        self.keys_BSA = keys_BSA
        self.queries_TBA = keys_BSA.new_empty(steps, B, A)
        self.grad_scores_TBS = keys_BSA.new_empty(steps, B, S)

    def forward(self, t: int, query_BA: Tensor) -> Tensor:
        self.queries_TBA[t] = query_BA
        return torch.bmm(self.keys_BSA, query_BA.unsqueeze(2)).squeeze(2)

    def backward(self, t: int, grad_scores_BS: Tensor) -> Tensor:
        self.grad_scores_TBS[t] = grad_scores_BS
        return torch.bmm(grad_scores_BS.unsqueeze(1), self.keys_BSA).squeeze(1)

    def finish(self) -> tuple[Tensor, list[Tensor]]:
        return torch.bmm(self.grad_scores_TBS.permute(1, 2, 0), self.queries_TBA.transpose(0, 1)), []
