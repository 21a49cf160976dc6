"""What is seen inside a model is what the model computes, and looking changes nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtkit.corpus.batch import Batcher
from mtkit.model.attention.dot import Dot
from mtkit.model.build import build
from mtkit.model.cells.base import Gates, Saved, State
from mtkit.model.cells.gru import GRU
from mtkit.model.convolution import Convolution
from mtkit.model.inside import inside, saliency
from mtkit.model.recurrent.decoder import RecurrentDecoder
from mtkit.model.seq2seq import Seq2Seq
from mtkit.model.transformer.blocks import SelfAttention
from mtkit.ops.packing import Packing
from mtkit.registry import CHOICES
from mtkit.schema import Model

BOS, EOS, VOCAB = 1, 2, 12
SOURCE, TARGET = [5, 9, 3, 11, 4], [7, 4, 10]
ROWS = [BOS, *TARGET]
CONV = {"encoder": {"conv": [{"kernel": 3, "stride": 2, "channels": 6}]}}
TWO = {"encoder": {"name": "transformer", "layers": 2, "heads": 2}, "decoder": {"name": "transformer", "layers": 2}}
EACH: dict[str, dict[str, Any]] = {
    f"{name} {wiring}": {"attention": {"name": name}, "decoder": {"wiring": wiring, "layers": 2}}
    for name in CHOICES["attention"]
    for wiring in CHOICES["wiring"]
    if name != "none"
}
HEADS = {"gru": 1, "heads": 2, "transformer": 4}
MODELS: dict[str, dict[str, Any]] = EACH | {
    "gru": {"decoder": {"wiring": "conditional"}},
    "heads": {"attention": {"name": "multihead", "heads": 2}, "decoder": {"wiring": "input_feeding", "cell": "lstm"}},
    "coverage": {"attention": {"name": "additive", "coverage": True}, "decoder": {"wiring": "bahdanau"}},
    "local": {"attention": {"name": "local"}, "decoder": {"wiring": "gnmt", "layers": 2}},
    "none": {"attention": {"name": "none"}, "decoder": {"wiring": "plain"}},
    "convolution": CONV,
    "transformer": TWO,
}


def model_of(name: str) -> Seq2Seq:
    torch.manual_seed(1)
    table = {"embed_dim": 4, "hidden_dim": 8, "tie": "none"} | MODELS[name]
    made = build(Model.model_validate(table), VOCAB, VOCAB, shared=False)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.6)
    return made.double().eval()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "none"])
def test_heads_together_are_the_attention_that_the_model_pays(name: str) -> None:
    model = model_of(name)
    seen = inside(model, [*SOURCE, EOS], ROWS)
    packing = Packing(torch.tensor([len(SOURCE) + 1]).numpy())
    with torch.no_grad():
        state = model.start(torch.tensor([[*SOURCE, EOS]]), packing)
        for row, piece in enumerate(ROWS):
            _, state, weights_BKS = model.step(torch.tensor([[piece]]), state)
            last = [one for one in seen.looks if one.kind == "source"][-1]
            torch.testing.assert_close(last.weights_hQS.mean(0)[row], weights_BKS[0, 0])
    for look in seen.looks:
        torch.testing.assert_close(look.weights_hQS.sum(-1), torch.ones_like(look.weights_hQS[..., 0]))
    assert len(seen.fields) == last.weights_hQS.shape[2]
    if name in HEADS:
        assert last.weights_hQS.shape[0] == HEADS[name]


def test_self_attention_is_what_blocks_make_their_contexts_of() -> None:
    model = model_of("transformer")
    said: list[tuple[SelfAttention, Tensor, Tensor]] = []
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.register_forward_hook(lambda m, given, out: said.append((m, given[0], out)))
    seen = inside(model, [*SOURCE, EOS], ROWS)
    looks = [one for one in seen.looks if one.kind != "source"]
    assert [(one.kind, one.layer) for one in looks] == [(k, n) for k in ("encoder", "decoder") for n in (1, 2)]
    for look, (module, x_NH, out_NH) in zip(looks, said, strict=True):
        context_NhD = torch.einsum("hqs,shd->qhd", look.weights_hQS, module.values(x_NH))
        torch.testing.assert_close(module.merge(context_NhD), out_NH)
        if look.kind == "decoder":
            assert not look.weights_hQS.triu(1).any()


@pytest.mark.parametrize("layers", [[(3, 2)], [(4, 3)], [(3, 2), (2, 2)], [(1, 3), (5, 1)]])
@pytest.mark.parametrize("length", [1, 4, 7])
def test_the_field_of_a_state_is_where_its_gradient_is(layers: list[tuple[int, int]], length: int) -> None:
    torch.manual_seed(0)
    convolution = Convolution([(kernel, stride, 3) for kernel, stride in layers], 2, 0.0).double()
    for parameter in convolution.parameters():
        nn.init.uniform_(parameter, 0.1, 1)  # positive, so that no ReLU is shut
    x_NC = torch.rand(length, 2, dtype=torch.float64, requires_grad=True)
    y_NC, _ = convolution(x_NC, Packing(torch.tensor([length]).numpy()))
    fields = convolution.fields(length)
    assert len(fields) == len(y_NC)
    for y_C, (first, last) in zip(y_NC, fields, strict=True):
        (grad_NC,) = torch.autograd.grad(y_C.sum(), x_NC, retain_graph=True)
        seen = grad_NC.abs().sum(1).nonzero().flatten().tolist()
        assert (seen[0], seen[-1]) == (first, last)


@pytest.mark.parametrize("name", ["gru", "coverage", "none", "convolution", "transformer"])
def test_saliency_is_the_derivative_by_differences(name: str) -> None:
    model = model_of(name)
    source, said = [*SOURCE, EOS], [*TARGET, EOS]
    found = saliency(model, source, ROWS, said)
    batch = Batcher(EOS, BOS, EOS)([SOURCE], [TARGET])
    step = 1e-5

    def logprobs() -> Tensor:
        x_NE, pieces_N = model(batch)
        scores_NV = x_NE @ model.output.weight_VE.T + model.output.bias_V
        logprobs_N: Tensor = scores_NV.log_softmax(-1).gather(1, pieces_N.unsqueeze(1)).squeeze(1)
        return logprobs_N

    gradients = torch.zeros(len(said), len(source), 4, dtype=torch.float64)
    with torch.no_grad():
        for place, piece in enumerate(source):  # each stands there once
            for number in range(4):
                model.source_VE[piece, number] += step
                above = logprobs()
                model.source_VE[piece, number] -= 2 * step
                gradients[:, place, number] = (above - logprobs()) / (2 * step)
                model.source_VE[piece, number] += step
    torch.testing.assert_close(found, gradients.norm(dim=-1), rtol=1e-5, atol=1e-8)


def test_norms_are_those_of_states_and_gates() -> None:
    model = model_of("gru")
    assert isinstance(model.decoder, RecurrentDecoder)
    source = torch.tensor([[*SOURCE, EOS]])
    with torch.no_grad():
        memory = model.encode(source, Packing(torch.tensor([source.shape[1]]).numpy()))
        for cell in model.decoder.layers:
            cell.input.bias[8:16] = 1e4  # the update gate: nothing is ever forgotten
    seen = inside(model, [*SOURCE, EOS], ROWS)
    norms = {(one.side, one.where, one.what): one.values for one in seen.norms}
    wide = memory.states_BSH.shape[2] // 2
    for way, part_SH in (("forward", memory.states_BSH[0, :, :wide]), ("backward", memory.states_BSH[0, :, wide:])):
        wanted = (part_SH.norm(dim=-1) / wide**0.5).tolist()
        assert norms["source", f"layer 1, {way}", "state"] == pytest.approx(wanted)
    assert norms["target", "layer 1", "update gate"] == pytest.approx([1.0] * len(ROWS))
    assert norms["target", "layer 1", "state"] == pytest.approx(norms["target", "before attention", "state"])
    assert {one.side for one in seen.norms} == {"source", "target"}


@pytest.mark.parametrize("name", ["heads", "transformer"])
def test_the_model_is_left_as_it_was(name: str) -> None:
    model = model_of(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    inside(model, [*SOURCE, EOS], ROWS)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert "combine" not in vars(module)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_an_attention_that_keeps_its_heads_to_itself_shows_its_mean() -> None:
    model = model_of("gru")

    class Closed(Dot):
        def forward(self, *given: Any) -> Any:
            return super().forward(*given)

    assert isinstance(model.decoder, RecurrentDecoder)
    model.decoder.attention = Closed(8, heads=2).double()
    (look,) = inside(model, [*SOURCE, EOS], ROWS).looks
    model.decoder.attention = Dot(8, heads=2).double()
    (heads,) = inside(model, [*SOURCE, EOS], ROWS).looks
    assert look.mean
    assert not heads.mean
    assert heads.weights_hQS.shape[0] == 2
    torch.testing.assert_close(look.weights_hQS, heads.weights_hQS.mean(0, keepdim=True))


def test_a_cell_with_a_step_of_its_own_shows_its_states_alone() -> None:
    class Other(GRU):
        @classmethod
        def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
            state, _ = super().combine(gates, state, out)
            return state, ()

    model = model_of("gru")
    assert isinstance(model.decoder, RecurrentDecoder)
    model.decoder.cells[0].__class__ = Other
    norms = [one.what for one in inside(model, [*SOURCE, EOS], ROWS).norms if one.where == "layer 1"]
    assert norms == ["state"]
