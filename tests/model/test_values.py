"""Values against independent references: torch.nn's own layers, and examples worked by hand."""

import math

import pytest
import torch
from torch import nn

from mtkit.model.attention.additive import Additive
from mtkit.model.attention.dot import Dot
from mtkit.model.attention.general import General
from mtkit.model.cells.base import Cell
from mtkit.model.dropout import dropout, mask_like
from mtkit.model.encoder import RecurrentEncoder
from mtkit.registry import resolve

REFERENCES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_encoder_equals_torch_nn_on_packed_sequences(name: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        cell=resolve("cell", name), layers=2, embed_dim=5, hidden_dim=8, bidirectional=bidirectional, dropout=0.0
    )
    width = 8 // encoder.directions
    reference = REFERENCES[name](5, width, num_layers=2, bidirectional=bidirectional)
    for layer, directions in enumerate(encoder.layers):
        for direction, cell in enumerate(directions):
            nn.init.normal_(cell.hidden.bias)
            suffix = f"l{layer}" + ("_reverse" if direction else "")
            for ours, theirs in ((cell.input, "ih"), (cell.hidden, "hh")):
                getattr(reference, f"weight_{theirs}_{suffix}").data.copy_(ours.weight)
                getattr(reference, f"bias_{theirs}_{suffix}").data.copy_(ours.bias)
    lengths = torch.tensor([6, 3, 1, 6])
    x_SBE = torch.randn(6, 4, 5)
    memory = encoder(x_SBE, lengths)
    packed = nn.utils.rnn.pack_padded_sequence(x_SBE, lengths, enforce_sorted=False)
    expected_SBH, last = reference(packed)
    expected_SBH, _ = nn.utils.rnn.pad_packed_sequence(expected_SBH)
    torch.testing.assert_close(memory.states_BSH, expected_SBH.transpose(0, 1), atol=1e-5, rtol=1e-5)
    last_h = last[0] if name == "lstm" else last
    top = torch.cat(list(last_h[-encoder.directions :]), -1)
    torch.testing.assert_close(memory.last_BH, top, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "reference"), [("rnn", nn.RNNCell), ("gru", nn.GRUCell), ("lstm", nn.LSTMCell)])
def test_cells_equal_torch_nn(name: str, reference: type[nn.Module]) -> None:
    torch.manual_seed(0)
    cell: Cell = resolve("cell", name)(3, 4)
    other = reference(3, 4)
    other.load_state_dict(
        {
            "weight_ih": cell.input.weight,
            "weight_hh": cell.hidden.weight,
            "bias_ih": cell.input.bias,
            "bias_hh": cell.hidden.bias,
        }
    )
    x, state = torch.randn(2, 3), tuple(torch.randn(2, 4) for _ in range(cell.states))
    y, next_state = cell.step(x, state)
    expected = other(x, state if name == "lstm" else state[0])
    expected = expected if isinstance(expected, tuple) else (expected,)
    torch.testing.assert_close(y, expected[0])
    for part, wanted in zip(next_state, expected, strict=True):
        torch.testing.assert_close(part, wanted)


def test_initialisation() -> None:
    torch.manual_seed(0)
    lstm = resolve("cell", "lstm")(6, 5)
    for gate in lstm.hidden.weight.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(5), atol=1e-5, rtol=0)
    assert lstm.input.bias.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10  # the forget gate starts open


def look(
    attention: nn.Module, query: list[float], memory: list[list[float]], real: int
) -> tuple[list[float], list[float]]:
    memory_BSH = torch.tensor([memory])
    bias_BS = torch.tensor([[0.0] * real + [-math.inf] * (len(memory) - real)])
    with torch.no_grad():
        keys_BSA = attention.keys(memory_BSH)  # type: ignore[operator]
        context, weights = attention(torch.tensor([[query]]), memory_BSH, keys_BSA, bias_BS)
    return context[0, 0].tolist(), weights[0, 0].tolist()


MEMORY = [[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]  # the last one is padding


def by_hand(scores: list[float]) -> tuple[list[float], list[float]]:
    total = sum(math.exp(score) for score in scores)
    weights = [math.exp(score) / total for score in scores]
    return [weights[0] * 1.0, weights[1] * 2.0], [*weights, 0.0]


def test_dot_by_hand() -> None:
    context, weights = look(Dot(2), [0.5, -0.25], MEMORY, real=2)
    expected_context, expected_weights = by_hand([0.5, -0.5])
    assert weights == pytest.approx(expected_weights)
    assert context == pytest.approx(expected_context)


def test_general_by_hand() -> None:
    attention = General(2)
    attention.key.weight.data.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))  # W [1, 0] = [0, 2]; W [0, 2] = [2, 0]
    _, weights = look(attention, [0.5, -0.25], MEMORY, real=2)
    assert weights == pytest.approx(by_hand([-0.5, 1.0])[1])


def test_additive_by_hand() -> None:
    attention = Additive(2)
    attention.key.weight.data.copy_(torch.eye(2))
    attention.key.bias.data.copy_(torch.tensor([0.1, 0.0]))
    assert attention.query_weight is not None
    attention.query_weight.data.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))  # W [0.5, -0.25] = [-0.25, 0.5]
    attention.energy_A.data.copy_(torch.tensor([2.0, -1.0]))
    _, weights = look(attention, [0.5, -0.25], MEMORY, real=2)
    first = 2 * math.tanh(1 + 0.1 - 0.25) - math.tanh(0 + 0.5)
    second = 2 * math.tanh(0 + 0.1 - 0.25) - math.tanh(2 + 0.5)
    assert weights == pytest.approx(by_hand([first, second])[1], abs=1e-6)


def test_dropout_keeps_the_mean_and_follows_the_seed() -> None:
    x = torch.ones(400, 500)
    torch.manual_seed(5)
    dropped = dropout(x, 0.3)
    assert sorted(set(dropped.unique().tolist())) == pytest.approx([0.0, 1 / 0.7], abs=1e-4)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    torch.manual_seed(5)
    assert torch.equal(dropout(x, 0.3), dropped)
    assert not torch.equal(dropout(x, 0.3), dropped)
    assert dropout(x, 0.3, training=False) is x
    assert mask_like(x.double(), 0.5).dtype == torch.float64
