"""Which arguments kernels take: fp32 or narrower on CUDA, rows without gaps, no autograd. Asked by `mtkit.ops.table`.

Imports no Triton: a process that only ever meets tensors on a CPU does without it.
"""

import functools
import importlib.util
import logging
from typing import Any

import torch
from torch import Tensor, is_grad_enabled

from mtkit.ops import native
from mtkit.ops.compute import current

MAX_SHORT, MAX_HEAD = 64, 128  # positions of a sentence, and the width of a head, that fit into a program
MAX_POSITIONS = 1024  # of a source: a program holds the weights of a whole row
MAX_WIDTH = 8192  # of what has a mean and a variance
MAX_CANDIDATES = 1024  # the best of all hypotheses of a sentence

DEVICE = "cuda"
_log = logging.getLogger("mtkit")
_TYPES = {torch.float32, torch.bfloat16, torch.float16, torch.int64}


def steps(given: tuple[Any, ...]) -> bool:
    """Rows of cells, each as many, with at most one dimension before them, of directions or sentences."""
    first = given[0]
    if not first.is_cuda or not 2 <= first.dim() <= 3 or not _fit(given):
        return False
    lead = first.shape[:-1]
    return all(one is None or one.shape[:-1] == lead for one in given) and ready()


def norm(given: tuple[Any, ...]) -> bool:
    """Rows of stretches that a program can hold."""
    x = given[0]
    return x.is_cuda and 2 <= x.dim() <= 3 and x.numel() > 0 and given[1] <= MAX_WIDTH and _fit(given) and ready()


def norm_backward(given: tuple[Any, ...]) -> bool:
    """The same, and what `norm` gave."""
    grad = given[0]
    if not grad.is_cuda:
        return False
    unit, rstd = given[1]
    if grad.shape != unit.shape or not unit.is_contiguous() or not rstd.is_contiguous():
        return False
    return norm((grad, unit.shape[-1] // rstd.shape[-1])) and _fit(given)


def additive(given: tuple[Any, ...]) -> bool:
    """The arguments of `AdditiveScores`, whose keys come first, and of `additive_scores`, after queries."""
    return given[0].is_cuda and _fit(given) and all(one.is_contiguous() for one in given[:2]) and ready()


def weighed(given: tuple[Any, ...]) -> bool:
    """Those of `attend`: scores, bias and values, of a source that is not endless."""
    return given[0].is_cuda and _fit(given) and given[1].shape[1] <= MAX_POSITIONS and ready()


def weighed_step(given: tuple[Any, ...]) -> bool:
    """Those of `attend_step` and its backward, of which neither scores nor values are cut from something wider."""
    return weighed(given) and given[0].is_contiguous() and given[2].is_contiguous()


def loss(given: tuple[Any, ...]) -> bool:
    """Rows of logits, and a bias in the type of the sums."""
    logits = given[0]
    if not logits.is_cuda or given[1].dtype is not torch.float32 or not logits.is_contiguous():
        return False
    return _fit(given) and ready()


def search(given: tuple[Any, ...]) -> bool:
    """Rows without gaps between them; of `best_pieces` no more than one program can compare."""
    logits = given[0]
    if not logits.is_cuda or not logits.is_contiguous() or not _fit(given):
        return False
    return (len(given) == 1 or logits.shape[1] * given[2] <= MAX_CANDIDATES) and ready()


def search_states(given: tuple[Any, ...]) -> bool:
    """The arguments of `rule_out`."""
    return search(given[:1]) and all(one.is_cuda and one.is_contiguous() for one in given[1:3])


def short(given: tuple[Any, ...]) -> bool:
    """Queries, keys, values and a mask of sentences that are short enough to have all scores at hand."""
    queries, keys, values, mask = given
    width = queries.shape[3]
    if not queries.is_cuda or not current().native or width < 16 or width > MAX_HEAD or width & (width - 1):
        return False
    if max(queries.shape[2], keys.shape[2]) > MAX_SHORT or queries.dtype not in (torch.float32, torch.bfloat16):
        return False
    alike = all(one.dtype is queries.dtype and one.stride(3) == 1 for one in (queries, keys, values))
    return alike and (mask is None or mask.stride(1) == 1) and ready()


def sentences(given: tuple[Any, ...]) -> bool:
    """The arguments of `attend_sentences`."""
    return given[0].is_cuda and short(given[:4])


def sentences_backward(given: tuple[Any, ...]) -> bool:
    """Those of its derivative, a gradient first."""
    return given[0].is_cuda and given[0].stride(3) == 1 and short(given[1:5])


def _fit(given: tuple[Any, ...]) -> bool:
    """Inside a hand-written pass, or where nothing is trained, there is no autograd to tell."""
    if is_grad_enabled() or not current().native:
        return False
    for one in given:
        if isinstance(one, Tensor) and (one.dtype not in _TYPES or not one.is_cuda or one.stride()[-1] != 1):
            return False
    return True


@functools.cache
def ready() -> bool:
    """Whether Triton is there and can compile, for which it wants a C compiler, too; said once where it cannot."""
    if not native.allowed() or importlib.util.find_spec("triton") is None:
        return False
    try:
        from mtkit.ops.triton.launch import launch

        launch("functions:zero", (1,), torch.empty(1, device=DEVICE))
    except Exception as error:  # whatever a compiler, a driver or an old GPU makes of it
        _log.warning("Triton cannot be used here (%s); torch's own kernels are, which are slower", _first_line(error))
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
