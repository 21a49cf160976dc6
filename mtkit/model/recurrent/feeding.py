"""Wirings that go step by step, since a step needs the context of the last one or of its own.

Their parts are the same: layers, an attention, and perhaps one thing more. `FeedingPass` holds them and goes through
the steps; what a wiring adds is one step of it, forward and backward.

Dimensions: N packed target positions, n the sentences that have a step, B all of them, G all gates of a cell, H the
width of a state.
"""

from abc import abstractmethod
from typing import Any, NamedTuple

from torch import Tensor

from mtkit.model.attention.steps import AttentionSteps, AttentionTensors, tensors
from mtkit.model.cells.base import State
from mtkit.model.recurrent.decoder import RecurrentDecoder, RecurrentState
from mtkit.model.recurrent.stack import LayerTensors, StackSteps, layer_tensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import Pass, cut, run


class FeedingTensors(NamedTuple):
    """The tensors of a pass."""

    gates_NG: Tensor
    """What the embeddings add to the first gates of each step."""
    attention: AttentionTensors
    feed_BH: Tensor
    """What is fed to the first step."""
    states: tuple[State, ...]
    layers: tuple[LayerTensors, ...]
    own: Any
    """Those of the wiring's own part."""


class FeedingPass(Pass):
    """A decoder's layers and attention, step by step; a wiring says what a step is."""

    def __init__(
        self, given: FeedingTensors, decoder: RecurrentDecoder, packing: Packing, masks_NH: list[Tensor]
    ) -> None:
        self.given, self.packing, self.truncate = given, packing, decoder.truncate
        output_NH, contexts_NH = self.places(decoder)
        cells = [type(cell) for cell in decoder.layers]
        self.stack = StackSteps(cells, given.layers, given.states, packing, masks_NH, decoder.residual, output_NH)
        self.attention = AttentionSteps(decoder.attention, given.attention, packing, contexts_NH)

    def places(self, decoder: RecurrentDecoder) -> tuple[Tensor | None, Tensor | None]:
        """Where outputs and contexts are put, NH; None: each in a place of its own."""
        return None, None

    @abstractmethod
    def step(self, t: int, n: int, feed_nH: Tensor) -> Tensor:
        """Step t, of n sentences: what the last one fed, of as many or more -> what it feeds to the next."""

    @abstractmethod
    def outputs(self) -> tuple[Tensor, ...]:
        """What the pass has made, packed."""

    @abstractmethod
    def step_backward(self, t: int, grads: tuple[Tensor, ...], grad_feed_nH: Tensor | None) -> Tensor | None:
        """Gradients of the outputs of step t and of what it fed (None: none) -> of what was fed to it."""

    def prepare(self) -> None:
        """Make room for gradients."""
        self.stack.prepare()

    def finish(self) -> tuple[Tensor, Any]:
        """After every step's backward: the gradients of gates_NG and of the wiring's own tensors."""
        return self.stack.cells[0].grad_input, ()

    def forward(self) -> tuple[Tensor, ...]:
        """See Pass.forward."""
        feed_nH = self.given.feed_BH
        for t, n in enumerate(self.packing.counts):
            feed_nH = self.step(t, n, feed_nH)
        return self.outputs()

    def backward(self, *grads: Tensor) -> FeedingTensors:
        """See Pass.backward."""
        self.prepare()
        carry: Tensor | None = None
        for t in reversed(range(len(self.packing.counts))):
            rows = self.packing.rows(t)
            carry = self.step_backward(t, tuple(grad_NH[rows] for grad_NH in grads), carry)
            if cut(self.truncate, t):
                carry = None
                self.stack.cut()
        layers, states = self.stack.finish()
        grad_gates_NG, own = self.finish()
        return FeedingTensors(grad_gates_NG, self.attention.finish(), carry, states, layers, own)  # type: ignore[arg-type]


def feed(
    work: type[FeedingPass],
    decoder: RecurrentDecoder,
    gates_NG: Tensor,
    packing: Packing,
    state: RecurrentState,
    masks_NH: list[Tensor],
    own: Any = (),
) -> tuple[Tensor, ...]:
    """The outputs of a wiring's pass.

    Args:
        gates_NG: what the embeddings add to the first gates of each step.
        masks_NH: of dropout, one a layer but the first; empty: none.
        own: tensors of the wiring's own part, a tree.
    """
    # Where the first layer reads embeddings beside what is fed, their columns of the product are in gates_NG.
    first = decoder.embed_dim if decoder.reads_context else 0
    given = FeedingTensors(
        gates_NG,
        tensors(decoder.attention, state.source),
        state.feed_BKH.squeeze(1),
        tuple(tuple(part.squeeze(1) for part in layer) for layer in state.cells),
        tuple(
            layer_tensors(cell, norm, 0 if i else first)
            for i, (cell, norm) in enumerate(zip(decoder.layers, decoder.norms, strict=True))
        ),
        own,
    )
    return run(work, given, decoder, packing, masks_NH)
