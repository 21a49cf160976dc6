"""A whole teacher-forced recurrence with feedback as one function with a hand-written backward pass.

Where the attentional vector is fed back, no step can begin before the last has ended. What can be saved is
everything around the step: gates of the embeddings are formed before, weight gradients after, each as one
product over all steps, and no graph of small operations is built. Cells and attentions bring their own lines
(`Cell.combine`, `ScoreSteps`); `RecurrentDecoder.forward_plain` is the reference.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mtkit.model import products
from mtkit.model.attention.base import Attention
from mtkit.model.cells.base import Cell
from mtkit.model.decoder import DecoderState
from mtkit.model.products import added, biased, precision, product, rounded


class Layer(NamedTuple):
    """A recurrent layer's cell and weights; the first has no input bias, since the gates given hold it."""

    cell: type[Cell]
    input_weight: Tensor
    input_bias: Tensor | None
    hidden_weight: Tensor
    hidden_bias: Tensor


def feedback(
    attention: Attention,
    layers: list[Layer],
    combine: nn.Linear,
    gates_TBG: Tensor,
    state: DecoderState,
    masks_TBH: list[Tensor],
) -> Tensor:
    """Attentional vectors TBH of all steps of a decoder with input feeding.

    Args:
        gates_TBG: what embeddings and bias add to the first layer's gates.
        masks_TBH: dropout between layers; empty: none.
    """
    states = [part.squeeze(1) for layer in state.cells for part in layer]
    weights = [tensor for layer in layers for tensor in layer[1:]]
    parameters = [attention.query_weight, *attention.score_parameters()]
    features: Tensor = _Feedback.apply(  # type: ignore[no-untyped-call]
        attention,
        [layer.cell for layer in layers],
        masks_TBH,
        gates_TBG,
        state.memory_BSH,
        state.keys_BSA,
        state.bias_BS,
        state.feed_BKH.squeeze(1),
        combine.weight,
        combine.bias,
        *states,
        *weights,
        *parameters,
    )
    return features


class _Feedback(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, attention, cells, masks_TBH, gates_TBG, memory, keys, bias_BS, feed_BH, combine_weight, combine_bias, *rest
    ):
        T, B, _ = gates_TBG.shape
        H = feed_BH.shape[-1]
        count = sum(cell.states for cell in cells)
        states, weights, parameters = rest[:count], rest[count : count + 4 * len(cells)], rest[count + 4 * len(cells) :]
        layers = [Layer(cell, *weights[4 * i : 4 * i + 4]) for i, cell in enumerate(cells)]
        state = _by_layer(cells, states)
        input_weights = [rounded(layer.input_weight).T.contiguous() for layer in layers]
        hidden_weights = [rounded(layer.hidden_weight).T.contiguous() for layer in layers]
        combine_T = rounded(combine_weight).T.contiguous()
        steps = attention.start(memory, keys, bias_BS, T, list(parameters))

        features = gates_TBG.new_empty(T + 1, B, H)  # [t] is fed to step t
        features[0] = feed_BH
        outputs = [gates_TBG.new_empty(T + 1, B, H) for _ in cells]  # [t] is the hidden state before step t
        for output, initial in zip(outputs, state, strict=True):
            output[0] = initial[0]
        inputs = [features, *(gates_TBG.new_empty(T, B, H) for _ in cells[1:])]
        joined = gates_TBG.new_empty(T, B, combine_weight.shape[1])  # [hidden; context]
        saved = []
        for t in range(T):
            kept_layers = []
            for i, layer in enumerate(layers):
                if i:
                    below_BH = outputs[i - 1][t + 1]
                    inputs[i][t] = below_BH * masks_TBH[i - 1][t] if masks_TBH else below_BH
                base = gates_TBG[t] if layer.input_bias is None else layer.input_bias
                from_input = biased(base, inputs[i][t], input_weights[i])
                from_hidden = biased(layer.hidden_bias, state[i][0], hidden_weights[i])
                state[i], kept = layer.cell.combine(from_input, from_hidden, state[i], out=outputs[i][t + 1])
                kept_layers.append(kept)
            saved.append(kept_layers)
            y_BH = outputs[-1][t + 1]
            torch.cat([y_BH, steps.forward(t, y_BH)], -1, out=joined[t])
            torch.tanh(biased(combine_bias, joined[t], combine_T), out=features[t + 1])
        ctx.cells, ctx.masks_TBH, ctx.bf16 = cells, masks_TBH, products._bf16
        ctx.kept = (steps, features, outputs, inputs, joined, saved)
        ctx.save_for_backward(combine_weight, *weights)
        return features[1:].clone()  # a copy: `features` itself is kept, and an output kept on ctx makes a cycle

    @staticmethod
    def backward(ctx, grad_TBH):  # type: ignore[no-untyped-def]
        cells, masks_TBH = ctx.cells, ctx.masks_TBH
        steps, features, outputs, inputs, joined, saved = ctx.kept
        ctx.kept = None  # let go of as soon as used
        combine_weight, *weights = ctx.saved_tensors
        layers = [Layer(cell, *weights[4 * i : 4 * i + 4]) for i, cell in enumerate(cells)]
        T, B, H = grad_TBH.shape
        with precision("bf16" if ctx.bf16 else "fp32"):
            combine = rounded(combine_weight)
            input_weights = [rounded(layer.input_weight).contiguous() for layer in layers]
            hidden_weights = [rounded(layer.hidden_weight) for layer in layers]
            grad_before_tanh = torch.empty_like(grad_TBH)
            grad_inputs = [grad_TBH.new_empty(T, B, layer.hidden_weight.shape[0]) for layer in layers]
            grad_hiddens = [
                grad if cell.adds_gates else torch.empty_like(grad)
                for cell, grad in zip(cells, grad_inputs, strict=True)
            ]
            grad_states = [[grad_TBH.new_zeros(B, H) for _ in range(cell.states)] for cell in cells]
            grad_feed = grad_TBH.new_zeros(B, H)
            for t in reversed(range(T)):
                before = grad_before_tanh[t]
                torch.ops.aten.tanh_backward.grad_input(grad_TBH[t] + grad_feed, features[t + 1], grad_input=before)
                grad_joined = product(before, combine)
                grad_y = grad_joined[:, :H]
                grad_query = steps.backward(t, grad_joined[:, H:])
                if grad_query is not None:
                    grad_y = grad_y + grad_query
                kept_layers = saved.pop()
                for i in reversed(range(len(layers))):
                    grad_states[i][0] = grad_states[i][0] + grad_y
                    from_input, from_hidden = grad_inputs[i][t], grad_hiddens[i][t]
                    past = cells[i].combine_backward(tuple(grad_states[i]), kept_layers[i], from_input, from_hidden)
                    grad_states[i] = [added(past[0], from_hidden, hidden_weights[i]), *past[1:]]
                    grad_y = product(from_input, input_weights[i])
                    if i and masks_TBH:
                        grad_y = grad_y * masks_TBH[i - 1][t]
                grad_feed = grad_y

            def over_steps(grads_TBX: Tensor, values_TBY: Tensor) -> Tensor:
                return product(grads_TBX.flatten(0, 1).T, values_TBY.flatten(0, 1))

            grad_weights: list[Tensor | None] = []
            for i in range(len(layers)):
                grad_weights += [
                    over_steps(grad_inputs[i], inputs[i][:T]),
                    grad_inputs[i].sum((0, 1)) if i else None,
                    over_steps(grad_hiddens[i], outputs[i][:T]),
                    grad_hiddens[i].sum((0, 1)),
                ]
            grad_combine = over_steps(grad_before_tanh, joined)
            grad_memory, grad_keys, *grad_parameters = steps.finish()
        return (
            *(None, None, None),
            grad_inputs[0],
            *(grad_memory, grad_keys, None, grad_feed),
            *(grad_combine, grad_before_tanh.sum((0, 1))),
            *(grad for layer in grad_states for grad in layer),
            *grad_weights,
            *grad_parameters,
        )


def _by_layer(cells: list[type[Cell]], states: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
    rest = list(states)
    return [tuple(rest.pop(0) for _ in range(cell.states)) for cell in cells]
