"""Cross-entropy with label smoothing, fused with the output layer."""

import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.model import products
from mtkit.model.products import product, rounded
from mtkit.model.seq2seq import Seq2Seq

CHUNK_NUMBERS = 1 << 19  # logits at once: small enough to stay in cache (2 MB of fp32)


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
    total: Tensor = _Chunked.apply(features_NE, words_N, weight_VE, bias_V, label_smoothing)  # type: ignore[no-untyped-call]
    return total, len(words_N)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features_NE, words_N, weight_VE, bias_V, smoothing):  # type: ignore[no-untyped-def]
        N, V = len(words_N), len(bias_V)
        wanted = any(ctx.needs_input_grad)
        weight = rounded(weight_VE)
        total = features_NE.new_zeros(())
        if wanted:
            grad_features = torch.empty_like(features_NE)
            grad_weight = torch.zeros_like(weight_VE)
            grad_bias = torch.zeros_like(bias_V)
        rows = max(1, CHUNK_NUMBERS // V)
        for start in range(0, N, rows):
            features, words = features_NE[start : start + rows], words_N[start : start + rows].unsqueeze(1)
            rounded_features = rounded(features)
            logits = product(rounded_features, weight.T) if products._bf16 else torch.addmm(bias_V, features, weight.T)
            if products._bf16:
                logits += bias_V
            log_p = torch.log_softmax(logits, -1, out=logits)
            total -= (1 - smoothing) * log_p.gather(1, words).sum()
            if smoothing:
                total -= smoothing / V * log_p.sum()
            if wanted:
                grad = log_p.exp_()  # softmax minus the smoothed target
                if smoothing:
                    grad -= smoothing / V
                grad.scatter_add_(1, words, grad.new_full((1, 1), smoothing - 1).expand_as(words))
                grad_bias += grad.sum(0)
                grad = rounded(grad)
                grad_features[start : start + rows] = product(grad, weight)
                if products._bf16:
                    grad_weight += product(grad.T, rounded_features)
                else:
                    grad_weight.addmm_(grad.T, features)
        if wanted:
            ctx.grads = (grad_features, grad_weight, grad_bias)
        return total

    @staticmethod
    def backward(ctx, grad_total):  # type: ignore[no-untyped-def]
        grads, ctx.grads = ctx.grads, None
        grad_features, grad_weight, grad_bias = (grad.mul_(grad_total) for grad in grads)
        return grad_features, None, grad_weight, grad_bias, None
