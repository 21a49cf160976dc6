"""Gradients by steps against those worked out by hand on a toy of 5 steps, and the encoder against the model's own."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtkit.config import load
from mtkit.jobs.studying import gradients
from mtkit.model.build import build
from mtkit.ops.packing import Packing

VOCAB, BOS, WIDTH = 20, 1, 8
SOURCES = torch.tensor([[5, 6, 7, 8, 2], [9, 5, 12, 6, 2], [4, 4, 11, 10, 2]])
TARGETS = torch.tensor([7, 3, 11])
PLAIN = ("model.encoder.cell=rnn", "model.decoder.cell=rnn", "model.encoder.bidirectional=false")


def toy(*settings: str) -> Any:
    own = ["model.embed_dim=6", f"model.hidden_dim={WIDTH}", "model.decoder.wiring=input_feeding"]
    torch.manual_seed(3)
    return build(load("demo", [*own, *settings]).config.model, VOCAB, VOCAB, shared=True).double().eval()


def logits(model: Any, states: list[Tensor]) -> Tensor:
    """The scores of the first piece as a function of the encoder's states, with nothing of the library's."""
    decoder, states_SH = model.decoder, torch.stack(states)
    cell = decoder.cells[0]
    begun = torch.tanh(decoder.bridge.weight @ states_SH[-1] + decoder.bridge.bias)
    given = torch.cat([model.target_VE[BOS], torch.zeros_like(begun)])  # nothing was fed yet
    hidden = torch.tanh(cell.input.weight @ given + cell.input.bias + cell.hidden.weight @ begun + cell.hidden.bias)
    parts = [hidden, (states_SH @ hidden).softmax(0) @ states_SH] if decoder.attends else [hidden]
    features = (
        torch.tanh(decoder.readout.weight @ torch.cat(parts) + decoder.readout.bias) if decoder.readout else hidden
    )
    output = model.output
    made: Tensor = output.weight_VE @ (output.projection.weight @ features) + output.bias_V
    return made


@pytest.mark.parametrize("attention", ["none", "dot"])
def test_five_steps_by_hand(attention: str) -> None:
    """d output / d h_t is what the output takes of h_t itself, and what h_t+1 takes of it through its Jacobian."""
    model = toy(*PLAIN, "model.decoder.state=last", f"model.attention.name={attention}")
    found = gradients.norms(model, SOURCES, TARGETS, BOS)
    assert len(found) == 5
    cell = model.encoder.layers[0][0]
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        hidden, states = torch.zeros(WIDTH, dtype=torch.float64), list[Tensor]()
        for piece in source:
            read = cell.input.weight @ model.source_VE[piece] + cell.input.bias
            hidden = torch.tanh(read + cell.hidden.weight @ hidden + cell.hidden.bias).detach().requires_grad_()
            states.append(hidden)
        direct = torch.autograd.grad(logits(model, states)[target], states, allow_unused=True)
        total = torch.zeros(WIDTH, dtype=torch.float64)
        for steps in range(5):
            if steps:  # of h' = tanh(W x + U h + b) the Jacobian is diag(1 - h' h') U
                total = cell.hidden.weight.T @ ((1 - states[-steps] ** 2) * total)
            grad = direct[-1 - steps]
            total = total + (0 if grad is None else grad)
            assert found[steps][row] == pytest.approx(total.norm().item(), rel=1e-10)


def test_attention_gives_gradients_another_way() -> None:
    """Without attention a state that is held back by small weights is hardly felt; with it, it is."""
    norms = {}
    for attention in ("none", "dot"):
        model = toy(*PLAIN, "model.decoder.state=last", f"model.attention.name={attention}")
        with torch.no_grad():
            model.encoder.layers[0][0].hidden.weight.mul_(1e-3)
        norms[attention] = gradients.norms(model, SOURCES, TARGETS, BOS)[4][0]
    assert norms["none"] < 1e-9
    assert norms["dot"] > 1e-3


@pytest.mark.parametrize(
    "settings",
    [
        ("model.encoder.cell=lstm",),
        (
            "model.encoder.cell=ssru",
            "model.encoder.layers=2",
            "model.encoder.norm=layer",
            "model.encoder.residual=true",
        ),
        ("model.encoder.bidirectional=false", "model.encoder.layers=2", "model.encoder.norm=batch"),
        ("model.encoder.conv=[{kernel = 3, stride = 2, channels = 4}]",),
    ],
)
def test_it_is_the_model_s_own_encoder(settings: tuple[str, ...]) -> None:
    model = toy(*settings)
    packing = Packing(np.full(len(SOURCES), SOURCES.shape[1]))
    own = model.encode(SOURCES, packing)
    made, states = gradients.encode(model, SOURCES)
    torch.testing.assert_close(made.states_BSH, own.states_BSH)
    torch.testing.assert_close(made.last_BH, own.last_BH)
    assert len(states) == own.states_BSH.shape[1]


def test_medians_by_steps_and_what_is_too_short() -> None:
    model = toy(*PLAIN)
    by_step = gradients.norms(model, SOURCES, TARGETS, BOS)
    found = gradients.by_steps(model.float(), SOURCES.tolist(), TARGETS.tolist(), BOS, [0, 4, 5])
    assert found[0] == pytest.approx(sorted(by_step[0])[1], rel=1e-5)
    assert found[4] == pytest.approx(sorted(by_step[4])[1], rel=1e-5)
    assert found[5] is None


def test_only_a_batch_makes_neighbours_matter() -> None:
    sources = [*SOURCES.tolist(), [3, 5, 7, 9, 11, 13, 2]]
    gradient, neighbours = gradients.between_steps(toy(*PLAIN), sources, [7, 3, 11, 4], BOS, [1, 4, 9])
    assert neighbours["none"] == neighbours["layer"] == 0
    assert neighbours["batch"] > 0.01
    assert set(gradient) == {"none", "layer", "batch"}
    for found in gradient.values():
        assert found[9] is None
        assert found[4] is not None
