"""Many sentences through search: batches of like length, each result as soon as its batch is done.

Must not know text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from mtkit.decoding import Decoding
from mtkit.errors import BundleError, ConfigError
from mtkit.search.ensemble import Ensemble
from mtkit.search.rules import rules
from mtkit.search.rules.rule import Context
from mtkit.search.search import Hypothesis, Ranking, search
from mtkit.search.selection import Beam, Sample, Selection
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist


@dataclass(frozen=True)
class Sampling:
    """Draw translations instead of searching for the best.

    Attributes:
        temperature: logits are divided by it.
        top_k: only the best so many pieces are drawn; 0: all.
        seed: the same seed draws the same.
    """

    temperature: float = 1.0
    top_k: int = 0
    seed: int = 1


@dataclass(frozen=True)
class Wanted:
    """What is wanted of each sentence beyond its best translation; see `translate_ids`."""

    n_best: int
    sampling: Sampling | None
    details: bool
    attention: bool
    ruled: bool


def translate_ids(
    ensemble: Ensemble,
    sentences: Sequence[Sentence],
    decode: Decoding,
    vocabulary: Vocabulary,
    shortlist: Shortlist | None = None,
    *,
    n_best: int = 1,
    sampling: Sampling | None = None,
    details: bool = False,
    attention: bool = False,
    ruled: bool = True,
) -> Iterator[tuple[list[int], list[list[Hypothesis]]]]:
    """Yield, batch by batch, which sentences were translated and their hypotheses, the shortest sources first.

    Args:
        decode: the table [decode] of the config; its precision is the ensemble's matter.
        shortlist: by the first model's source pieces; None: every piece may be produced.
        n_best: translations a sentence.
        sampling: draw instead of search.
        details: tell the scores of pieces.
        attention: tell attention.
        ruled: False: no rule acts but what is forced (prefixes, and the end at the greatest length).

    Raises:
        BundleError: the model's scores are not numbers.
        ConfigError: the rules leave nothing to say.
    """
    wanted = Wanted(n_best, sampling, details, attention, ruled)
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].sources[0]))
    width = n_best if sampling else decode.beam_size
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * (len(sentences[order[end]].sources[0]) + 1) * width <= (
            decode.batch_tokens
        ):
            end += 1
        rows = order[start:end]
        start = end
        yield rows, _batch(ensemble, [sentences[i] for i in rows], decode, vocabulary, shortlist, wanted)


def _batch(
    ensemble: Ensemble,
    sentences: list[Sentence],
    decode: Decoding,
    vocabulary: Vocabulary,
    shortlist: Shortlist | None,
    wanted: Wanted,
) -> list[list[Hypothesis]]:
    device = ensemble.device
    sources = [list(ids) for ids in zip(*(s.sources for s in sentences), strict=True)]
    listed = None
    if shortlist is not None:  # search then knows pieces by their places in the list
        needed = [[vocabulary.bos, vocabulary.eos, *sentence.prefix] for sentence in sentences]
        listed = shortlist.listed(sources[0], needed, device)
    encoded = ensemble.encode(sources, listed)
    context = Context(decode, vocabulary, sentences, device, listed)
    made = rules.make(context, wanted.ruled)
    found = search(
        encoded.step,
        encoded.state,
        made,
        Ranking.of(decode),
        _selection(decode, wanted, sentences, device),
        bos=context.bos,
        n_best=wanted.n_best,
        device=device,
        source_lengths=encoded.source_lengths,
        details=wanted.details,
        attention=wanted.attention,
    )
    if not all(found):
        if obeyed := [str(rule) for rule in made.rules if str(rule)]:
            verb, advice = ("leave", "lower the one or raise the other") if obeyed[1:] else ("leaves", "ask less of it")
            raise ConfigError(f"{' and '.join(obeyed)} {verb} nothing to say: {advice}")
        raise BundleError("the model's scores are not numbers: it was damaged in training; use another one")
    if listed is None:
        return found
    return [[replace(h, pieces=listed.pieces[h.pieces].tolist()) for h in some] for some in found]


def _selection(decode: Decoding, wanted: Wanted, sentences: list[Sentence], device: torch.device) -> Selection:
    drawn = wanted.sampling
    if drawn is None:
        return Beam.of(decode)
    seeds = [(drawn.seed * 0x9E3779B1 + sentence.number) % (1 << 32) for sentence in sentences]
    return Sample(wanted.n_best, drawn.temperature, drawn.top_k, torch.tensor(seeds, device=device))
