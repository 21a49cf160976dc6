"""Between parent and child: a mean of their weights, which keeps most of what the one knew and the other has learnt.

Wortsman et al. 2022 (Robust fine-tuning of zero-shot models): on the line between a model and what became of it when it
was trained on, loss hardly rises, and there are points that are good at both.
"""

import copy

import torch

from mtkit.model import tensors
from mtkit.model.seq2seq import Seq2Seq


def mixed(parent: Seq2Seq, child: Seq2Seq, share: float) -> Seq2Seq:
    """A model with `share` of the child's weights and the rest of its parent's; counts are the child's."""
    made = copy.deepcopy(child)
    before = tensors.named(parent)
    with torch.no_grad():
        for name, value in tensors.named(made).items():
            if value.is_floating_point():
                value.copy_(torch.lerp(before[name], value, share))
    return made
