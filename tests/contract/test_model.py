"""The inner contracts, over a pairwise cover of all that is registered: to register is to enrol.

Everything runs in float64, so that a difference is an error and not rounding.
"""

import contextlib
import gc
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtkit.model.build import build
from mtkit.model.cells.base import Gates
from mtkit.model.recurrent.unroll import unroll
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import native
from mtkit.registry import CHOICES, resolve
from mtkit.schema import Model
from mtkit.train.loss import cross_entropy
from tests.contract.family import (
    BOS,
    CELLS,
    FACTORS,
    WIRINGS,
    assert_same,
    batch_of,
    cover,
    make,
    name_of,
    outcome,
    paired,
)

FEEDING = ["input_feeding", "bahdanau", "conditional"]
BY_HAND = [name for name in CHOICES["cell"] if resolve("cell", name).by_hand()]
ALL = [0, 1, 2, 3]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=cover(), ids=name_of)
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    return make(request.param)


def test_the_cover_has_every_pair_that_can_meet() -> None:
    met = set()
    for choice in cover():
        met |= set(itertools.combinations([(key, str(value)) for key, value in choice.items()], 2))
    for cell, wiring in itertools.product(CELLS, WIRINGS):
        assert (("decoder.cell", cell), ("decoder.wiring", wiring)) in met
    for key, values in FACTORS.items():
        for value in values:
            assert any(choice.get(key) == value for choice in cover()), (key, value)
    for encoder, decoder in itertools.product(CHOICES["encoder"], CHOICES["decoder"]):
        assert (("encoder.name", encoder), ("decoder.name", decoder)) in met


def test_fast_path_equals_autograd_on_the_plain_one(model: Seq2Seq) -> None:
    batch = batch_of(ALL)
    assert_same(outcome(model, [batch]), outcome(model, [batch], plain=True))


def test_padding_batch_size_and_order_change_nothing(model: Seq2Seq) -> None:
    together = outcome(model, [batch_of(ALL)])
    assert_same(together, outcome(model, [batch_of(ALL, padding=5)]))
    assert_same(together, outcome(model, [batch_of([3, 1, 0, 2])]))
    assert_same(together, outcome(model, [batch_of([i]) for i in range(4)]))


def test_forward_equals_stacked_steps(model: Seq2Seq) -> None:
    batch = batch_of(ALL)
    features_NE, _ = model(batch)
    logits_NV = features_NE @ model.output.weight_VE.T + model.output.bias_V
    state = model.start(batch.source_BS, batch.source_packing)
    stacked = []
    for t in range(batch.target_in_BT.shape[1]):
        logits_BKV, state, _ = model.step(batch.target_in_BT[:, t : t + 1], state)
        stacked.append(logits_BKV.squeeze(1)[batch.target_packing.lengths_B > t])
    torch.testing.assert_close(logits_NV, torch.cat(stacked), atol=1e-12, rtol=0)


def test_state_is_reordered_and_kept(model: Seq2Seq) -> None:
    """Hypotheses of a sentence go on alone as they do among others, whatever moved between the steps."""
    batch = batch_of(ALL)
    words_BK = torch.tensor([[3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]])
    parents_BK = torch.tensor([[2, 0, 0], [1, 1, 2], [0, 1, 2], [2, 1, 0]])
    state = model.start(batch.source_BS, batch.source_packing)
    _, state, _ = model.step(torch.full((4, 1), BOS), state)
    _, state, _ = model.step(words_BK, state.reorder(torch.zeros(4, 3, dtype=torch.long)))
    kept = torch.tensor([1, 3])
    logits, _, _ = model.step(words_BK[kept], state.reorder(parents_BK).keep(kept))
    for row, sentence in enumerate((1, 3)):
        alone = batch_of([[1, 3, 0, 2][sentence]])  # the longest target comes first
        assert torch.equal(alone.target_in_BT[0, :2], batch.target_in_BT[sentence, :2])
        for k in range(3):
            state = model.start(alone.source_BS, alone.source_packing)
            history = [BOS, int(words_BK[sentence, parents_BK[sentence, k]]), int(words_BK[sentence, k])]
            for word in history:
                expected, state, _ = model.step(torch.tensor([[word]]), state)
            torch.testing.assert_close(logits[row, k], expected[0, 0], atol=1e-12, rtol=0)


def test_attention_weights_sum_to_one_and_are_zero_on_padding(model: Seq2Seq) -> None:
    batch = batch_of(ALL)
    memory = model.encode(batch.source_BS, batch.source_packing)
    state = model.decoder.start(memory)
    for _ in range(2):  # what is remembered of the first step may matter to the second
        _, state, weights_BKS = model.step(torch.full((4, 1), BOS), state)
        sums = torch.full((4, 1), float(model.decoder.attends))
        torch.testing.assert_close(weights_BKS.sum(-1), sums, atol=1e-12, rtol=0)
        for weights_S, length in zip(weights_BKS[:, 0], memory.packing.lengths.tolist(), strict=True):
            assert (weights_S[:length] > 0).all() == model.decoder.attends
            assert (weights_S[length:] == 0).all()


def test_an_update_changes_every_parameter(model: Seq2Seq) -> None:
    """With one of several initial values at least: all rectified units of a layer may be off by chance."""
    still = dict(model.named_parameters())
    for seed in range(3):
        before = {name: parameter.detach().clone() for name, parameter in still.items()}
        outcome(model, [batch_of(ALL)])
        torch.optim.Adam(model.parameters()).step()
        still = {name: parameter for name, parameter in still.items() if torch.equal(parameter, before[name])}
        if not still:
            return
        torch.manual_seed(seed)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.4)
    assert not list(still)


@pytest.mark.parametrize(("cell", "wiring", "norm"), paired(CELLS, WIRINGS, ["none", "layer"]))
def test_fast_path_equals_autograd_with_dropout(cell: str, wiring: str, norm: str) -> None:
    """With layer norm, residual connections and one mask a sequence, too."""
    keys: dict[str, Any] = {"encoder__cell": cell, "decoder__cell": cell, "decoder__wiring": wiring}
    keys |= {"word_dropout": 0.2, "variational": norm == "layer"}
    for side in ("encoder", "decoder"):
        keys |= {f"{side}__norm": norm, f"{side}__residual": norm == "layer", f"{side}__layers": 3}
    model = make(dropout=0.4, **keys).train()
    batch = batch_of(ALL)
    fast = outcome(model, [batch])
    assert_same(fast, outcome(model, [batch], plain=True))
    assert abs(fast[0] - outcome(model.eval(), [batch])[0]) > 1e-3


@pytest.mark.parametrize(
    ("cell", "wiring", "attention"),
    paired(
        ["gru", "lstm", "gru_ln", "lstm_ln", "toy_cell"],
        FEEDING,
        [
            *itertools.product(["additive", "general", "scaled_dot", "multihead"], [1, 2]),
            ("local", 1),
            ("toy_attention", 1),
        ],
    ),
)
def test_what_must_be_fast_is_not_the_plain_path(
    cell: str, wiring: str, attention: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, heads = attention
    keys: dict[str, Any] = {"decoder__wiring": wiring, "attention__name": name, "attention__heads": heads}
    model = make(**keys, encoder__cell=cell, decoder__cell=cell)
    batch = batch_of(ALL)
    plain = outcome(model, [batch], plain=True)
    monkeypatch.setattr(type(model.decoder), "step", None)  # which the plain path goes by
    assert_same(plain, outcome(model, [batch]))


@pytest.mark.parametrize(
    ("cell", "wiring", "attention"), paired(CELLS, WIRINGS, ["additive", "location", "toy_attention"])
)
def test_truncated_gradients(cell: str, wiring: str, attention: str) -> None:
    """Cut each two steps, both paths agree; cut beyond the longest sentence, nothing changes, bit for bit."""
    keys: dict[str, Any] = {
        "encoder__cell": cell,
        "decoder__cell": cell,
        "decoder__wiring": wiring,
        "decoder__layers": 2,
        "attention__name": attention,
    }
    batch = batch_of(ALL)
    whole = outcome(make(**keys), [batch])
    cut = outcome(make(**keys, truncate=2), [batch])
    assert_same(cut, outcome(make(**keys, truncate=2), [batch], plain=True))
    assert cut[0] == whole[0]
    assert any(not torch.equal(cut[1][name], gradient) for name, gradient in whole[1].items())
    uncut = outcome(make(**keys, truncate=8), [batch])
    assert uncut[0] == whole[0]
    assert all(torch.equal(uncut[1][name], gradient) for name, gradient in whole[1].items())


def test_truncation_stops_a_gradient_at_the_cut() -> None:
    """With gradients cut after each step, only the last word of an encoder's sentence moves its last state."""
    model = make(truncate=1, encoder__bidirectional=False)
    x_NE = torch.randn(5, 6, requires_grad=True)
    packing = batch_of([0]).source_packing
    model.encoder(x_NE, packing).last_BH.sum().backward()
    assert x_NE.grad is not None
    assert (x_NE.grad[:-1] == 0).all()
    assert (x_NE.grad[-1] != 0).any()


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_batch_norm_in_training(side: str) -> None:
    """Its statistics are those of real positions: padding and order change nothing, batch-mates do."""
    keys: dict[str, Any] = {f"{side}__norm": "batch", f"{side}__layers": 2}
    model = make(**keys, decoder__wiring="plain").train()
    together = outcome(model, [batch_of(ALL)])
    assert_same(together, outcome(model, [batch_of(ALL, padding=5)]))
    assert_same(together, outcome(model, [batch_of([3, 1, 0, 2])]))
    assert abs(together[0] - outcome(model, [batch_of([i]) for i in range(4)])[0]) > 1e-3


def test_c_forms_equal_torch_in_whole_models() -> None:
    """In fp32, which alone has C forms; the others of these tests are in float64."""
    torch.set_default_dtype(torch.float32)
    for choice in cover():
        found = []
        for forms in (contextlib.nullcontext(), native.off()):
            with forms:
                found.append(outcome(make(choice, truncate=2), [batch_of(ALL)]))
        (loss, gradients), (wanted, expected) = found
        assert abs(loss - wanted) < 1e-4, choice
        for name, gradient in gradients.items():
            scale = 1e-3 + float(expected[name].abs().max())
            assert float((gradient - expected[name]).abs().max()) < 2e-3 * scale, (choice, name)


def test_two_directions_of_an_lstm_may_be_joined_in_any_way() -> None:
    """A C form is given gradients whose rows lie apart."""
    torch.set_default_dtype(torch.float32)
    for name in ("lstm", "lstm_ln"):
        torch.manual_seed(1)
        cells = [resolve("cell", name)(4, 3) for _ in range(2)]
        packing = batch_of(ALL).source_packing
        x_NI = torch.randn(packing.positions, 4, requires_grad=True)
        weight = torch.randn(packing.positions, 6)
        grads: list[Tensor] = []
        for forms in (contextlib.nullcontext(), native.off()):
            with forms:
                zeros = tuple(torch.zeros(2, packing.sentences, 3) for _ in range(2))
                output_DNH = unroll(cells, [x_NI, x_NI], packing, zeros)
                joined = (output_DNH.transpose(0, 1).flatten(1) * weight).sum()
                grads += torch.autograd.grad(joined, x_NI)
        torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-4)


def test_what_has_a_backward_by_hand() -> None:
    assert set(BY_HAND) >= {"rnn", "rnn_relu", "gru", "lstm", "gru_ln", "lstm_ln", "ssru"}
    for name in ("additive", "dot", "scaled_dot", "general", "multihead"):
        assert resolve("attention", name)(8).by_hand(), name


@pytest.mark.parametrize("name", BY_HAND)
def test_cell_backward_is_the_derivative(name: str) -> None:
    cell = resolve("cell", name)
    H = 5
    torch.manual_seed(1)
    gates = [torch.randn(2, 3, cell.gates * H, requires_grad=True) for _ in range(2)]
    state = tuple(torch.randn(2, 3, H, requires_grad=True) for _ in range(cell.states))
    # As where two directions run at once: each has parameters of its own.
    extras = tuple(torch.randn(2, 1, len(extra), requires_grad=True) for extra in cell(4, H).extras())
    next_state, saved = cell.combine(Gates(gates[0], gates[1], extras), state)
    grads = tuple(torch.randn_like(part) for part in next_state)
    wanted = torch.autograd.grad(next_state, [*gates, *state, *extras], grads, allow_unused=True)
    from_input = torch.empty_like(gates[0])
    from_hidden = from_input if cell.adds_gates else torch.empty_like(gates[0])
    grad_extras = [torch.zeros_like(extra) for extra in extras]
    detached = [part.detach() for part in saved]
    with torch.no_grad():
        past = cell.combine_backward(grads, detached, extras, Gates(from_input, from_hidden, grad_extras))
    none = torch.zeros(())
    got_all = [from_input, from_hidden if cell.recurrent else None, *past, *grad_extras]
    for got, want in zip(got_all, wanted, strict=True):
        torch.testing.assert_close(none if got is None else got, none if want is None else want)


@pytest.mark.parametrize("tie", ["none", "inputs", "target", "all"])
def test_tying(tie: str) -> None:
    model = make(tie=tie)
    assert (model.source_VE is model.target_VE) == (tie in ("inputs", "all"))
    assert (model.output.weight_VE is model.target_VE) == (tie in ("target", "all"))


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize(("cell", "attention"), [("gru", "additive"), ("toy_cell", "toy_attention")])
def test_what_a_pass_kept_is_let_go_of_at_once(wiring: str, cell: str, attention: str) -> None:
    """No cycle of references may hold a batch's tensors until the cycle collector comes."""
    keys: dict[str, Any] = {"encoder__cell": cell, "decoder__cell": cell, "attention__name": attention}
    model = make(decoder__wiring=wiring, decoder__layers=2, **keys)

    def update() -> "weakref.ref[Tensor]":
        features, words = model(batch_of(ALL))
        loss, _ = cross_entropy(features, words, model.output.weight_VE, model.output.bias_V, 0.1)
        loss.backward()
        return weakref.ref(features)

    gc.freeze()  # what else there is need not be looked at
    gc.disable()
    try:
        update()
        gc.collect()
        assert update()() is None
        held = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
        for _ in range(5):
            update()
        assert sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()) <= held
    finally:
        gc.enable()
        gc.unfreeze()


def test_dropped_words_get_no_gradient() -> None:
    """A dropped word's embedding gets no gradient, the others' do."""
    model = make(word_dropout=0.5, tie="none").train()
    _, gradients = outcome(model, [batch_of(ALL)])
    seen = {word for row in range(4) for word in batch_of([row]).source_BS.flatten().tolist()}
    moved = set(gradients["source_VE"].abs().sum(1).nonzero().flatten().tolist())
    assert moved < seen
    assert moved


def test_modules_are_initialised_by_config() -> None:
    """Gates are orthogonal from state to state, forget gates start open, all else as `init` says."""
    keys = {"cell": "lstm"}
    for name in CHOICES["init"]:
        model: Any = build(Model.model_validate({"init": name, "encoder": keys, "decoder": keys}), 20, 20, shared=True)
        for gate in model.decoder.cells[0].hidden.weight.chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(512), atol=1e-8, rtol=0)
        bias = model.decoder.cells[0].input.bias
        assert bias[512:1024].eq(1).all()
        assert bias[:512].eq(0).all()
        weight = model.decoder.readout.weight  # 512 x 1024
        bound = {"xavier": (6 / 1536) ** 0.5, "kaiming": (6 / 1024) ** 0.5, "uniform": 0.08}[name]
        assert 0.99 * bound < float(weight.detach().abs().max()) <= bound
    eye: Any = build(Model.model_validate({"recurrent_init": "identity"}), 20, 20, shared=True)
    assert torch.equal(eye.decoder.cells[0].hidden.weight[:512], torch.eye(512))
    assert isinstance(eye.decoder.cells[0].hidden, nn.Linear)
