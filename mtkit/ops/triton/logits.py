"""Losses of rows of logits, a kernel each, and sums over rows by torch; see `mtkit.ops.reference.logits`."""

from torch import Tensor, float32

from mtkit.ops.triton.launch import launch

SHAPE = 4096, 8  # columns at a time, and the warps that share them


def softmax_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    grad_bias_V: Tensor | None,
    weights_N: Tensor | None = None,
) -> Tensor:
    """See the reference; of a piece that does not exist the loss is not a number."""
    N, V = logits_NV.shape
    losses_N = bias_V.new_empty(N)
    launch(
        "logits:softmax_loss",
        (N,),
        *(logits_NV, bias_V, pieces_N, weights_N, losses_N, V, float(smoothing)),
        **_constants(grad_bias_V, weights_N),
    )
    if grad_bias_V is not None:
        grad_bias_V += logits_NV.sum(0, dtype=float32)
    return losses_N.sum()


def twice_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    weights: tuple[float, float, float, float],
    grad_bias_V: Tensor | None,
    weights_N: Tensor | None = None,
) -> Tensor:
    """See the reference; of a piece that does not exist the loss is not a number."""
    N, V = logits_NV.shape
    losses_n = bias_V.new_empty(N // 2)
    launch(
        "logits:twice_loss",
        (N // 2,),
        *(logits_NV, bias_V, pieces_N, weights_N, losses_n, V, float(smoothing), *map(float, weights)),
        **_constants(grad_bias_V, weights_N),
    )
    if grad_bias_V is not None:
        grad_bias_V += logits_NV.sum(0, dtype=float32)
    return losses_n.sum()


def _constants(grad_bias_V: Tensor | None, weights_N: Tensor | None) -> dict[str, int | bool]:
    block, warps = SHAPE
    return {"WEIGHTED": weights_N is not None, "GRAD": grad_bias_V is not None, "BLOCK": block, "num_warps": warps}
