"""A Transformer's steps in search against its plain ones, whatever search does with the hypotheses between them."""

import contextlib

import pytest
import torch
from torch import Tensor

from mtkit.model.transformer.decoder import TransformerDecoder
from mtkit.model.transformer.positions import Learned, Positions, Rotary, Sinusoidal
from mtkit.model.transformer.stepping import STEPS, SteppingState
from mtkit.ops import native, products
from tests.model.test_transformer import E, make_decoder, make_memory

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
