"""Cross-entropy with label smoothing, and the agreement of two passes, fused with the output layer."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import native
from mtkit.ops.products import operand, outer
from mtkit.schema import Train

CHUNK_NUMBERS = 1 << 22  # logits at once (16 MB of fp32): large enough for products near the machine's peak


class Twice(NamedTuple):
    """The weights of what is summed over words that two passes predict, one as p and the other as q."""

    loss_p: float
    loss_q: float
    kl_pq: float
    """Of KL(p || q)."""
    kl_qp: float


@dataclass(frozen=True)
class Objective:
    """What training makes small.

    Attributes:
        twice: the weights of two passes; None: there is one.
        cut: see `Seq2Seq.forward`.
    """

    label_smoothing: float = 0.0
    twice: Twice | None = None
    cut: float = 0.0

    @classmethod
    def of(cls, settings: Train) -> "Objective":
        """What a config asks for."""
        weight = settings.consistency_weight
        match settings.consistency:
            case "rdrop":  # half of what Liang et al. (2021) write, so that it is the loss of a word like any other
                return cls(settings.label_smoothing, Twice(0.5, 0.5, weight / 4, weight / 4))
            case "simcut":  # Gao et al. (2022); gradients flow into both passes
                return cls(settings.label_smoothing, Twice(1.0, 0.0, weight, 0.0), settings.cut)
        return cls(settings.label_smoothing)

    @property
    def copies(self) -> int:
        """How often a batch must have each pair."""
        return 2 if self.twice else 1


PLAIN = Objective()


def batch_loss(model: Seq2Seq, batch: Batch, objective: Objective = PLAIN) -> tuple[Tensor, int]:
    """The summed loss of a batch and its count of target tokens."""
    assert batch.copies == objective.copies, "two passes need every pair twice"
    features_NE, words_N = model(batch, cut=objective.cut)
    output = model.output
    return cross_entropy(
        features_NE, words_N, output.weight_VE, output.bias_V, objective.label_smoothing, objective.twice
    )


def cross_entropy(
    features_NE: Tensor,
    words_N: Tensor,
    weight_VE: Tensor,
    bias_V: Tensor,
    label_smoothing: float = 0.0,
    twice: Twice | None = None,
) -> tuple[Tensor, int]:
    """The summed loss of predicting words, and how many there are; whoever calls normalises, once.

    The sum is that of torch.nn.functional.cross_entropy over features @ weightᵀ + bias (smoothing of Szegedy et
    al. 2016, over the whole vocabulary), but never holds the logits of more than a chunk: since the loss is a
    sum, the gradient of a chunk is known as soon as its loss is.

    Args:
        twice: rows 2i and 2i + 1 are two passes over the same word, which counts once.
    """
    # Asked here: parameters want a gradient even where none is made, and inside forward none ever is.
    wanted = torch.is_grad_enabled()
    total: Tensor = _Chunked.apply(features_NE, words_N, weight_VE, bias_V, label_smoothing, twice, wanted)  # type: ignore[no-untyped-call]
    return total, len(words_N) // (2 if twice else 1)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features_NE, words_N, weight_VE, bias_V, smoothing, twice, wanted):  # type: ignore[no-untyped-def]
        N, V = len(words_N), len(bias_V)
        wanted = wanted and any(ctx.needs_input_grad)
        weight = operand(weight_VE)
        total = features_NE.new_zeros(())
        if wanted:
            grad_features = torch.empty_like(features_NE)
            grad_weight = torch.zeros_like(weight_VE)
            grad_bias = torch.zeros_like(bias_V)
        rows = min(N, max(2, CHUNK_NUMBERS // V // 2 * 2))  # even, unless one chunk is all: pairs stay together
        logits_nV = features_NE.new_empty(rows, V)
        for start in range(0, N, rows):
            chunk = slice(start, start + rows)
            features, words = features_NE[chunk], words_N[chunk]
            logits = weight.times(features, out=logits_nV[: len(words)])
            to_bias = grad_bias if wanted else None
            if twice:
                total += twice_loss(logits, bias_V, words, smoothing, twice, to_bias)
            else:
                total += softmax_loss(logits, bias_V, words, smoothing, to_bias)
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
        return grad_features, None, grad_weight, grad_bias, None, None, None


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


def twice_loss(
    logits_NV: Tensor, bias_V: Tensor, words_N: Tensor, smoothing: float, twice: Twice, grad_bias_V: Tensor | None
) -> Tensor:
    """The summed loss of words that two passes predict, in rows 2i and 2i + 1; arguments as of `softmax_loss`.

    With log p - log q = r, the gradient of KL(p || q) is p (r - KL(p || q)) to the logits of p and q - p to those of q.
    """
    if native.fits(logits_NV):
        return native.elementwise.twice_loss(logits_NV, bias_V, words_N, smoothing, twice, grad_bias_V)
    V, words_n1 = logits_NV.shape[1], words_N[::2].unsqueeze(1)
    log_p_NV = torch.log_softmax(logits_NV.add_(bias_V), -1)
    log_p, log_q = log_p_NV[::2], log_p_NV[1::2]
    p, q, r = log_p.exp(), log_q.exp(), log_p - log_q
    kl_pq, kl_qp = (p * r).sum(-1, keepdim=True), -(q * r).sum(-1, keepdim=True)
    loss = twice.kl_pq * kl_pq.sum() + twice.kl_qp * kl_qp.sum()
    for weight, log in ((twice.loss_p, log_p), (twice.loss_q, log_q)):
        loss -= weight * ((1 - smoothing) * log.gather(1, words_n1).sum() + smoothing / V * log.sum())
    if grad_bias_V is not None:
        to_p = twice.kl_pq * p * (r - kl_pq) + twice.kl_qp * (p - q)
        to_q = twice.kl_qp * q * (-r - kl_qp) + twice.kl_pq * (q - p)
        for place, to, weight, share in ((0, to_p, twice.loss_p, p), (1, to_q, twice.loss_q, q)):
            grad = to + weight * (share - smoothing / V)
            grad.scatter_add_(1, words_n1, grad.new_full((1, 1), weight * (smoothing - 1)).expand_as(words_n1))
            logits_NV[place::2] = grad
        grad_bias_V += logits_NV.sum(0)
    return loss
