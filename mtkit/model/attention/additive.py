"""Additive attention (Bahdanau et al. 2015): score = v . tanh(W query + U memory + b)."""

import torch
from torch import Tensor, nn

from mtkit.model.attention.base import Attention, ScoreSteps
from mtkit.model.products import linear


class Additive(Attention):
    """A small network compares query and memory; its tanh is the largest element-wise work of a model."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(context_dim=hidden_dim)
        self.key = nn.Linear(hidden_dim, hidden_dim)
        self.query_weight = nn.Parameter(torch.empty(hidden_dim, hidden_dim))
        self.energy_A = nn.Parameter(torch.empty(hidden_dim))
        nn.init.xavier_uniform_(self.key.weight)
        nn.init.zeros_(self.key.bias)
        nn.init.xavier_uniform_(self.query_weight)
        nn.init.xavier_uniform_(self.energy_A.detach().unsqueeze(0))

    def keys(self, memory_BSH: Tensor) -> Tensor:
        return linear(memory_BSH, self.key.weight, self.key.bias)

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor) -> Tensor:
        return (keys_BSA[:, None] + query_BKA[:, :, None]).tanh() @ self.energy_A

    def score_parameters(self) -> list[Tensor]:
        return [self.energy_A]

    def score_steps(self, keys_BSA: Tensor, steps: int, parameters: list[Tensor]) -> ScoreSteps:
        return AdditiveSteps(keys_BSA, steps, parameters[0])


class AdditiveSteps(ScoreSteps):
    """With e = tanh(key + query): d key = d score * v * (1 - e²), d query its sum over S, d v = sum d score * e."""

    def __init__(self, keys_BSA: Tensor, steps: int, energy_A: Tensor) -> None:
        self.keys_BSA, self.energy_A = keys_BSA, energy_A
        self.tanh: list[Tensor | None] = [None] * steps
        self.grad_keys_BSA: Tensor | None = None  # v is a factor of all of it: applied at the end
        self.grad_energy_A = torch.zeros_like(energy_A)

    def forward(self, t: int, query_BA: Tensor) -> Tensor:
        tanh_BSA = self.tanh[t] = (self.keys_BSA + query_BA.unsqueeze(1)).tanh_()
        B, S, A = tanh_BSA.shape
        return torch.mv(tanh_BSA.view(B * S, A), self.energy_A).view(B, S)

    def backward(self, t: int, grad_scores_BS: Tensor) -> Tensor:
        tanh_BSA, self.tanh[t] = self.tanh[t], None
        assert tanh_BSA is not None
        flat = tanh_BSA.view(-1, tanh_BSA.shape[-1])
        self.grad_energy_A.addmv_(flat.T, grad_scores_BS.reshape(-1))
        slope_BSA = tanh_BSA.square_().neg_().add_(1)
        if self.grad_keys_BSA is None:
            self.grad_keys_BSA = slope_BSA * grad_scores_BS.unsqueeze(2)
        else:
            self.grad_keys_BSA.addcmul_(slope_BSA, grad_scores_BS.unsqueeze(2))
        return torch.bmm(grad_scores_BS.unsqueeze(1), slope_BSA).squeeze(1) * self.energy_A

    def finish(self) -> tuple[Tensor, list[Tensor]]:
        assert self.grad_keys_BSA is not None
        return self.grad_keys_BSA.mul_(self.energy_A), [self.grad_energy_A]
