"""Strided convolutions, held against torch's on single sentences."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtkit.model.convolution import Convolution
from mtkit.ops import products
from mtkit.ops.packing import Packing

E = 6
LENGTHS = [9, 4, 1, 12, 5]
LAYERS = [(5, 2, 4), (4, 3, 3), (1, 1, 7), (2, 4, 5)]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    yield
    torch.set_default_dtype(torch.float32)


def packing_of(lengths: list[int], padding: int = 0) -> Packing:
    return Packing(np.array(lengths), max(lengths) + padding)


def convolved(layers: nn.ModuleList, x_LC: Tensor) -> Tensor:
    """One sentence through torch's convolution, padded so that output j has the kernel's middle on input j * stride."""
    for layer in layers:
        assert isinstance(layer, nn.Conv1d)
        (kernel,), (stride,) = layer.kernel_size, layer.stride
        padded_CL = nn.functional.pad(x_LC.T, ((kernel - 1) // 2, kernel + stride))
        y_CL = nn.functional.conv1d(padded_CL, layer.weight, layer.bias, stride)
        x_LC = y_CL[:, : math.ceil(len(x_LC) / stride)].T.relu()
    return x_LC


@pytest.mark.parametrize("layers", [*([layer] for layer in LAYERS), LAYERS, []])
@pytest.mark.parametrize("padding", [0, 1, 5])
def test_convolution_is_that_of_torch(layers: list[tuple[int, int, int]], padding: int) -> None:
    made = Convolution(layers, E, dropout=0.0)
    packing = packing_of(LENGTHS, padding)
    x_NE = torch.randn(packing.positions, E)
    y_NC, shorter = made(x_NE, packing)
    assert y_NC.shape == (shorter.positions, made.width)
    for b in range(len(LENGTHS)):
        expected_LC = convolved(made.layers, x_NE[packing.sentence_N == b])
        torch.testing.assert_close(y_NC[shorter.sentence_N == b], expected_LC, atol=1e-12, rtol=0)


def test_a_convolution_by_hand() -> None:
    """Kernel 3, stride 2, all weights 1: 1 + 2, 2 + 3 + 4, 4 + 5, and the bias; less than 0 is 0."""
    made = Convolution([(3, 2, 2)], 1, dropout=0.0)
    layer = made.layers[0]
    assert isinstance(layer, nn.Conv1d)
    assert layer.bias is not None
    nn.init.ones_(layer.weight)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.5, -8.0]))
    y_NC, _ = made(torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]]), packing_of([5]))
    assert y_NC.tolist() == [[3.5, 0.0], [9.5, 1.0], [9.5, 1.0]]


@pytest.mark.parametrize(("before", "after"), [(100, [50, 25]), (101, [51, 26]), (7, [4, 2]), (2, [1, 1]), (1, [1, 1])])
def test_lengths(before: int, after: list[int]) -> None:
    layers = [(5, 2, 4), (5, 2, 3)]
    for depth in (1, 2):
        made = Convolution(layers[:depth], E, dropout=0.0)
        y_NC, packing = made(torch.randn(before + 3, E), packing_of([3, before]))
        assert packing.lengths.tolist() == [[2, 1][depth - 1], after[depth - 1]]
        assert packing.columns == max(packing.lengths)
        assert (made.width, made.stride) == (layers[depth - 1][2], 2**depth)
        assert len(y_NC) == packing.positions


def test_padding_batch_size_and_order_change_nothing() -> None:
    made = Convolution(LAYERS[:3], E, dropout=0.0)
    sentences = [torch.randn(length, E).requires_grad_() for length in LENGTHS]

    def passed(batches: list[list[int]], padding: int = 0) -> list[Tensor]:
        made.zero_grad()
        outputs = [torch.empty(0)] * len(LENGTHS)
        for sentence in sentences:
            sentence.grad = None
        for rows in batches:
            packing = packing_of([LENGTHS[i] for i in rows], padding)
            pads = [(0, 0, 0, packing.columns - LENGTHS[i]) for i in rows]
            table = [nn.functional.pad(sentences[i], pad, value=math.nan) for i, pad in zip(rows, pads, strict=True)]
            y_NC, shorter = made(packing.pack(torch.stack(table)), packing)
            y_NC.exp().sum().backward()
            for b, i in enumerate(rows):
                outputs[i] = y_NC[shorter.sentence_N == b].detach()
        return outputs + [x.grad.clone() for x in [*made.parameters(), *sentences] if x.grad is not None]

    together = passed([[0, 1, 2, 3, 4]])
    assert len(together) == 5 + 6 + 5
    for other in (
        passed([[0, 1, 2, 3, 4]], padding=1),
        passed([[0, 1, 2, 3, 4]], padding=4),
        passed([[3, 1, 4, 2, 0]]),
        passed([[0], [1], [2], [3], [4]]),
    ):
        torch.testing.assert_close(other, together, atol=1e-9, rtol=0)


def test_dropout_stands_between_layers_in_training_only() -> None:
    packing = packing_of([400])
    x_NE = torch.ones(400, E)
    for layers, drops in (([(3, 1, 8)], False), ([(3, 1, 8), (1, 1, 8)], True)):
        made = Convolution(layers, E, dropout=0.3)
        plain, _ = made.eval()(x_NE, packing)
        dropped, _ = made.train()(x_NE, packing)
        assert torch.equal(plain, dropped) != drops
        assert torch.equal(made.eval()(x_NE, packing)[0], plain)
    # Through the identity, what is dropped and what is kept can be seen.
    made = Convolution([(1, 1, E), (1, 1, E)], E, dropout=0.3).train()
    for layer in made.layers:
        assert isinstance(layer, nn.Conv1d)
        assert layer.bias is not None
        nn.init.dirac_(layer.weight)
        nn.init.zeros_(layer.bias)
    y_NC, _ = made(x_NE, packing)
    assert sorted({round(value, 3) for value in y_NC.flatten().tolist()}) == [0.0, pytest.approx(1 / 0.7, abs=1e-3)]
    assert float((y_NC == 0).double().mean()) == pytest.approx(0.3, abs=0.04)


def test_products_in_bf16() -> None:
    torch.set_default_dtype(torch.float32)
    made = Convolution(LAYERS[:2], E, dropout=0.0)
    packing = packing_of(LENGTHS)
    x_NE = torch.randn(packing.positions, E)
    exact, _ = made(x_NE, packing)
    with products.precision("bf16"):
        rounded, _ = made(x_NE, packing)
        rounded.sum().backward()
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, atol=0.03, rtol=0.03)
    assert all(parameter.grad is not None for parameter in made.parameters())
