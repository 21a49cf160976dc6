"""The losses where some rows do not count, and of logits in bf16."""

import math

import pytest
import torch
from torch import Tensor

from mtkit.ops.logits import softmax_loss, twice_loss

TWICE = (0.5, 0.7, 0.3, 0.2)
LOSSES = ["softmax_loss", "twice_loss"]


def lost(name: str, logits: Tensor, bias: Tensor, pieces: Tensor, weights: Tensor | None) -> list[Tensor]:
    """The loss and the gradients of logits and bias."""
    logits, to_bias = logits.clone(), torch.ones_like(bias)
    with torch.no_grad():
        if name == "softmax_loss":
            loss = softmax_loss(logits, bias, pieces, 0.1, to_bias, weights_N=weights)
        else:
            loss = twice_loss(logits, bias, pieces, 0.1, TWICE, to_bias, weights_N=weights)
    return [loss, logits, to_bias]


@pytest.mark.parametrize("strange", [0.0, math.nan, math.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_rows_that_do_not_count_change_nothing(name: str, strange: float) -> None:
    torch.manual_seed(1)
    logits, bias = torch.randn(8, 11).double(), torch.randn(11).double()
    pieces = torch.randint(0, 11, (4,)).repeat_interleave(2)
    real = torch.tensor([True, False, True, False]).repeat_interleave(2)
    logits[~real] += strange
    loss, grad, to_bias = lost(name, logits, bias, pieces, real.double())
    wanted = lost(name, logits[real], bias, pieces[real], None)
    torch.testing.assert_close([loss, grad[real], to_bias], wanted, atol=1e-12, rtol=1e-12)
    assert not grad[~real].any()


@pytest.mark.parametrize("name", LOSSES)
def test_weights_of_one_are_none(name: str) -> None:
    """With C or without: given weights, it is torch that computes."""
    torch.manual_seed(1)
    given = torch.randn(6, 11), torch.randn(11), torch.randint(0, 11, (3,)).repeat_interleave(2)
    torch.testing.assert_close(lost(name, *given, torch.ones(6)), lost(name, *given, None), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_sums_of_logits_in_bf16_are_those_of_the_bias(name: str) -> None:
    torch.manual_seed(1)
    logits, bias = torch.randn(64, 300).bfloat16(), torch.randn(300)
    pieces, weights = torch.randint(0, 300, (32,)).repeat_interleave(2), torch.ones(64)
    loss, grad, to_bias = lost(name, logits, bias, pieces, weights)
    wanted = lost(name, logits.float(), bias, pieces, weights)
    assert (loss.dtype, grad.dtype, to_bias.dtype) == (torch.float32, torch.bfloat16, torch.float32)
    torch.testing.assert_close([loss, grad, to_bias], [wanted[0], wanted[1].bfloat16(), wanted[2]], atol=0, rtol=0)
