"""What an attention is. Must not know recurrences or search.

An attention compares a query (the decoder's state) with keys (made once of the memory), turns the scores into
weights over the real source positions, and returns the weighted mean of the memory. `forward` is the plain
form, for any number of queries a sentence. `AttentionSteps` is the same, one query a sentence and step, with a
hand-written backward pass in which all that can wait is one product at the end; a test holds the two together
in float64. A new attention brings `scores` and a `ScoreSteps`.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from mtkit.model.products import product, rounded


class Attention(nn.Module):
    """Scores of keys against queries, softmax over real positions, weighted mean of the memory."""

    query_weight: nn.Parameter | None
    """(A, H), applied to the decoder's state; None: the state is the query."""

    def __init__(self, context_dim: int) -> None:
        super().__init__()
        self.register_parameter("query_weight", None)
        self.context_dim = context_dim
        """Width of the context: that of the memory, or 0 without attention."""

    def keys(self, memory_BSH: Tensor) -> Tensor:
        """What queries are compared with, once a sentence: keys_BSA."""
        return memory_BSH

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor) -> Tensor:
        """scores_BKS, before the mask."""
        raise TypeError(f"{type(self).__name__} has no scores")

    def score_parameters(self) -> list[Tensor]:
        """Parameters of `scores`, in the order in which `ScoreSteps.finish` returns their gradients."""
        return []

    def score_steps(self, keys_BSA: Tensor, steps: int, parameters: list[Tensor]) -> "ScoreSteps":
        """The scores of a training pass of so many steps."""
        raise TypeError(f"{type(self).__name__} has no scores")

    def start(
        self, memory_BSH: Tensor, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: list[Tensor | None]
    ) -> "Steps":
        """A training pass of so many steps; `parameters` are query_weight and score_parameters."""
        return AttentionSteps(self, memory_BSH, keys_BSA, bias_BS, steps, parameters)

    def forward(
        self, state_BKH: Tensor, memory_BSH: Tensor, keys_BSA: Tensor, bias_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Look at the memory.

        Args:
            bias_BS: 0 at real positions, minus infinity at padding.

        Returns:
            context_BKH and weights_BKS, which sum to one and are zero on padding.
        """
        query_BKA = state_BKH if self.query_weight is None else state_BKH @ self.query_weight.T
        weights_BKS = (self.scores(query_BKA, keys_BSA) + bias_BS[:, None]).softmax(-1)
        return weights_BKS @ memory_BSH, weights_BKS


class ScoreSteps(ABC):
    """The scores of one query a sentence and step, and their derivative."""

    @abstractmethod
    def forward(self, t: int, query_BA: Tensor) -> Tensor:
        """scores_BS of step t."""

    @abstractmethod
    def backward(self, t: int, grad_scores_BS: Tensor) -> Tensor:
        """The gradient of the query of step t. Called once a step, the last step first."""

    @abstractmethod
    def finish(self) -> tuple[Tensor, list[Tensor]]:
        """After every step's backward: the gradients of the keys and of the score parameters."""


class Steps(ABC):
    """A training pass of an attention, step by step."""

    @abstractmethod
    def forward(self, t: int, state_BH: Tensor) -> Tensor:
        """context_BH of step t."""

    @abstractmethod
    def backward(self, t: int, grad_context_BH: Tensor) -> Tensor | None:
        """The gradient of the state that asked at step t, or None if it had no part in the context."""

    @abstractmethod
    def finish(self) -> list[Tensor | None]:
        """After every step's backward: gradients of memory, keys, query_weight and the score parameters."""


class AttentionSteps(Steps):
    """Softmax attention: all that does not depend on how scores are made."""

    def __init__(
        self,
        attention: Attention,
        memory_BSH: Tensor,
        keys_BSA: Tensor,
        bias_BS: Tensor,
        steps: int,
        parameters: list[Tensor | None],
    ) -> None:
        B, S, _H = memory_BSH.shape
        query_weight, *rest = parameters
        self.memory_BSH, self.bias_BS, self.steps = memory_BSH, bias_BS, steps
        self.query_weight = None if query_weight is None else rounded(query_weight)
        self.score = attention.score_steps(keys_BSA, steps, [p for p in rest if p is not None])
        self.weights_TBS = memory_BSH.new_empty(steps, B, S)
        self.states: list[Tensor | None] = [None] * steps
        self.grad_queries: list[Tensor | None] = [None] * steps

    def forward(self, t: int, state_BH: Tensor) -> Tensor:
        self.states[t] = state_BH
        query_BA = state_BH if self.query_weight is None else product(state_BH, self.query_weight.T)
        scores_BS = self.score.forward(t, query_BA).add_(self.bias_BS)
        weights_BS = torch.softmax(scores_BS, -1, out=self.weights_TBS[t])
        return torch.bmm(weights_BS.unsqueeze(1), self.memory_BSH).squeeze(1)

    def backward(self, t: int, grad_context_BH: Tensor) -> Tensor:
        if t == self.steps - 1:  # the first one: validation never comes here, and need not hold it
            self.grad_context_TBH = grad_context_BH.new_empty(self.steps, *grad_context_BH.shape)
        self.grad_context_TBH[t] = grad_context_BH
        grad_weights_BS = torch.bmm(self.memory_BSH, grad_context_BH.unsqueeze(2)).squeeze(2)
        weights_BS = self.weights_TBS[t]
        grad_scores_BS = torch._softmax_backward_data(grad_weights_BS, weights_BS, -1, weights_BS.dtype)
        grad_query_BA = self.score.backward(t, grad_scores_BS)
        if self.query_weight is None:
            return grad_query_BA
        self.grad_queries[t] = grad_query_BA
        return product(grad_query_BA, self.query_weight)

    def finish(self) -> list[Tensor | None]:
        grad_memory_BSH = torch.bmm(self.weights_TBS.permute(1, 2, 0), self.grad_context_TBH.transpose(0, 1))
        grad_keys_BSA, grad_parameters = self.score.finish()
        grad_query_weight = None
        if self.query_weight is not None:
            queries = torch.cat([q for q in self.grad_queries if q is not None])
            grad_query_weight = product(queries.T, torch.cat([s for s in self.states if s is not None]))
        return [grad_memory_BSH, grad_keys_BSA, grad_query_weight, *grad_parameters]
