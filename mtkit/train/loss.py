"""Cross-entropy with label smoothing, fused with the output layer."""

import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.model import native
from mtkit.model.products import operand, outer
from mtkit.model.seq2seq import Seq2Seq

CHUNK_NUMBERS = 1 << 22  # logits at once (16 MB of fp32): large enough for products near the machine's peak


def batch_loss(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, int]:
    """The summed loss of a batch and its count of target tokens."""
    features_NE, words_N = model(batch)
    return cross_entropy(features_NE, words_N, model.output.weight_VE, model.output.bias_V, label_smoothing)


def cross_entropy(
    features_NE: Tensor, words_N: Tensor, weight_VE: Tensor, bias_V: Tensor, label_smoothing: float = 0.0
) -> tuple[Tensor, int]:
    """The summed loss of predicting words, and how many there are; whoever calls normalises, once.

    The sum is that of torch.nn.functional.cross_entropy over features @ weightᵀ + bias (smoothing of Szegedy et
    al. 2016, over the whole vocabulary), but never holds the logits of more than a chunk: since the loss is a
    sum, the gradient of a chunk is known as soon as its loss is.
    """
    # Asked here: parameters want a gradient even where none is made, and inside forward none ever is.
    wanted = torch.is_grad_enabled()
    total: Tensor = _Chunked.apply(features_NE, words_N, weight_VE, bias_V, label_smoothing, wanted)  # type: ignore[no-untyped-call]
    return total, len(words_N)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features_NE, words_N, weight_VE, bias_V, smoothing, wanted):  # type: ignore[no-untyped-def]
        N, V = len(words_N), len(bias_V)
        wanted = wanted and any(ctx.needs_input_grad)
        weight = operand(weight_VE)
        total = features_NE.new_zeros(())
        if wanted:
            grad_features = torch.empty_like(features_NE)
            grad_weight = torch.zeros_like(weight_VE)
            grad_bias = torch.zeros_like(bias_V)
        rows = max(1, min(N, CHUNK_NUMBERS // V))
        logits_nV = features_NE.new_empty(rows, V)
        for start in range(0, N, rows):
            chunk = slice(start, start + rows)
            features, words = features_NE[chunk], words_N[chunk]
            logits = weight.times(features, out=logits_nV[: len(words)])
            total += softmax_loss(logits, bias_V, words, smoothing, grad_bias if wanted else None)
            if wanted:
                weight.back(logits, out=grad_features[chunk])
                outer(logits, features, onto=grad_weight)
        if wanted:
            ctx.grads = (grad_features, grad_weight, grad_bias)
        return total

    @staticmethod
    def backward(ctx, grad_total):  # type: ignore[no-untyped-def]
        grads, ctx.grads = ctx.grads, None
        grad_features, grad_weight, grad_bias = (grad.mul_(grad_total) for grad in grads)
        return grad_features, None, grad_weight, grad_bias, None, None


def softmax_loss(
    logits_NV: Tensor, bias_V: Tensor, words_N: Tensor, smoothing: float, grad_bias_V: Tensor | None
) -> Tensor:
    """The summed loss of words.

    Args:
        logits_NV: without the bias; in their place stands, afterwards, the gradient (or, without grad_bias_V, nothing
            of use).
        grad_bias_V: its sum over N is added to this.
    """
    if native.fits(logits_NV):
        return native.elementwise.softmax_loss(logits_NV, bias_V, words_N, smoothing, grad_bias_V)
    V, words_N1 = logits_NV.shape[1], words_N.unsqueeze(1)
    log_p = torch.log_softmax(logits_NV.add_(bias_V), -1, out=logits_NV)
    loss = -(1 - smoothing) * log_p.gather(1, words_N1).sum()
    if smoothing:
        loss -= smoothing / V * log_p.sum()
    if grad_bias_V is not None:
        grad = log_p.exp_()  # softmax minus the smoothed target
        if smoothing:
            grad -= smoothing / V
        grad.scatter_add_(1, words_N1, grad.new_full((1, 1), smoothing - 1).expand_as(words_N1))
        grad_bias_V += grad.sum(0)
    return loss
