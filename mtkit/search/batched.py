"""Many sentences through search: batches of like length, each result as soon as its batch is done.

Must not know text.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from mtkit.decoding import Decoding
from mtkit.errors import BundleError, ConfigError, out_of_memory
from mtkit.ops.recording import CudaRecorder, Recorder
from mtkit.search.ensemble import Ensemble
from mtkit.search.rules import rules
from mtkit.search.rules.rule import Context
from mtkit.search.search import Hypothesis, Ranking, search
from mtkit.search.selection import Beam, Sample, Selection
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from mtkit.search.tables import search_in_tables

LOG = logging.getLogger(__name__)

# On a GPU a batch has so many sentences and rows of logits at most, since more make it no faster; and their logits,
# with all that is made of them, take no more than this share of the memory that is free.
SENTENCES, ROWS = 8192, 10_240
BYTES = 24  # of a number among the logits
SHARE = 0.5


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
class Room:
    """How much is translated together.

    Attributes:
        tokens: source pieces times hypotheses, at most; 0: any.
        sentences: at most; 0: any.
        width: hypotheses of a sentence.
    """

    tokens: int
    sentences: int
    width: int

    def has(self, sentences: int, longest: int) -> bool:
        """Whether so many sentences, the longest of so many source pieces, go together."""
        if self.sentences and sentences > self.sentences:
            return False
        return not self.tokens or sentences * longest * self.width <= self.tokens

    def halved(self, sentences: int) -> "Room":
        """For half as many as these, which were too many."""
        return replace(self, sentences=sentences // 2)


def room_of(ensemble: Ensemble, decode: Decoding, width: int) -> Room:
    """By decode.batch_tokens; on a GPU, where that is what it always is, as much as keeps it busy and fits."""
    if not in_tables(ensemble.device) or decode.batch_tokens != Decoding.batch_tokens:
        return Room(decode.batch_tokens, 0, width)
    free, _ = torch.cuda.mem_get_info(ensemble.device)
    a_row = BYTES * max(len(model.output.bias_V) for model in ensemble.models)
    return Room(0, max(1, min(SENTENCES, ROWS // width, int(free * SHARE) // (a_row * width))), width)


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
    room = room_of(ensemble, decode, width)
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and room.has(end + 1 - start, len(sentences[order[end]].sources[0]) + 1):
            end += 1
        rows = order[start:end]
        try:
            found = _batch(ensemble, [sentences[i] for i in rows], decode, vocabulary, shortlist, wanted)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or len(rows) == 1 or not in_tables(ensemble.device):
                raise
            room = room.halved(len(rows))
            LOG.warning("memory ran out; from now on at most %d sentences are translated together", room.sentences)
            torch.cuda.empty_cache()
            continue
        start = end
        yield rows, found


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
    given = encoded.step, encoded.state, made, Ranking.of(decode), _selection(decode, wanted, sentences, device)
    if in_tables(device) and not (wanted.details or wanted.attention or decode.coverage_penalty):
        found = search_in_tables(
            *given, bos=context.bos, n_best=wanted.n_best, device=device, recorder=recorder(device)
        )
    else:
        found = search(
            *given,
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


def in_tables(device: torch.device) -> bool:
    """Whether a look at results makes the device wait."""
    return device.type != "cpu"


_own = threading.local()


def recorder(device: torch.device) -> Recorder | None:
    """Of this thread, on this device; None: nothing is recorded there."""
    if device.type != "cuda":
        return None
    kept: dict[torch.device, Recorder] = vars(_own).setdefault("recorders", {})
    if device not in kept:
        kept[device] = CudaRecorder(device)
    return kept[device]


def _selection(decode: Decoding, wanted: Wanted, sentences: list[Sentence], device: torch.device) -> Selection:
    drawn = wanted.sampling
    if drawn is None:
        return Beam.of(decode)
    seeds = [(drawn.seed * 0x9E3779B1 + sentence.number) % (1 << 32) for sentence in sentences]
    return Sample(wanted.n_best, drawn.temperature, drawn.top_k, torch.tensor(seeds, device=device))
