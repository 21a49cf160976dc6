"""What goes on inside a model while it reads a pair: attention of every head, states and gates, and gradients.

It is seen on a copy with listeners, whose parameters are the model's own: whoever trains or translates pays nothing for
it. Must not know text, nor how it is shown.

Dimensions: S source positions with their end, Q positions that look, T target positions with their end, h heads,
H width.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from mtkit.model import forms
from mtkit.model.attention.base import Attention
from mtkit.model.cells.base import Cell
from mtkit.model.encoder import Memory
from mtkit.model.recurrent.decoder import RecurrentDecoder
from mtkit.model.recurrent.encoder import RecurrentEncoder
from mtkit.model.seq2seq import Seq2Seq
from mtkit.model.transformer import decoder as transformer
from mtkit.model.transformer.blocks import MultiHead, SelfAttention
from mtkit.model.transformer.state import TransformerState
from mtkit.ops.packing import Packing

Kind = Literal["source", "encoder", "decoder"]
"""Who looks at what: the decoder at the source; the encoder, or the decoder, at itself."""
Side = Literal["source", "target"]
COPIES = 16  # of a sentence whose gradients are formed together


@dataclass(frozen=True)
class Looks:
    """Where one attention has looked.

    Attributes:
        layer: from 1.
        weights_hQS: rows sum to one.
        mean: whether that is all that is known of several heads.
    """

    kind: Kind
    layer: int
    weights_hQS: Tensor
    mean: bool = False


@dataclass(frozen=True)
class Norms:
    """The norm of a vector at every position, over the root of its width: 1 where each of its numbers is 1 or -1.

    Attributes:
        side: whose positions they are; of a source those that a convolution leaves.
        where: "layer 1, forward".
        what: "state", "long-term state", or a gate: "update".
    """

    side: Side
    where: str
    what: str
    values: list[float]


@dataclass(frozen=True)
class Inside:
    """What was seen of a pair.

    Attributes:
        fields: of each state of the memory, the first and the last source position that it stands for: one, unless a
            convolution reads several.
        looks: the decoder's at the source come first.
    """

    fields: list[tuple[int, int]]
    looks: list[Looks]
    norms: list[Norms]


def inside(model: Seq2Seq, source: list[int], target: list[int]) -> Inside:
    """Read a pair, teacher-forced, and say what was seen.

    Args:
        source: ids, the end included.
        target: ids that the decoder reads: the beginning of sentence, and all but the end.
    """
    seen = _Listened(copy.deepcopy(model, {id(parameter): parameter for parameter in model.parameters()}))
    with torch.no_grad():
        return seen.read(source, target)


def saliency(model: Seq2Seq, source: list[int], target: list[int], said: list[int]) -> Tensor:
    """How much each source position moves each output: the norm of the gradient of the log-probability of a piece with
    respect to the embedding of a source piece (Simonyan et al. 2014), TS.

    Args:
        source, target: as in `inside`.
        said: ids whose log-probabilities they are: all but the beginning, and the end.
    """
    device, made = model.source_VE.device, []
    for start in range(0, len(said), COPIES):
        # A copy of the sentence for each output, read as far as that one: so one pass backward makes all gradients.
        lengths = np.arange(min(start + COPIES, len(said)), start, -1)
        ids_BS = torch.tensor([source] * len(lengths), device=device)
        packing = Packing(np.full(len(lengths), len(source)), device=device)
        x_NE = embedding(ids_BS.flatten()[packing.cells_N], model.source_VE).detach().requires_grad_()
        target_packing = Packing(lengths, device=device)
        target_BT = torch.tensor(target[: lengths[0]], device=device).repeat(len(lengths), 1)
        y_NE = embedding(target_BT.flatten()[target_packing.cells_N], model.target_VE)
        features_NH = model.decoder(y_NE, target_packing, model.decoder.start(_memory(model, x_NE, packing)))
        logprobs_BV = model.output(target_packing.last(features_NH)).log_softmax(-1)
        wanted_B = torch.tensor([said[length - 1] for length in lengths], device=device)
        total = logprobs_BV.gather(1, wanted_B.unsqueeze(1)).sum()
        (grad_NE,) = torch.autograd.grad(total, x_NE)
        made.append(packing.unpack(grad_NE).norm(dim=-1).flip(0))
    return torch.cat(made)


def _memory(model: Seq2Seq, x_NE: Tensor, packing: Packing, plain: bool = False) -> Memory:
    if model.convolution is not None:
        x_NE, packing = model.convolution(x_NE, packing)
    memory: Memory = model.encoder(x_NE, packing, plain=plain)
    return memory


@dataclass
class _Steps:
    """What a cell has said, step by step."""

    side: Side
    where: str
    backward: bool
    said: dict[str, list[float]] = field(default_factory=dict)

    def norms(self) -> list[Norms]:
        turned = slice(None, None, -1 if self.backward else 1)
        return [Norms(self.side, self.where, what, values[turned]) for what, values in self.said.items()]


class _Listened:
    """A copy of a model that tells what it does; for one pair."""

    def __init__(self, model: Seq2Seq) -> None:
        self.model = model
        self.looks: list[Looks] = []
        self.cells = [self._cell(*one) for one in _cells(model)]
        encoder, decoder = model.encoder, model.decoder
        kinds: dict[Kind, nn.Module] = {"encoder": encoder, "decoder": decoder}
        for kind, side in kinds.items():
            selves = [module for module in side.modules() if isinstance(module, SelfAttention)]
            for layer, one in enumerate(selves, 1):
                one.register_forward_hook(self._self_attention(kind, layer), with_kwargs=True)
        for module in decoder.modules():
            if isinstance(module, Attention) and type(module).forward is Attention.forward:
                module.register_forward_pre_hook(self._attention)

    def read(self, source: list[int], target: list[int]) -> Inside:
        model, device = self.model, self.model.source_VE.device
        packing = Packing(np.array([len(source)]), device=device)
        memory = _memory(model, embedding(torch.tensor(source, device=device), model.source_VE), packing, plain=True)
        y_TE, state = embedding(torch.tensor(target, device=device), model.target_VE), model.decoder.start(memory)
        if isinstance(model.decoder, transformer.TransformerDecoder):
            self._blocks(model.decoder, state)
            model.decoder(y_TE, Packing(np.array([len(target)]), device=device), state)
        else:
            self._step_by_step(y_TE, state)
        norms = [one for steps in self.cells for one in steps.norms()]
        fields = [(place, place) for place in range(len(source))]
        if model.convolution is not None:
            fields = model.convolution.fields(len(source))
        order = {"source": 0, "encoder": 1, "decoder": 2}
        return Inside(fields, sorted(self.looks, key=lambda one: (order[one.kind], one.layer)), norms)

    def _step_by_step(self, y_TE: Tensor, state: Any) -> None:
        means, attended = [], self.model.decoder.attends
        for y_E in y_TE:
            _, state, weights_BKS = self.model.decoder.step(y_E.view(1, 1, -1), state)
            means.append(weights_BKS[0])
        own = [one.weights_hQS for one in self.looks if one.kind == "source"]
        self.looks = [one for one in self.looks if one.kind != "source"]
        if attended:
            together = len(own) == len(means)  # else it is an attention that keeps its heads to itself
            weights_hQS = torch.cat(own, 1) if together else torch.cat(means).unsqueeze(0)
            self.looks.append(Looks("source", 1, weights_hQS, mean=not together))

    def _attention(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        assert isinstance(module, Attention)
        self.looks.append(Looks("source", 1, module.weights_of_heads(*given)[0]))

    def _self_attention(self, kind: Kind, layer: int) -> Callable[..., None]:
        def heard(module: SelfAttention, given: tuple[Any, ...], named: dict[str, Any], _: Tensor) -> None:
            x_NH, _packing, turn = given
            weights_hQS = _weights(turn(module.queries(x_NH)), turn(module.keys(x_NH)), named.get("causal", False))
            self.looks.append(Looks(kind, layer, weights_hQS))

        return heard

    def _blocks(self, decoder: transformer.TransformerDecoder, state: TransformerState) -> None:
        """Listen to the attention of each block, whose queries are made of what its norm says."""
        for layer, (block, (keys_BASD, _)) in enumerate(zip(decoder.blocks, state.memories, strict=True), 1):
            assert isinstance(block, transformer.Block)
            block.attention_norm.register_forward_hook(self._block(block.attention, keys_BASD, layer))

    def _block(self, attention: MultiHead, keys_BASD: Tensor, layer: int) -> Callable[..., None]:
        def heard(_module: nn.Module, _given: Any, x_NH: Tensor) -> None:
            weights_hQS = _weights(attention.queries(x_NH), keys_BASD[0].transpose(0, 1))
            self.looks.append(Looks("source", layer, weights_hQS))

        return heard

    @staticmethod
    def _cell(cell: Cell, side: Side, where: str, backward: bool) -> _Steps:
        steps, combine = _Steps(side, where, backward), cell.combine
        has_names = forms.fits(type(cell), "opened", "combine")

        def heard(*given: Any) -> Any:
            state, saved = combine(*given)
            names = ("state", "long-term state")[: len(state)]
            opened = cell.opened(saved) if has_names else {}
            gates = {f"{name} gate": gate for name, gate in opened.items()}
            for name, x in (dict(zip(names, state, strict=False)) | gates).items():
                steps.said.setdefault(name, []).append(float(x.square().mean().sqrt()))
            return state, saved

        cell.combine = heard  # type: ignore[method-assign, assignment]
        return steps


def _weights(queries_QhD: Tensor, keys_ShD: Tensor, causal: bool = False) -> Tensor:
    """Of scaled dot products, one sentence: weights_hQS."""
    scores_hQS = torch.einsum("qhd,shd->hqs", queries_QhD, keys_ShD) * queries_QhD.shape[-1] ** -0.5
    if causal:
        later_QS = torch.ones(scores_hQS.shape[1:], dtype=torch.bool, device=scores_hQS.device).triu(1)
        scores_hQS = scores_hQS.masked_fill(later_QS, float("-inf"))
    weights_hQS: Tensor = scores_hQS.softmax(-1)
    return weights_hQS


def _cells(model: Seq2Seq) -> list[tuple[Cell, Side, str, bool]]:
    """Every cell of ours with its side, where it stands, and whether it reads from the end."""
    found: list[tuple[Cell, Side, str, bool]] = []
    if isinstance(model.encoder, RecurrentEncoder):
        for layer, directions in enumerate(model.encoder.layers, 1):
            ways = ("forward", "backward") if model.encoder.directions > 1 else ("forward",)
            for cell, way in zip(directions, ways, strict=True):  # type: ignore[call-overload]
                found.append((cell, "source", f"layer {layer}, {way}", way == "backward"))
    if isinstance(model.decoder, RecurrentDecoder):
        layers: dict[int, str] = {id(cell): f"layer {layer}" for layer, cell in enumerate(model.decoder.layers, 1)}
        for cell in model.decoder.modules():
            if isinstance(cell, Cell):
                found.append((cell, "target", layers.get(id(cell), "before attention"), False))
    return found
