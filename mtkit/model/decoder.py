"""What a decoder is, and what it remembers between steps. Must not know search or loss."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mtkit.model import forms
from mtkit.model.encoder import Memory
from mtkit.ops.packing import Packing


class DecoderState:
    """All that a decoder knows between steps: K hypotheses for each of B sentences.

    A subclass says which tensors belong to a sentence (held once, (B, ...)) and which to a hypothesis (B, K, ...),
    by giving itself anew with a function applied to each of them.
    """

    grows: ClassVar[bool] = False
    """Whether a step makes its tensors larger."""

    @abstractmethod
    def each(self, of_sentence: Callable[[Tensor], Tensor], of_hypothesis: Callable[[Tensor], Tensor]) -> Any:
        """The state with one function applied to the tensors of sentences, the other to those of hypotheses."""

    def with_room(self, steps: int) -> Any:
        """Of a state that grows, the same with room for so many steps, which write into its tensors: so only what
        `step` gives can be gone on from. None: it has no such form."""
        return None

    def reorder(self, parents_BK: Tensor) -> Any:
        """The state in which hypothesis k of a sentence goes on from its hypothesis parents[k]."""
        B, K = parents_BK.shape
        rows: dict[int, Tensor] = {}  # by the number of hypotheses that there were, which all tensors have in common

        def pick(x: Tensor) -> Tensor:
            before = x.shape[1]
            if before == 1:  # all have the same parent
                return x if K == 1 else x.expand(-1, K, *x.shape[2:])
            if before not in rows:
                firsts_B1 = torch.arange(0, B * before, before, device=parents_BK.device).unsqueeze(1)
                rows[before] = (parents_BK + firsts_B1).flatten()
            return x.flatten(0, 1).index_select(0, rows[before]).view(B, K, *x.shape[2:])

        return self.each(lambda x: x, pick)

    def keep(self, sentences: Tensor) -> Any:
        """The state of some of the sentences."""

        def pick(x: Tensor) -> Tensor:
            return x.index_select(0, sentences)

        return self.each(pick, pick)


class Decoder(nn.Module):
    """From a memory and the last pieces to vectors from which the next pieces are predicted.

    It is complete with `start` and `step`.
    """

    attends: bool
    """Whether it has attention."""
    rounds: ClassVar[bool] = False
    """See `Encoder.rounds`."""

    @property
    def kept(self) -> int:
        """Numbers that a state keeps of every piece of a hypothesis."""
        return 0

    @abstractmethod
    def start(self, memory: Memory) -> Any:
        """The state before the first step, with one hypothesis a sentence."""

    @abstractmethod
    def step(self, x_BKE: Tensor, state: Any) -> tuple[Tensor, Any, Tensor]:
        """One step of every hypothesis.

        Args:
            x_BKE: embeddings of the last pieces.

        Returns:
            Features BKH from which pieces are predicted, the next state, and attention weights_BKS (of several
            heads their mean), which sum to one over real positions; without attention zeros.
        """

    def forward(self, x_NE: Tensor, packing: Packing, state: Any) -> Tensor:
        """Teacher-forced features NH of all steps.

        Args:
            x_NE: embedded target, beginning with bos; real positions only.
            packing: where they are; the longest sentence first.
            state: from `start`.
        """
        forward = self.forward_fast if self.is_fast() else self.forward_plain
        return forward(x_NE, packing, state)

    def is_fast(self) -> bool:
        """Whether `forward_fast` may be taken: it was written for this class's `step`, not for a parent's."""
        return forms.fits(type(self), "forward_fast", "step")

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: Any) -> Tensor:
        """`forward` otherwise than step by step under autograd; to be left out where that is quick enough."""
        raise TypeError(f"{type(self).__name__} has no fast form")

    def forward_plain(self, x_NE: Tensor, packing: Packing, state: Any) -> Tensor:
        """The reference of `forward`: `step` after `step`, on a padded table."""
        features = []
        for x_BE in packing.unpack(x_NE).unbind(1):
            y_BKH, state, _ = self.step(x_BE.unsqueeze(1), state)
            features.append(y_BKH)
        return packing.pack(torch.cat(features, 1))
