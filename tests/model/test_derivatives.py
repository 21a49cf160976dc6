"""What is trained is what is searched with, whichever derivative there is: by hand, by autograd, or a parent's."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from mtkit.model import forms
from mtkit.model.attention.additive import Additive
from mtkit.model.attention.base import Attended, Attention, PastWeights
from mtkit.model.attention.dot import General
from mtkit.model.attention.none import NoAttention
from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.model.cells.gru import GRU
from mtkit.model.cells.ssru import SSRU
from mtkit.model.norm import LayerNorm, has_steps
from mtkit.model.recurrent.decoder import RecurrentState
from mtkit.model.recurrent.wirings.bahdanau import Bahdanau
from mtkit.model.seq2seq import Seq2Seq
from mtkit.model.transformer.decoder import TransformerDecoder
from mtkit.model.transformer.state import TransformerState
from mtkit.registry import CHOICES, Choice
from tests.contract.family import assert_same, batch_of, make, outcome
from tests.contract.toys import ToyAttention, ToyCell

FEEDING = ["input_feeding", "bahdanau", "conditional"]
ALL = [0, 1, 2, 3]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class HalvedGeneral(General):
    """Scores of its own, the steps of its parent's."""

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return super().scores(query_BKA, keys_BSA, bias_BS) / 2


class SharpAdditive(Additive):
    """A parameter more than its parent names, and a prior."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(hidden_dim)
        self.sharpness_1 = nn.Parameter(torch.ones(1))

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return self.sharpness_1 * super().scores(query_BKA, keys_BSA, bias_BS)

    def prior(self, query_BKA: Tensor, bias_BS: Tensor) -> Tensor | None:
        return torch.arange(bias_BS.shape[1]) * query_BKA.mean(2, keepdim=True)


class Mean(Attention):
    """Looks everywhere alike: its scores depend on nothing."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(hidden_dim)

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return keys_BSA.new_zeros(len(query_BKA), 1, query_BKA.shape[1], keys_BSA.shape[1])


class Doubled(General):
    """A forward of its own, the scores of its parent's."""

    def forward(
        self, state_BKH: Tensor, source: Attended, past: PastWeights = ()
    ) -> tuple[Tensor, Tensor, PastWeights]:
        context_BKH, weights_BKS, past = super().forward(state_BKH, source, past)
        return 2 * context_BKH, weights_BKS, past


class HalvedGRU(GRU):
    """A forward of its own, the backward of its parent's."""

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        (h,), saved = super().combine(Gates(gates.input / 2, gates.hidden / 2), state)
        return (h,), saved


class HalvedSSRU(SSRU):
    """The same where the state makes no gates."""

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        return super().combine(Gates(gates.input / 2, gates.hidden), state, out)


class Unfed(Bahdanau):
    """A step of its own, the fast form of its parent's."""

    def step(
        self, x_BKE: Tensor, state: RecurrentState, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, RecurrentState, Tensor]:
        return super().step(x_BKE * 0.5, state, masks)


def model_with(kind: str, cls: type, **keys: Any) -> Seq2Seq:
    """A model whose cell, attention or wiring is of that class."""
    where = {
        "cell": ["encoder__cell", "decoder__cell"],
        "attention": ["attention__name"],
        "wiring": ["decoder__wiring"],
    }
    with mock.patch.dict(CHOICES[kind], {"own": Choice(f"{cls.__module__}:{cls.__name__}", "")}):
        chosen: dict[str, Any] = dict.fromkeys(where[kind], "own")
        return make(**keys, **chosen)


def hold(model: Seq2Seq) -> None:
    """Fast and plain path agree, and search says what training says."""
    batch = batch_of(ALL)
    assert_same(outcome(model, [batch]), outcome(model, [batch], plain=True))
    features_NE, _ = model(batch)
    state, stacked = model.start(batch.source_BS, batch.source_packing), []
    with torch.inference_mode():
        for t in range(batch.target_in_BT.shape[1]):
            logits_BKV, state, _ = model.step(batch.target_in_BT[:, t : t + 1], state)
            stacked.append(logits_BKV.squeeze(1)[batch.target_packing.lengths_B > t])
    logits_NV = features_NE @ model.output.weight_VE.T + model.output.bias_V
    torch.testing.assert_close(logits_NV.detach(), torch.cat(stacked), atol=1e-12, rtol=0)


@pytest.mark.parametrize("wiring", [*FEEDING, "plain"])
@pytest.mark.parametrize("attention", [HalvedGeneral, SharpAdditive, Mean, Doubled, ToyAttention])
def test_an_attention_trains_the_function_that_it_searches_with(attention: type[Attention], wiring: str) -> None:
    assert not attention(8).by_hand() or not attention(8).stepped
    hold(model_with("attention", attention, decoder__wiring=wiring, decoder__layers=2))


@pytest.mark.parametrize("wiring", [*FEEDING, "plain"])
@pytest.mark.parametrize("cell", [HalvedGRU, HalvedSSRU, ToyCell])
def test_a_cell_trains_the_function_that_it_searches_with(cell: type[Cell], wiring: str) -> None:
    assert not cell.by_hand()
    hold(model_with("cell", cell, decoder__wiring=wiring, decoder__layers=2, encoder__layers=2))


def test_a_wiring_trains_the_function_that_it_searches_with() -> None:
    hold(model_with("wiring", Unfed, decoder__layers=2))


def test_no_parameter_of_an_attention_need_be_named() -> None:
    for attention in (SharpAdditive, ToyAttention):
        model = model_with("attention", attention)
        _, gradients = outcome(model, [batch_of(ALL)])
        for name, _ in model.decoder.get_submodule("attention").named_parameters():
            assert gradients[f"decoder.attention.{name}"].abs().sum() > 0, name


def test_a_frozen_parameter_gets_no_gradient() -> None:
    model = model_with("attention", SharpAdditive)
    model.decoder.get_parameter("attention.sharpness_1").requires_grad_(False)
    batch = batch_of(ALL)
    found = outcome(model, [batch])
    assert "decoder.attention.sharpness_1" not in found[1]
    assert_same(found, outcome(model, [batch], plain=True))


@pytest.mark.parametrize("wiring", FEEDING)
def test_validation_keeps_no_graph(wiring: str) -> None:
    """The same numbers as in training, where nothing may have a gradient."""
    keys: dict[str, Any] = {
        "encoder__cell": "toy_cell",
        "decoder__cell": "toy_cell",
        "attention__name": "toy_attention",
    }
    model, batch = make(**keys, decoder__wiring=wiring), batch_of(ALL)
    expected, _ = model(batch)
    with torch.inference_mode():
        features, _ = model(batch)
    assert torch.equal(features, expected)


def test_gradients_in_fp32_are_those_in_float64() -> None:
    """As where C forms run beside what autograd makes."""
    keys: dict[str, Any] = {"encoder__cell": "toy_cell", "decoder__cell": "gru", "attention__name": "toy_attention"}
    wanted = outcome(make(**keys), [batch_of(ALL)])[1]
    torch.set_default_dtype(torch.float32)
    model = make(**keys)
    torch.set_default_dtype(torch.float64)
    exact = dict(make(**keys).named_parameters())
    torch.set_default_dtype(torch.float32)
    for name, parameter in model.named_parameters():
        parameter.data.copy_(exact[name].data)
    for name, gradient in outcome(model, [batch_of(ALL)])[1].items():
        torch.testing.assert_close(gradient, wanted[name].float(), atol=1e-4, rtol=1e-3)


def test_a_cell_that_overrides_its_step_is_refused() -> None:
    with pytest.raises(TypeError, match="Own overrides Cell.step, which training does not go by: override combine"):
        type("Own", (GRU,), {"step": lambda self, x, state: (x, state)})


def test_what_has_no_form_by_steps_says_so() -> None:
    assert General(8).stepped
    assert not General(8, coverage=True).stepped
    assert not Doubled(8).stepped
    assert NoAttention(8).stepped
    with pytest.raises(TypeError, match="Mean has no backward by hand"):
        Mean(8).score_steps(torch.zeros(1, 2, 8), torch.zeros(1, 2), 3, ())
    with pytest.raises(TypeError, match="ToyCell has no backward by hand"):
        ToyCell.combine_backward((), (), (), Gates(torch.zeros(1), torch.zeros(1)))


class Reversed(LayerNorm):
    """A function of its own, the steps of its parent's."""

    def forward(self, x: Tensor) -> Tensor:
        return -super().forward(x)


def test_a_norm_without_steps_takes_the_plain_path() -> None:
    assert has_steps(LayerNorm(8))
    assert has_steps(nn.Identity())
    assert not has_steps(nn.LayerNorm(8, eps=1e-3))
    assert not has_steps(nn.Tanh())
    makers: list[Callable[[], nn.Module]] = [lambda: Reversed(8), nn.Tanh]
    for made in makers:
        model = make(decoder__layers=2)
        model.decoder.norms = nn.ModuleList(made() for _ in range(2))
        hold(model)


def test_a_fast_form_fits_what_it_was_written_for() -> None:
    class Parent:
        def plain(self) -> None: ...
        def fast(self) -> None: ...

    class Both(Parent):
        def plain(self) -> None: ...
        def fast(self) -> None: ...

    assert forms.fits(Parent, "fast", "plain")
    assert forms.fits(Both, "fast", "plain")
    assert forms.fits(type("Fast", (Parent,), {"fast": None}), "fast", "plain")
    assert not forms.fits(type("Plain", (Parent,), {"plain": None}), "fast", "plain")
    assert forms.fits(type("Child", (Both,), {}), "fast", "plain")
    assert not forms.fits(type("Two", (Parent,), {"other": None}), "fast", "plain", "other")


class Pointless(TransformerDecoder):
    """A step of its own, the forward of its parent's."""

    def step(self, x_BKE: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState, Tensor]:
        return super().step(x_BKE * 0.5, state)


def test_a_transformer_trains_the_function_that_it_searches_with() -> None:
    facts = CHOICES["decoder"]["transformer"]
    keys: dict[str, Any] = {"decoder__name": "transformer", "decoder__layers": 2}
    assert make(**keys).decoder.is_fast()
    own = facts._replace(where=f"{__name__}:Pointless")
    with mock.patch.dict(CHOICES["decoder"], {"transformer": own}):
        model = make(**keys)
    assert not model.decoder.is_fast()
    hold(model)
