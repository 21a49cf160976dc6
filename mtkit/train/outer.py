"""Local updates, and an outer optimiser that brings them together, for slow links (`train.sync_every`).

Each process makes some updates by itself, on its own batches. Then all take the average of their weights (local SGD,
Stich 2019), or the way that they went on average is the gradient of an outer optimiser, descent with Nesterov's
momentum (DiLoCo, Douillard et al. 2023). The state of the inner optimisers is averaged, too,
which costs traffic and makes all processes alike: a run goes on from there bit for bit, with any number of them.
"""

import torch

from mtkit.train.group import Group
from mtkit.train.state import Training
from mtkit.train.together import mean

WAYS = {"average": (1.0, 0.0), "nesterov": (0.7, 0.9)}
"""Rate and momentum: those of local SGD (Stich 2019), and those that Douillard et al. found best."""


class Outer:
    """The outer optimiser of a run, in each process the same.

    Args:
        way: a name of `WAYS`.
        narrow: send bf16 in place of fp32.
    """

    def __init__(self, training: Training, group: Group, way: str, narrow: bool) -> None:
        self.training, self.group, self.narrow = training, group, narrow
        self.rate, self.momentum = WAYS[way]
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
            momentum.mul_(self.momentum).add_(way)
            start.sub_(way.add_(momentum, alpha=self.momentum), alpha=self.rate)
            here.copy_(start)
