"""Scores one query a sentence and step, and their derivative. Must not know weights, contexts or recurrences.

Several heads are several rows: keys are laid (B * heads, S, A / heads), and a query (n, A) is read as
(n * heads, A / heads).

Dimensions: B sentences, n those that have a step, S source positions, A width of queries and keys, d = A / heads,
R = B * heads, r = n * heads.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor


class ScoreSteps(ABC):
    """The scores of one query a sentence and step, and their derivative; rows r are those of n sentences x heads."""

    @abstractmethod
    def forward(self, t: int, query_nA: Tensor, out_rS: Tensor) -> None:
        """Put the scores of step t into `out_rS`; what stands at padding does not matter."""

    @abstractmethod
    def backward(self, t: int, grad_scores_rS: Tensor) -> Tensor:
        """The gradient of the query of step t. Called once a step, the last step first."""

    @abstractmethod
    def finish(self) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        """After every step's backward: the gradients of the keys and of the parameters (None: it has none)."""


class ByAutograd(ScoreSteps):
    """The steps of any attention: autograd of its scores, with a small graph for each step.

    Args:
        scores: query_n1A, keys_nSA, bias_nS -> scores_nh1S.
        parameters: all that `scores` may read.
    """

    def __init__(
        self,
        scores: Callable[[Tensor, Tensor, Tensor], Tensor],
        keys_BSA: Tensor,
        bias_BS: Tensor,
        parameters: tuple[Tensor, ...],
    ) -> None:
        self.scores, self.keys_BSA, self.bias_BS, self.parameters = scores, keys_BSA, bias_BS, parameters
        self.saved: list[tuple[Tensor, Tensor, Tensor]] = []
        self.grad_keys_BSA: Tensor | None = None
        self.grad_parameters: list[Tensor | None] = [None] * len(parameters)

    def forward(self, t: int, query_nA: Tensor, out_rS: Tensor) -> None:
        n = len(query_nA)
        keys_nSA, bias_nS = self.keys_BSA[:n].detach(), self.bias_BS[:n]
        if torch.is_inference_mode_enabled():  # where there is no graph, nor will a gradient be asked for
            scores_nh1S = self.scores(query_nA.unsqueeze(1), keys_nSA, bias_nS)
        else:
            with torch.enable_grad():
                # A copy: a query may be rows of a table into which later steps are still to be written.
                query_nA = query_nA.detach().clone().requires_grad_()
                keys_nSA.requires_grad_()
                scores_nh1S = self.scores(query_nA.unsqueeze(1), keys_nSA, bias_nS)
            self.saved.append((query_nA, keys_nSA, scores_nh1S))
        out_rS.copy_(scores_nh1S.detach().reshape(out_rS.shape))

    def backward(self, t: int, grad_scores_rS: Tensor) -> Tensor:
        query_nA, keys_nSA, scores_nh1S = self.saved.pop()
        grad_query_nA = torch.zeros_like(query_nA)
        if self.grad_keys_BSA is None:
            self.grad_keys_BSA = torch.zeros_like(self.keys_BSA)
        if not scores_nh1S.requires_grad:  # they depend on nothing that is learned
            return grad_query_nA
        learned = [i for i, parameter in enumerate(self.parameters) if parameter.requires_grad]
        leaves = query_nA, keys_nSA, *(self.parameters[i] for i in learned)
        grad_nh1S = grad_scores_rS.reshape(scores_nh1S.shape)
        of_query, of_keys, *others = torch.autograd.grad(scores_nh1S, leaves, grad_nh1S, allow_unused=True)
        if of_keys is not None:
            self.grad_keys_BSA[: len(of_keys)] += of_keys
        for i, grad in zip(learned, others, strict=True):
            total = self.grad_parameters[i]
            self.grad_parameters[i] = grad if total is None else total if grad is None else total + grad
        return grad_query_nA if of_query is None else of_query.contiguous()

    def finish(self) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        assert self.grad_keys_BSA is not None
        return self.grad_keys_BSA, tuple(self.grad_parameters)


def split_heads(x_BSA: Tensor, heads: int) -> Tensor:
    """x (B, S, A) -> (B * heads, S, A / heads)."""
    if heads == 1:
        return x_BSA
    B, S, A = x_BSA.shape
    return x_BSA.view(B, S, heads, A // heads).transpose(1, 2).flatten(0, 1)


def merge_heads(x_RSd: Tensor, heads: int) -> Tensor:
    """The reverse of `split_heads`."""
    if heads == 1:
        return x_RSd
    R, S, d = x_RSd.shape
    return x_RSd.view(R // heads, heads, S, d).transpose(1, 2).flatten(2)
