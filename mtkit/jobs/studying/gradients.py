"""How far back an output still feels the states of an encoder: the norm of its gradient by steps.

The encoder is gone through step by step under autograd, so that each state of it can be asked for.

Dimensions: B sentences of S positions each, E embedding, H state, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, embedding, layer_norm

from mtkit.model.cells.base import Cell, State
from mtkit.model.encoder import Memory
from mtkit.model.norm import EPSILON, normalised
from mtkit.model.recurrent.encoder import RecurrentEncoder
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.packing import Packing

Norm = Callable[[Tensor], Tensor]
"""What is done to the hidden state between two time steps, BH -> BH."""


def unchanged(state_BH: Tensor) -> Tensor:
    """Nothing between time steps."""
    return state_BH


def by_layer(state_BH: Tensor) -> Tensor:
    """Each state by its own mean and variance."""
    return layer_norm(state_BH, state_BH.shape[1:], eps=EPSILON)


def by_batch(state_BH: Tensor) -> Tensor:
    """Each number by its mean and variance among the sentences of the batch."""
    return batch_norm(state_BH, None, None, training=True, eps=EPSILON)


BETWEEN: dict[str, Norm] = {"none": unchanged, "layer": by_layer, "batch": by_batch}


def encode(model: Seq2Seq, source_BS: Tensor, between: Norm = unchanged) -> tuple[Memory, list[State]]:
    """What the model's own encoder makes of sentences of one length, and each state on the way.

    Returns:
        The memory, and by time step the state of the forward direction of the last layer, tensors BH.
    """
    encoder = model.encoder
    assert isinstance(encoder, RecurrentEncoder), "other encoders are refused with the study's file"
    x_BSE = embedding(source_BS, model.source_VE).detach().requires_grad_()  # a graph from the first state on
    packing = Packing(torch.full((len(source_BS),), source_BS.shape[1]).numpy())
    if model.convolution is not None:
        x_NE, packing = model.convolution(packing.pack(x_BSE), packing)
        x_BSE = packing.unpack(x_NE)
    y_BSH, states = x_BSE, list[State]()
    for number, cells in enumerate(encoder.layers):
        outputs = []
        for direction, cell in enumerate(iter(cells)):  # type: ignore[call-overload]
            steps = _steps(cell, y_BSH.flip(1) if direction else y_BSH, between)
            states = states if direction else steps
            out_BSH = torch.stack([state[0] for state in steps], 1)
            outputs.append(out_BSH.flip(1) if direction else out_BSH)
        joined_BSH = torch.cat(outputs, -1)
        given_BSH = joined_BSH + y_BSH if number and encoder.residual else joined_BSH
        y_BSH = packing.unpack(normalised(encoder.norms[number], packing.pack(given_BSH), packing))
    last_BH = torch.cat([y_BSH[:, -1, : encoder.width], y_BSH[:, 0, encoder.width :]], -1)
    return Memory(y_BSH, last_BH, packing), states


def norms(
    model: Seq2Seq, source_BS: Tensor, target_B: Tensor, bos: int, between: Norm = unchanged
) -> list[list[float]]:
    """The norm of the gradient of one output with respect to each state of the encoder.

    The output is the score of the target's first piece before the softmax, which takes the gradient of whatever is
    certain away. It goes whatever ways lead to a state: from state to state, and through attention.

    Returns:
        By steps before the end, from 0 on, the norm of each sentence.
    """
    memory, states = encode(model, source_BS, between)
    begun_B1E = embedding(torch.full((len(source_BS), 1), bos), model.target_VE)
    features_B1H, _, _ = model.decoder.step(begun_B1E, model.decoder.start(memory))
    output = model.output(features_B1H).squeeze(1).gather(1, target_B.unsqueeze(1)).sum()
    parts = [part for state in states for part in state]
    found = torch.autograd.grad(output, parts, allow_unused=True)
    grads = [torch.zeros_like(part) if grad is None else grad for part, grad in zip(parts, found, strict=True)]
    each = len(states[0])
    rows = [torch.cat(grads[start : start + each], -1).norm(dim=-1) for start in range(0, len(grads), each)]
    return [row.tolist() for row in reversed(rows)]


def by_steps(
    model: Seq2Seq, sources: Sequence[list[int]], targets: Sequence[int], bos: int, steps: Sequence[int]
) -> dict[int, float | None]:
    """The median over sentences of `norms`, in float64, so that what vanishes is seen.

    Args:
        sources: ids with their end.
        targets: the first piece of each target.

    Returns:
        Steps before the end -> norm; None where no source is so long.
    """
    model = model.double().eval()
    found: dict[int, list[float]] = {step: [] for step in steps}
    for source, target in zip(sources, targets, strict=True):  # one by one: their lengths differ
        by_step = norms(model, torch.tensor([source]), torch.tensor([target]), bos)
        for step in steps:
            if step < len(by_step):
                found[step] += by_step[step]
    return {step: _median(values) for step, values in found.items()}


def between_steps(
    model: Seq2Seq, sources: Sequence[list[int]], targets: Sequence[int], bos: int, steps: Sequence[int]
) -> tuple[dict[str, dict[int, float | None]], dict[str, float]]:
    """What each norm between time steps does to gradients, and to a sentence whose neighbours in the batch change.

    Returns:
        Norm -> steps before the end -> norm of the gradient, and norm -> how much the last state of the first sentence
        changes, as a share of its own norm, when the others are read backwards.
    """
    model = model.double().eval()
    length = min(map(len, sources))
    source_BS = torch.tensor([source[-length:] for source in sources])
    turned_BS = torch.cat([source_BS[:1], source_BS[1:].flip(1)])
    gradients, neighbours = {}, {}
    for name, between in BETWEEN.items():
        by_step = norms(model, source_BS, torch.tensor(targets), bos, between)
        gradients[name] = {step: _median(by_step[step]) if step < len(by_step) else None for step in steps}
        with torch.no_grad():
            ends = [encode(model, ids_BS, between)[1][-1][0][0] for ids_BS in (source_BS, turned_BS)]
            neighbours[name] = float((ends[1] - ends[0]).norm() / ends[0].norm())
    return gradients, neighbours


def _steps(cell: Cell, x_BSI: Tensor, between: Norm) -> list[State]:
    """The states of a cell over a sequence, from zeros on."""
    zeros_BH = x_BSI.new_zeros(len(x_BSI), cell.hidden_dim)
    state, made = cell.begin((zeros_BH,) * cell.parts()), []
    for x_BI in x_BSI.unbind(1):
        _, (hidden_BH, *others) = cell.step(x_BI, state)
        state = (between(hidden_BH), *others)
        made.append(state)
    return made


def _median(values: list[float]) -> float | None:
    return float(torch.tensor(values, dtype=torch.float64).median()) if values else None
