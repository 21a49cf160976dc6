"""Optimisers: functions from parameter groups to one of torch.optim, and which parameters decay.

The learning rate given here is only the first: the loop sets it before each update.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mtkit.registry import resolve
from mtkit.schema import Train

Groups = list[dict[str, Any]]
EPSILON = 1e-9  # of Adam and its kin (Vaswani et al. 2017)


def make(model: nn.Module, settings: Train) -> torch.optim.Optimizer:
    """The optimiser of a config, over all parameters of a model.

    Matrices decay; biases, gains and other vectors do not: they have few values, and zero is no better place for
    them than another.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": _of(parameters, matrices=True), "weight_decay": settings.weight_decay},
        {"params": _of(parameters, matrices=False), "weight_decay": 0.0},
    ]
    optimizer: torch.optim.Optimizer = resolve("optimizer", settings.optimizer)(
        [group for group in groups if group["params"]], settings
    )
    return optimizer


def momenta(model: nn.Module) -> dict[str, Tensor]:
    """Of an outer optimiser (`mtkit.train.outer`), by the names of parameters, as they are at first."""
    return {name: torch.zeros_like(parameter.detach()) for name, parameter in model.named_parameters()}


def sgd(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Gradient descent with momentum betas[0] (Polyak 1964)."""
    return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.betas[0], fused=True)


def adagrad(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Adagrad (Duchi et al. 2011)."""
    on_cpu = all(parameter.device.type == "cpu" for group in groups for parameter in group["params"])
    # Its fused kernel is for the CPU; elsewhere torch chooses.
    return torch.optim.Adagrad(groups, lr=settings.lr, fused=True if on_cpu else None)


def adadelta(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Adadelta (Zeiler 2012) with rho betas[1]; its own learning rate is 1.0."""
    return torch.optim.Adadelta(groups, lr=settings.lr, rho=settings.betas[1])


def rmsprop(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """RMSProp (Tieleman and Hinton 2012) with alpha betas[1]."""
    return torch.optim.RMSprop(groups, lr=settings.lr, alpha=settings.betas[1])


def adam(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015), one fused pass over all parameters; weight decay is part of the gradient."""
    return torch.optim.Adam(groups, lr=settings.lr, betas=_betas(settings), eps=EPSILON, fused=True)


def adamw(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Adam with weight decay beside the gradient (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(groups, lr=settings.lr, betas=_betas(settings), eps=EPSILON, fused=True)


def nadam(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Adam with Nesterov momentum (Dozat 2016)."""
    return torch.optim.NAdam(groups, lr=settings.lr, betas=_betas(settings), eps=EPSILON)


def radam(groups: Groups, settings: Train) -> torch.optim.Optimizer:
    """Adam whose first steps are rectified (Liu et al. 2020)."""
    return torch.optim.RAdam(groups, lr=settings.lr, betas=_betas(settings), eps=EPSILON)


def _of(parameters: Iterable[nn.Parameter], *, matrices: bool) -> list[nn.Parameter]:
    return [parameter for parameter in parameters if (parameter.dim() >= 2) == matrices]


def _betas(settings: Train) -> tuple[float, float]:
    first, second = settings.betas
    return first, second
