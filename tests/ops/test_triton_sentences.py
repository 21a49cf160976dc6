"""Attention of short sentences in Triton against torch's own in float64: on CUDA if it is here, else by Triton's
interpreter on a CPU."""

import itertools
import os

import pytest
import torch
from torch import Tensor, nn

from mtkit.ops.reference import sentences as plain
from mtkit.ops.triton import sentences

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported, and when a kernel is

# numpy, with which the interpreter computes, warns of what is no number even where it is not taken.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

LENGTHS = torch.tensor([5, 1, 3], device=DEVICE)
CASES = list(itertools.product([(5, 5), (1, 5), (7, 5), (19, 5)], ["none", "bool", "added", "causal"], [16, 32]))


def tables(Q: int, S: int, D: int) -> tuple[Tensor, ...]:
    """Queries, keys, values and a gradient of 3 sentences and 2 heads, all first positions first, in wider rows."""
    torch.manual_seed(1)
    return tuple(
        torch.randn(length, 3, 2, 3 * D, device=DEVICE)[..., D : 2 * D].permute(1, 2, 0, 3) for length in (Q, S, S, Q)
    )


def mask_of(kind: str, S: int) -> Tensor | None:
    real = torch.arange(S, device=DEVICE) < LENGTHS.unsqueeze(1)
    if kind == "bool":
        return real
    return torch.zeros_like(real, dtype=torch.float32).masked_fill(~real, float("-inf")) if kind == "added" else None


@pytest.mark.parametrize(("lengths", "kind", "D"), [case for case in CASES if case[1] != "causal" or case[0] == (5, 5)])
def test_against_torch(lengths: tuple[int, int], kind: str, D: int) -> None:
    pytest.importorskip("triton", minversion="3.6")
    query, key, value, grad = tables(*lengths, D)
    given = query, key, value
    mask, causal = mask_of(kind, lengths[1]), kind == "causal"
    q, k, v = leaves = [one.double().requires_grad_() for one in given]
    wide = None if mask is None else (mask if mask.dtype is torch.bool else mask.double())[:, None, None]
    wanted = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=wide, is_causal=causal)
    grads = torch.autograd.grad(wanted, leaves, grad.double())
    with torch.no_grad():
        torch.testing.assert_close(
            sentences.attend(query, key, value, mask, causal).double(), wanted.detach(), atol=1e-5, rtol=1e-5
        )
        for made, right in zip(sentences.attend_backward(grad, query, key, value, mask, causal), grads, strict=True):
            torch.testing.assert_close(made.double(), right, atol=1e-5, rtol=1e-5)
        for made, right in zip(plain.attend_backward(grad, query, key, value, mask, causal), grads, strict=True):
            torch.testing.assert_close(made.double(), right, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            plain.attend(query, key, value, mask, causal).double(), wanted.detach(), atol=1e-5, rtol=1e-5
        )
