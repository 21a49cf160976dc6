"""Local updates and an outer optimiser, for slow links (`train.sync_every`): DiLoCo (Douillard et al. 2023).

Each process makes some updates by itself, on its own batches. Then the way that they all went, on average, is the
gradient of an outer optimiser: descent with Nesterov's momentum. The state of the inner optimisers is averaged, too,
which costs traffic and makes all processes alike: a run goes on from there bit for bit, with any number of them.
"""

import torch

from mtkit.train.group import Group
from mtkit.train.state import Training
from mtkit.train.together import mean

LR, MOMENTUM = 0.7, 0.9  # as Douillard et al. found best


class Outer:
    """The outer optimiser of a run, in each process the same.

    Args:
        narrow: send bf16 in place of fp32.
    """

    def __init__(self, training: Training, group: Group, narrow: bool) -> None:
        self.training, self.group, self.narrow = training, group, narrow
        self.parameters = [parameter.detach() for parameter in training.model.parameters()]
        self.start = [parameter.clone() for parameter in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Bring all processes together, one step of the outer optimiser further."""
        ways = [start - here for start, here in zip(self.start, self.parameters, strict=True)]
        inner = [one for one in self.training.tensors().values() if one.is_floating_point() and one.dim()]
        running = [one for one in self.training.model.buffers() if one.is_floating_point()]
        mean([*ways, *inner, *running], self.group, self.narrow)
        self.group.spread([one for one in self.training.tensors().values() if not one.dim()])  # counts of steps
        momenta = self.training.outer
        assert momenta is not None, "a training with local updates has them"
        for way, start, here, momentum in zip(ways, self.start, self.parameters, momenta.values(), strict=True):
            momentum.mul_(MOMENTUM).add_(way)
            start.sub_(way.add_(momentum, alpha=MOMENTUM), alpha=LR)
            here.copy_(start)
