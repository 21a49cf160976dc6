"""Values against independent references: torch.nn's own layers, and examples worked by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mtkit.model.attention.additive import Additive
from mtkit.model.attention.base import Attended, Attention
from mtkit.model.attention.dot import Dot, General, MultiHead, ScaledDot
from mtkit.model.attention.local import Local
from mtkit.model.attention.location import Location
from mtkit.model.cells.base import Cell
from mtkit.model.norm import BatchNorm
from mtkit.model.recurrent.encoder import RecurrentEncoder
from mtkit.ops.dropout import mask_like, packed_mask
from mtkit.ops.packing import Packing
from mtkit.ops.passes import stacked
from mtkit.registry import resolve

REFERENCES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_encoder_equals_torch_nn_on_packed_sequences(name: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        cell=resolve("cell", name),
        layers=2,
        embed_dim=5,
        hidden_dim=8,
        bidirectional=bidirectional,
        dropout=0.0,
        variational=False,
        residual=False,
        norm=resolve("norm", "none"),
    )
    width = 8 // encoder.directions
    reference = REFERENCES[name](5, width, num_layers=2, bidirectional=bidirectional)
    layers: Any = encoder.layers
    for layer, directions in enumerate(layers):
        for direction, cell in enumerate(directions):
            nn.init.normal_(cell.hidden.bias)
            suffix = f"l{layer}" + ("_reverse" if direction else "")
            for ours, theirs in ((cell.input, "ih"), (cell.hidden, "hh")):
                getattr(reference, f"weight_{theirs}_{suffix}").data.copy_(ours.weight)
                getattr(reference, f"bias_{theirs}_{suffix}").data.copy_(ours.bias)
    lengths = [6, 3, 1, 6]
    x_SBE = torch.randn(6, 4, 5)
    packing = Packing(np.array(lengths))
    memory = encoder(packing.pack(x_SBE.transpose(0, 1)), packing)
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
    assert cell.hidden is not None
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


def test_cells_by_hand() -> None:
    """Cells that torch.nn has not, one unit wide: input 2, last states 0.5 and 0.3, worked out with a calculator."""
    x, half = torch.tensor([[2.0]]), torch.tensor([[0.5]])

    def made(name: str, *weights: float) -> Cell:
        cell: Cell = resolve("cell", name)(1, 1)
        cell.input.weight.data.copy_(torch.tensor(weights).unsqueeze(1))
        if cell.hidden is not None:
            nn.init.constant_(cell.hidden.weight, 0.1)
        nn.init.zeros_(cell.input.bias)
        return cell

    relu = made("rnn_relu", 1.5)
    assert relu.hidden is not None
    nn.init.constant_(relu.hidden.bias, -0.2)
    assert relu.step(x, (half,))[0].item() == pytest.approx(3.0 + 0.05 - 0.2)
    assert relu.step(-x, (half,))[0].item() == 0.0
    ssru = made("ssru", 0.25, -0.6)  # f = sigmoid(0.5) = 0.622459; c = f 0.3 + (1 - f) (-1.2)
    y, (_, c) = ssru.step(x, (half, torch.tensor([[0.3]])))
    assert c.item() == pytest.approx(0.622459 * 0.3 - 0.377541 * 1.2, abs=2e-6)
    assert y.item() == 0.0
    y, (_, c) = ssru.step(x, (half, torch.tensor([[2.0]])))
    assert y.item() == c.item() == pytest.approx(0.622459 * 2.0 - 0.377541 * 1.2, abs=2e-6)


@pytest.mark.parametrize("name", ["gru_ln", "lstm_ln"])
def test_layer_norm_cells_are_the_plain_ones_on_normalised_gates(name: str) -> None:
    """torch.nn.LayerNorm a gate, then the cell's published equations, written out anew."""
    torch.manual_seed(0)
    H = 6
    cell: Cell = resolve("cell", name)(4, H)
    for parameter in cell.parameters():
        nn.init.normal_(parameter)
    input_gain, hidden_gain, shift, *long = cell.extras()
    x, h, c = torch.randn(3, 4), torch.randn(3, H), torch.randn(3, H)
    assert cell.hidden is not None

    def gates(values: torch.Tensor, gain: torch.Tensor) -> list[torch.Tensor]:
        parts = values.chunk(cell.gates, -1)
        return [nn.functional.layer_norm(part, [H]) * g for part, g in zip(parts, gain.chunk(cell.gates), strict=True)]

    shifts = shift.chunk(cell.gates)
    given = [part + s for part, s in zip(gates(x @ cell.input.weight.T, input_gain), shifts, strict=True)]
    of_state = gates(h @ cell.hidden.weight.T, hidden_gain)
    if name == "gru_ln":
        r, z = ((given[i] + of_state[i]).sigmoid() for i in (0, 1))
        n = (given[2] + r * of_state[2]).tanh()
        wanted = [(1 - z) * n + z * h]
        y, state = cell.step(x, (h,))
    else:
        i, f, g, o = (a + b for a, b in zip(given, of_state, strict=True))
        long_term = f.sigmoid() * c + i.sigmoid() * g.tanh()
        read = nn.functional.layer_norm(long_term, [H], long[0], long[1])
        wanted = [o.sigmoid() * read.tanh(), long_term]
        y, state = cell.step(x, (h, c))
    torch.testing.assert_close(y, wanted[0])
    for part, expected in zip(state, wanted, strict=True):
        torch.testing.assert_close(part, expected)


def look(
    attention: Attention,
    query: list[float],
    memory: list[list[float]],
    real: int,
    past: list[list[float]] | None = None,
) -> tuple[list[float], list[float]]:
    memory_BSH = torch.tensor([memory])
    bias_BS = torch.tensor([[0.0] * real + [-math.inf] * (len(memory) - real)])
    remembered = () if past is None else tuple(torch.tensor([[weights]]) for weights in past)
    with torch.no_grad():
        source = Attended(attention.values(memory_BSH), attention.keys(memory_BSH), bias_BS)
        context, weights, _ = attention(torch.tensor([[query]]), source, remembered)
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
    assert attention.query is not None
    attention.query.weight.data.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))  # W [0.5, -0.25] = [-0.25, 0.5]
    attention.energy_A.data.copy_(torch.tensor([2.0, -1.0]))
    _, weights = look(attention, [0.5, -0.25], MEMORY, real=2)
    first = 2 * math.tanh(1 + 0.1 - 0.25) - math.tanh(0 + 0.5)
    second = 2 * math.tanh(0 + 0.1 - 0.25) - math.tanh(2 + 0.5)
    assert weights == pytest.approx(by_hand([first, second])[1], abs=1e-6)


def test_scaled_dot_by_hand() -> None:
    attention = ScaledDot(2)
    assert attention.query is not None
    attention.query.weight.data.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))  # W [0.5, -0.25] = [-0.25, 0.5]
    attention.key.weight.data.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
    _, weights = look(attention, [0.5, -0.25], MEMORY, real=2)
    assert weights == pytest.approx(by_hand([1.0 / math.sqrt(2), -0.5 / math.sqrt(2)])[1])


def test_several_heads_are_several_attentions() -> None:
    """Each head sees its own half of query, keys and values; the weights shown are their mean."""
    attention = MultiHead(4, heads=2)
    assert attention.query is not None
    for layer in (attention.query, attention.key, attention.value):
        layer.weight.data.copy_(torch.eye(4))
    nn.init.zeros_(attention.value.bias)
    memory = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 2.0, 0.0], [9.0, 9.0, 9.0, 9.0]]
    context, weights = look(attention, [1.0, 0.0, 0.0, 3.0], memory, real=2)
    first = 1 / (1 + math.exp(-1 / math.sqrt(2)))  # scores 1 and 0
    second = 1 / (1 + math.exp(-3 / math.sqrt(2)))  # scores 3 and 0
    assert weights == pytest.approx([(first + second) / 2, 1 - (first + second) / 2, 0.0])
    assert context == pytest.approx([first, 1 - first, 2 * (1 - second), second])


def test_local_by_hand() -> None:
    attention = Local(2, window=4)  # a deviation of 2
    attention.key.weight.data.copy_(torch.eye(2))
    attention.position.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    attention.place_A.data.copy_(torch.tensor([3.0, 7.0]))
    center = 2 / (1 + math.exp(-3 * math.tanh(0.5)))  # two real positions
    _, weights = look(attention, [0.5, -0.25], MEMORY, real=2)
    scores = [0.5 - center**2 / 8, -0.5 - (1 - center) ** 2 / 8]
    assert weights == pytest.approx(by_hand(scores)[1], abs=1e-6)


def test_location_by_hand() -> None:
    """Additive attention with nothing but the last weights to go by: the filter looks one position back."""
    attention = Location(2, window=3)
    for parameter in attention.parameters():
        nn.init.zeros_(parameter)
    attention.filter.weight.data[0, 0] = torch.tensor([1.0, 0.0, 0.0])
    attention.location.weight.data[0, 0] = 1.0
    attention.energy_A.data.copy_(torch.tensor([2.0, 0.0]))
    _, weights = look(attention, [0.0, 0.0], [[1.0, 1.0]] * 4, real=3, past=[[0.1, 0.7, 0.2, 0.0], [0.0] * 4])
    scores = [2 * math.tanh(value) for value in (0.0, 0.1, 0.7)]
    total = sum(map(math.exp, scores))
    assert weights == pytest.approx([*(math.exp(score) / total for score in scores), 0.0], abs=1e-6)


def test_coverage_by_hand() -> None:
    """Keys move along a learned direction by the sum of past weights."""
    attention = Dot(2, coverage=True)
    assert attention.coverage_A is not None
    attention.coverage_A.data.copy_(torch.tensor([-2.0, 1.0]))
    _, weights = look(attention, [0.5, -0.25], MEMORY, real=2, past=[[0.0, 0.0, 0.0], [1.5, 0.25, 0.0]])
    direction = 0.5 * -2.0 + -0.25 * 1.0
    assert weights == pytest.approx(by_hand([0.5 + 1.5 * direction, -0.5 + 0.25 * direction])[1])


def test_attention_remembers_its_weights() -> None:
    attention = Dot(2, coverage=True)
    source = Attended(torch.randn(1, 3, 2), torch.randn(1, 3, 2), torch.zeros(1, 3))
    past, seen = attention.start(source), torch.zeros(1, 1, 3)
    for _ in range(3):
        _, weights, past = attention(torch.randn(1, 1, 2), source, past)
        seen = seen + weights
        torch.testing.assert_close(past[0], weights)
        torch.testing.assert_close(past[1], seen)


def test_batch_norm_equals_torch_nn() -> None:
    torch.manual_seed(0)
    ours, theirs = BatchNorm(4), nn.BatchNorm1d(4, eps=1e-5, momentum=0.1)
    for _ in range(3):
        x = torch.randn(7, 4) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean_H, theirs.running_mean)
    torch.testing.assert_close(ours.running_variance_H, theirs.running_var)
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x.view(6, 4)).view(2, 3, 4))
    before = ours.train().running_mean_H.clone()
    assert ours(x[0, :1]).isfinite().all()  # one position alone: it has no variance
    assert torch.equal(ours.running_mean_H, before)


def test_dropout_keeps_the_mean_and_follows_the_seed() -> None:
    x = torch.ones(400, 500)
    torch.manual_seed(5)
    mask = mask_like(x, 0.3)
    assert sorted(set(mask.unique().tolist())) == pytest.approx([0.0, 1 / 0.7], abs=1e-4)
    assert float((mask == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.01)
    torch.manual_seed(5)
    assert torch.equal(mask_like(x, 0.3), mask)
    assert not torch.equal(mask_like(x, 0.3), mask)
    assert mask_like(x.double(), 0.5).dtype == torch.float64


def test_variational_dropout_has_one_mask_a_sequence() -> None:
    packing = Packing(np.array([5, 2, 4]))
    torch.manual_seed(5)
    varied = packing.unpack(packed_mask(torch.zeros(1), 64, 0.5, packing, variational=True))
    for sentence, length in zip(varied, packing.lengths.tolist(), strict=True):
        assert (sentence[:length] == sentence[0]).all()
    assert not torch.equal(varied[0, 0], varied[1, 0])
    each = packing.unpack(packed_mask(torch.zeros(1), 64, 0.5, packing, variational=False))
    assert not torch.equal(each[0, 0], each[0, 1])


def test_rows_that_lie_together_are_not_copied() -> None:
    """Only those of one storage: two that happen to touch are not one tensor."""
    buffer = torch.arange(24.0).view(6, 4)
    parts = [buffer[:3], buffer[3:4], buffer[4:]]
    together = stacked(parts)
    assert torch.equal(together, buffer)
    assert together.data_ptr() == buffer.data_ptr()
    columns = [buffer[:3, 1:3], buffer[3:, 1:3]]
    assert torch.equal(stacked(columns), buffer[:, 1:3])
    with_gap = stacked([buffer[:2], buffer[3:]])
    assert torch.equal(with_gap, torch.cat([buffer[:2], buffer[3:]]))
    memory = bytearray(64)
    touching = [torch.frombuffer(memory, dtype=torch.float32, count=8, offset=at).view(2, 4) for at in (0, 32)]
    assert stacked(touching).shape == (4, 4)
