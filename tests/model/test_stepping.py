"""Steps in search against plain ones: a Transformer's, whatever search does with the hypotheses between them, and what
recurrent decoders look at."""

import contextlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtkit.model.attention import dot
from mtkit.model.attention.additive import Additive
from mtkit.model.attention.base import Attention
from mtkit.model.attention.dot import Dot, General, ScaledDot
from mtkit.model.attention.local import Local
from mtkit.model.attention.location import Location
from mtkit.model.transformer.blocks import Drop, FeedForward, MultiHead, through
from mtkit.model.transformer.decoder import Block, TransformerDecoder
from mtkit.model.transformer.positions import Learned, Positions, Rotary, Sinusoidal
from mtkit.model.transformer.state import TransformerState
from mtkit.model.transformer.stepping import STEPS, SteppingState
from mtkit.ops import native, products
from tests.model.test_transformer import E, H, make_decoder, make_memory

SOURCE = [3, 20, 6, 2]


def walked(decoder: TransformerDecoder, steps: int, kept: dict[int | tuple[int, ...], object] | None = None) -> Tensor:
    """All that some steps give, reordered anyhow, and from some step on for two of the sentences."""
    torch.manual_seed(1)
    state, hypotheses, left = decoder.start(make_memory(SOURCE)), 1, torch.arange(4)
    told = []
    with products.precision(products.entered(), kept):
        for step in range(steps):
            x_BKE = torch.randn(4, 3, E)[left][:, :hypotheses]
            y_BKH, state, weights_BKS = decoder.step(x_BKE, state)
            told += [y_BKH.flatten(), weights_BKS.flatten()]
            hypotheses = 3 if step else 2
            parents_BK = torch.randint(x_BKE.shape[1], (len(left), hypotheses))
            state = state.reorder(parents_BK)
            if step == steps // 2:
                left = torch.tensor([1, 3])
                state = state.keep(left)
    assert isinstance(state, SteppingState) != torch.is_grad_enabled()
    return torch.cat(told).detach()


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("positions", [Positions, Sinusoidal, Learned, Rotary])
def test_steps_are_the_plain_ones(positions: type[Positions], kind: torch.dtype, kept: bool) -> None:
    """More of them than a table has room for at first."""
    torch.set_default_dtype(kind)
    try:
        torch.manual_seed(3)
        decoder, steps = make_decoder(positions), STEPS + 8
        wanted = walked(decoder, steps)
        for way in (native.off, contextlib.nullcontext):
            with torch.no_grad(), way():
                made = walked(decoder, steps, {} if kept else None)
            torch.testing.assert_close(made, wanted, atol=1e-12 if kind is torch.float64 else 3e-6, rtol=0)
    finally:
        torch.set_default_dtype(torch.float32)


@torch.no_grad()
def test_a_step_leaves_the_state_that_it_was_given() -> None:
    """Words tried from one state do not see each other, and what was gone on from stays."""
    decoder = make_decoder()
    x_BKE, other_BKE, first_BKE = torch.randn(3, 4, 1, E)
    _, state, _ = decoder.step(first_BKE, decoder.start(make_memory(SOURCE)))
    once, after, _ = decoder.step(x_BKE, state)
    twice, _, _ = decoder.step(first_BKE, after)
    decoder.step(other_BKE, state)
    again, _, _ = decoder.step(x_BKE, state)
    assert torch.equal(once, again)
    assert torch.equal(twice, decoder.step(first_BKE, after)[0])


@torch.no_grad()
def test_a_hypothesis_takes_its_numbers_along_and_no_keys() -> None:
    decoder = make_decoder()
    _, state, _ = decoder.step(torch.randn(4, 1, E), decoder.start(make_memory(SOURCE)))
    moved = state.reorder(torch.zeros(4, 5, dtype=torch.long)).keep(torch.tensor([2]))
    assert moved.table is state.table
    assert moved.rows_BKL.tolist() == [[[2]] * 5]
    _, after, _ = decoder.step(torch.randn(1, 5, E), moved)
    assert after.table is state.table
    assert after.rows_BKL[0].tolist() == [[2, 4 + k] for k in range(5)]


@torch.no_grad()
def test_it_goes_on_in_the_plain_form_where_it_is_given_room() -> None:
    decoder = make_decoder()
    _, state, _ = decoder.step(torch.randn(4, 1, E), decoder.start(make_memory(SOURCE)))
    state = state.reorder(torch.zeros(4, 3, dtype=torch.long))
    roomy = state.with_room(2)
    for x_BKE in torch.randn(2, 4, 3, E):
        wanted_BKH, state, wanted_BKS = decoder.step(x_BKE, state)
        y_BKH, roomy, weights_BKS = decoder.step(x_BKE, roomy)
        torch.testing.assert_close(y_BKH, wanted_BKH, atol=1e-5, rtol=0)
        torch.testing.assert_close(weights_BKS, wanted_BKS, atol=1e-6, rtol=0)


class Gelu(FeedForward):
    """Another function between the layers."""

    def forward(self, x_XH: Tensor, drop: Drop) -> Tensor:
        return through(self.outer, drop(nn.functional.gelu(through(self.inner, x_XH))))


class Doubled(MultiHead):
    def queries(self, x_XH: Tensor) -> Tensor:
        return 2 * super().queries(x_XH)


class Alone(Block):
    """Attention to the memory is left out."""

    def step(self, x_BKH: Tensor, *given: Any) -> tuple[Tensor, Tensor, Tensor]:
        _, *others = super().step(x_BKH, *given)
        return x_BKH, *others  # type: ignore[return-value]


class Negated(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return -super().forward(x)


class Own(TransformerDecoder):
    def _step_plain(self, x_BKE: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState, Tensor]:
        y_BKH, after, weights_BKS = super()._step_plain(x_BKE, state)
        return 2 * y_BKH, after, weights_BKS


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("blocks.1.ffn", Gelu),
        ("blocks.0.attention", Doubled),
        ("blocks.0.ffn_norm", Negated),
        ("blocks.1", Alone),
        ("norm", Negated),
        ("", Own),
    ],
)
def test_parts_of_somebodys_own_are_heard_in_search(path: str, kind: type[nn.Module]) -> None:
    decoder = make_decoder()
    decoder.get_submodule(path).__class__ = kind
    x_BKE = torch.randn(4, 2, E)
    start = decoder.start(make_memory(SOURCE))
    told = []
    for inference in (False, True):
        with torch.inference_mode(inference):
            _, state, _ = decoder.step(x_BKE[:, :1], start)
            y_BKH, *_ = decoder.step(x_BKE, state.reorder(torch.zeros(4, 2, dtype=torch.long)))
        told.append(y_BKH.detach())
    torch.testing.assert_close(told[1], told[0], atol=1e-5, rtol=0)


class Halved(General):
    """Scores of its own."""

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return super().scores(query_BKA, keys_BSA, bias_BS) / 2


@pytest.mark.parametrize("coverage", [False, True])
@pytest.mark.parametrize("attention", [Dot, General, ScaledDot, dot.MultiHead, Additive, Local, Location, Halved])
def test_attention_in_search_is_the_plain_one(attention: type[Attention], coverage: bool) -> None:
    torch.manual_seed(3)
    asked = attention(H, 2, coverage)
    source = asked.source(make_memory(SOURCE))
    state_BKH = torch.randn(4, 3, H)
    past = tuple(torch.rand(4, 3, 20) for _ in asked.start(source))
    wanted = asked(state_BKH, source, past)
    assert asked.by_dots() == (attention in (Dot, General, ScaledDot, dot.MultiHead))
    for way in (native.off, contextlib.nullcontext):
        with torch.inference_mode(), way():
            made = asked(state_BKH, source, past)
        for mine, theirs in zip(made[:2], wanted[:2], strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
