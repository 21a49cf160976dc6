"""Many sentences through search: batches of like length, the results in the order of the input."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mtkit.corpus.batch import pad
from mtkit.decode.search import Hypothesis, search
from mtkit.errors import BundleError
from mtkit.model.seq2seq import Seq2Seq


@dataclass(frozen=True)
class Options:
    """How to search.

    Attributes:
        max_ratio: the longest output is so many times the source pieces, plus 10.
        batch_tokens: source pieces times beam in a batch.
    """

    beam_size: int = 5
    length_penalty: float = 1.0
    max_ratio: float = 3.0
    batch_tokens: int = 4096
    n_best: int = 1
    with_attention: bool = False


def translate_ids(
    model: Seq2Seq, sources: list[list[int]], options: Options, *, source_eos: int, bos: int, eos: int, never: list[int]
) -> Iterator[tuple[list[int], list[list[Hypothesis]]]]:
    """Yield, batch by batch, which sources were translated and their hypotheses, the shortest sources first.

    Args:
        sources: ids of each sentence, without its end; none may be empty.

    Raises:
        BundleError: the model's scores are not numbers.
    """
    device = model.source_VE.device
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * (len(sources[order[end]]) + 1) * options.beam_size <= (
            options.batch_tokens
        ):
            end += 1
        rows = order[start:end]
        start = end
        source_BS, packing = pad([sources[i] for i in rows], source_eos)
        with torch.inference_mode():
            state = model.start(source_BS.to(device), packing.to(device))
            limits_B = ((packing.lengths_B - 1) * options.max_ratio + 10).long().to(device)
            found = search(
                model.step,
                state,
                limits_B,
                bos=bos,
                eos=eos,
                never=never,
                beam_size=options.beam_size,
                alpha=options.length_penalty,
                n_best=options.n_best,
                with_attention=options.with_attention,
            )
        if not all(found):
            raise BundleError("the model's scores are not numbers: it was damaged in training; use another one")
        yield rows, found
