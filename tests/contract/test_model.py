"""The inner contracts, for every registered cell, attention and wiring: to register is to enrol.

Everything runs in float64, so that a difference is an error and not rounding.
"""

import dataclasses
import gc
import weakref
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from mtkit.corpus.batch import Batch, make_batch
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.registry import CHOICES, resolve
from mtkit.schema import Model
from mtkit.train.loss import cross_entropy

VOCAB, BOS, EOS = 17, 1, 2
SOURCES = [[5, 6, 7, 8], [9], [10, 11, 12, 13, 14, 15], [3, 4]]
TARGETS = [[4, 5], [6, 7, 8, 9, 10], [11], [12, 13, 14, 15]]
CELLS, ATTENTIONS, WIRINGS = (list(CHOICES[kind]) for kind in ("cell", "attention", "wiring"))
FAMILY = [
    {"cell": cell, "attention": attention, "wiring": wiring, "layers": 1 + number % 2, "state": "mean"}
    for number, (cell, attention, wiring) in enumerate(product(CELLS, ATTENTIONS, WIRINGS))
] + [
    {"cell": "gru", "attention": "additive", "wiring": "input_feeding", "layers": 2, "state": "last"},
    {"cell": "lstm", "attention": "additive", "wiring": "plain", "layers": 2, "state": "zeros"},
]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=FAMILY, ids=lambda choice: "-".join(str(value) for value in choice.values()))
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    return make(**request.param)


def make(
    cell: str = "gru",
    attention: str = "additive",
    wiring: str = "input_feeding",
    layers: int = 1,
    state: str = "mean",
    dropout: float = 0.0,
    bidirectional: bool = True,
    tie: str = "auto",
) -> Seq2Seq:
    torch.manual_seed(3)
    table = {
        "embed_dim": 6,
        "hidden_dim": 8,
        "dropout": dropout,
        "tie": tie,
        "encoder": {"cell": cell, "layers": layers, "bidirectional": bidirectional},
        "decoder": {"cell": cell, "layers": layers, "wiring": wiring, "state": state},
        "attention": {"name": attention},
    }
    made = build(Model.model_validate(table), VOCAB, VOCAB, shared=True)
    for parameter in made.parameters():  # biases too must matter
        nn.init.normal_(parameter, std=0.4)
    return made


def batch_of(rows: list[int], padding: int = 0) -> Batch:
    made = make_batch(
        [SOURCES[i] for i in rows], [TARGETS[i] for i in rows], source_eos=EOS, target_bos=BOS, target_eos=EOS
    )

    def pad(x_BL: Tensor) -> Tensor:
        # Other words than those of make_batch, so that a leak of padding would show.
        return torch.cat([x_BL, torch.randint(3, VOCAB, (len(rows), padding))], 1)

    return dataclasses.replace(
        made, source_BS=pad(made.source_BS), target_in_BT=pad(made.target_in_BT), target_out_BT=pad(made.target_out_BT)
    )


def losses_and_gradients(model: Seq2Seq, batches: list[Batch], plain: bool = False) -> tuple[float, dict[str, Tensor]]:
    model.zero_grad()
    total = 0.0
    for batch in batches:
        torch.manual_seed(11)  # the same dropout on both paths
        features, words = model(batch, plain=plain)
        if plain:
            logits = features @ model.output.weight_VE.T + model.output.bias_V
            loss = nn.functional.cross_entropy(logits, words, reduction="sum", label_smoothing=0.1)
        else:
            loss, count = cross_entropy(features, words, model.output.weight_VE, model.output.bias_V, 0.1)
            assert count == batch.target_tokens
        loss.backward()
        total += float(loss.detach())
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return total, gradients


def assert_same(one: tuple[float, dict[str, Tensor]], other: tuple[float, dict[str, Tensor]]) -> None:
    assert one[0] == pytest.approx(other[0], abs=1e-9)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        torch.testing.assert_close(gradient, other[1][name], atol=1e-9, rtol=0, msg=lambda text: f"{name}: {text}")  # noqa: B023


def test_fast_path_equals_autograd_on_the_plain_one(model: Seq2Seq) -> None:
    batch = batch_of([0, 1, 2, 3])
    assert_same(losses_and_gradients(model, [batch]), losses_and_gradients(model, [batch], plain=True))


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_fast_path_equals_autograd_with_dropout(cell: str, wiring: str) -> None:
    model = make(cell=cell, wiring=wiring, layers=3, dropout=0.4).train()
    batch = batch_of([0, 1, 2, 3])
    assert_same(losses_and_gradients(model, [batch]), losses_and_gradients(model, [batch], plain=True))
    without = losses_and_gradients(model.eval(), [batch])
    assert without[0] != pytest.approx(losses_and_gradients(model.train(), [batch])[0], abs=1e-3)


def test_padding_batch_size_and_order_change_nothing(model: Seq2Seq) -> None:
    together = losses_and_gradients(model, [batch_of([0, 1, 2, 3])])
    assert_same(together, losses_and_gradients(model, [batch_of([0, 1, 2, 3], padding=5)]))
    assert_same(together, losses_and_gradients(model, [batch_of([3, 1, 0, 2])]))
    assert_same(together, losses_and_gradients(model, [batch_of([i]) for i in range(4)]))


def test_one_direction_too() -> None:
    model = make(bidirectional=False, state="last")
    together = losses_and_gradients(model, [batch_of([0, 1, 2, 3])])
    assert_same(together, losses_and_gradients(model, [batch_of([0, 1, 2, 3], padding=5)], plain=True))
    assert_same(together, losses_and_gradients(model, [batch_of([i]) for i in range(4)]))


def test_forward_equals_stacked_steps(model: Seq2Seq) -> None:
    batch = batch_of([0, 1, 2, 3])
    features_NE, _ = model(batch)
    logits_NV = features_NE @ model.output.weight_VE.T + model.output.bias_V
    state = model.start(batch.source_BS, batch.source_lengths_B)
    stacked = []
    for t in range(batch.target_in_BT.shape[1]):
        logits_BKV, state, _ = model.step(batch.target_in_BT[:, t : t + 1], state)
        stacked.append(logits_BKV.squeeze(1)[batch.target_lengths_B > t])
    torch.testing.assert_close(logits_NV, torch.cat(stacked), atol=1e-12, rtol=0)


def test_state_is_reordered_and_kept(model: Seq2Seq) -> None:
    """Hypotheses of a sentence go on alone as they do among others, whatever moved between the steps."""
    batch = batch_of([0, 1, 2, 3])
    words_BK = torch.tensor([[3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]])
    parents_BK = torch.tensor([[2, 0, 0], [1, 1, 2], [0, 1, 2], [2, 1, 0]])
    state = model.start(batch.source_BS, batch.source_lengths_B)
    _, state, _ = model.step(torch.full((4, 1), BOS), state)
    _, state, _ = model.step(words_BK, state.reorder(torch.zeros(4, 3, dtype=torch.long)))
    kept = torch.tensor([1, 3])
    logits, _, _ = model.step(words_BK[kept], state.reorder(parents_BK).keep(kept))
    for row, sentence in enumerate((1, 3)):
        for k in range(3):
            alone = batch_of([sentence])
            state = model.start(alone.source_BS, alone.source_lengths_B)
            history = [BOS, int(words_BK[sentence, parents_BK[sentence, k]]), int(words_BK[sentence, k])]
            for word in history:
                expected, state, _ = model.step(torch.tensor([[word]]), state)
            torch.testing.assert_close(logits[row, k], expected[0, 0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", [name for name in ATTENTIONS if name != "none"])
def test_attention_weights_sum_to_one_and_are_zero_on_padding(name: str) -> None:
    model = make(attention=name)
    batch = batch_of([0, 1, 2, 3])
    state = model.start(batch.source_BS, batch.source_lengths_B)
    _, _, weights_BKS = model.step(torch.full((4, 1), BOS), state)
    torch.testing.assert_close(weights_BKS.sum(-1), torch.ones(4, 1), atol=1e-12, rtol=0)
    for weights_S, length in zip(weights_BKS[:, 0], batch.source_lengths_B.tolist(), strict=True):
        assert (weights_S[:length] > 0).all()
        assert (weights_S[length:] == 0).all()


@pytest.mark.parametrize("name", CELLS)
def test_cell_backward_is_the_derivative(name: str) -> None:
    cell = resolve("cell", name)
    H = 5
    torch.manual_seed(1)
    gates = [torch.randn(2, 3, cell.gates * H, requires_grad=True) for _ in range(2)]
    state = tuple(torch.randn(2, 3, H, requires_grad=True) for _ in range(cell.states))
    next_state, saved = cell.combine(*gates, state)
    grads = tuple(torch.randn_like(part) for part in next_state)
    wanted = torch.autograd.grad(next_state, [*gates, *state], grads, allow_unused=True)
    from_input = torch.empty_like(gates[0])
    from_hidden = from_input if cell.adds_gates else torch.empty_like(gates[0])
    past = cell.combine_backward(grads, [part.detach() for part in saved], from_input, from_hidden)
    for got, want in zip([from_input, from_hidden, *past], wanted, strict=True):
        torch.testing.assert_close(torch.zeros(()) if got is None else got, torch.zeros(()) if want is None else want)


def test_an_update_changes_every_parameter(model: Seq2Seq) -> None:
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    losses_and_gradients(model, [batch_of([0, 1, 2, 3])])
    torch.optim.Adam(model.parameters()).step()
    for name, parameter in model.named_parameters():
        unchanged = torch.equal(parameter, before[name])
        # Where scores do not reach the loss (one source position, no attention) there is nothing to learn;
        # a key bias added to every score alike would be such a case, and is none of this family.
        reached = not (name.startswith("decoder.attention") and model.decoder.attention.context_dim == 0)
        assert unchanged != reached, name


@pytest.mark.parametrize("tie", ["none", "inputs", "target", "all"])
def test_tying(tie: str) -> None:
    model = make(tie=tie)
    assert (model.source_VE is model.target_VE) == (tie in ("inputs", "all"))
    assert (model.output.weight_VE is model.target_VE) == (tie in ("target", "all"))
    batch = batch_of([0, 1, 2, 3])
    assert_same(losses_and_gradients(model, [batch]), losses_and_gradients(model, [batch], plain=True))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_what_a_pass_kept_is_let_go_of_at_once(wiring: str) -> None:
    """No cycle of references may hold a batch's tensors until the cycle collector comes."""
    model = make(wiring=wiring, layers=2)
    gc.collect()
    gc.disable()
    try:
        features, words = model(batch_of([0, 1, 2, 3]))
        loss, _ = cross_entropy(features, words, model.output.weight_VE, model.output.bias_V, 0.1)
        watched = weakref.ref(features)
        loss.backward()
        held = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
        del features, words, loss
        assert watched() is None
        for _ in range(5):
            features, words = model(batch_of([0, 1, 2, 3]))
            loss, _ = cross_entropy(features, words, model.output.weight_VE, model.output.bias_V, 0.1)
            loss.backward()
            del features, words, loss
        assert sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()) <= held
    finally:
        gc.enable()
