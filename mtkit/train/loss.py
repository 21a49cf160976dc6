"""Cross-entropy with label smoothing, and the agreement of two passes, fused with the output layer."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.logits import softmax_loss, twice_loss
from mtkit.ops.products import operand, outer
from mtkit.schema import Train

CHUNK_NUMBERS = 1 << 22  # logits at once (16 MB of fp32): large enough for products near a CPU's peak, ...
CHUNK_NUMBERS_ELSEWHERE = 1 << 28  # ... where a GPU wants more at once, and has the memory


class Twice(NamedTuple):
    """The weights of what is summed over pieces that two passes predict, one as p and the other as q."""

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
            case "rdrop":  # half of what Liang et al. (2021) write, so that it is the loss of a piece like any other
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
    features_NE, pieces_N = model(batch, cut=objective.cut)
    output, real_N1 = model.output, batch.target_packing.real_N1
    weights_N = None if real_N1 is None else real_N1.squeeze(1).to(_wide(output.bias_V.dtype))
    loss, _ = cross_entropy(
        features_NE, pieces_N, output.weight_VE, output.bias_V, objective.label_smoothing, objective.twice, weights_N
    )
    return loss, batch.target_tokens


def cross_entropy(
    features_NE: Tensor,
    pieces_N: Tensor,
    weight_VE: Tensor,
    bias_V: Tensor,
    label_smoothing: float = 0.0,
    twice: Twice | None = None,
    weights_N: Tensor | None = None,
) -> tuple[Tensor, int]:
    """The summed loss of predicting pieces, and how many there are; whoever calls normalises, once.

    The sum is that of torch.nn.functional.cross_entropy over features @ weightᵀ + bias (smoothing of Szegedy et
    al. 2016, over the whole vocabulary), but never holds the logits of more than a chunk: since the loss is a
    sum, the gradient of a chunk is known as soon as its loss is.

    Args:
        twice: rows 2i and 2i + 1 are two passes over the same piece, which counts once.
        weights_N: 0 or 1, whether a row counts; None: all do.
    """
    # Asked here: parameters want a gradient even where none is made, and inside forward none ever is.
    wanted = torch.is_grad_enabled()
    total: Tensor = _Chunked.apply(features_NE, pieces_N, weight_VE, bias_V, label_smoothing, twice, wanted, weights_N)  # type: ignore[no-untyped-call]
    return total, len(pieces_N) // (2 if twice else 1)


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The type in which losses are summed."""
    return torch.promote_types(dtype, torch.float32)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features_NE, pieces_N, weight_VE, bias_V, smoothing, twice, wanted, weights_N):  # type: ignore[no-untyped-def]
        N, V = len(pieces_N), len(bias_V)
        wanted = wanted and any(ctx.needs_input_grad)
        weight = operand(weight_VE)
        # Where activations are bf16, sums are not.
        narrow, wide = bias_V.dtype, _wide(bias_V.dtype)
        bias_V = bias_V.to(wide)
        total = features_NE.new_zeros((), dtype=wide)
        if wanted:
            grad_features = torch.empty_like(features_NE)
            grad_weight = torch.zeros_like(weight_VE)
            grad_bias = torch.zeros_like(bias_V)
        numbers = CHUNK_NUMBERS if features_NE.device.type == "cpu" else CHUNK_NUMBERS_ELSEWHERE
        rows = min(N, max(2, numbers // V // 2 * 2))  # even, unless one chunk is all: pairs stay together
        logits_nV = features_NE.new_empty(rows, V)
        for start in range(0, N, rows):
            chunk = slice(start, start + rows)
            features, pieces = features_NE[chunk], pieces_N[chunk]
            logits = weight.times(features, out=logits_nV[: len(pieces)])
            to_bias = grad_bias if wanted else None
            some = None if weights_N is None else weights_N[chunk]
            if twice:
                total += twice_loss(logits, bias_V, pieces, smoothing, twice, to_bias, some)
            else:
                total += softmax_loss(logits, bias_V, pieces, smoothing, to_bias, some)
            if wanted:
                weight.back(logits, out=grad_features[chunk])
                outer(logits, features, onto=grad_weight)
        if wanted:
            ctx.grads = (grad_features, grad_weight, grad_bias.to(narrow))
        return total

    @staticmethod
    def backward(ctx, grad_total):  # type: ignore[no-untyped-def]
        grads, ctx.grads = ctx.grads, None
        grad_features, grad_weight, grad_bias = (grad.mul_(grad_total) for grad in grads)
        return grad_features, None, grad_weight, grad_bias, None, None, None, None
