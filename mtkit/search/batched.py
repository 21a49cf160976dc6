"""Many sentences through search: batches of like length, each result as soon as its batch is done.

Must not know text.
"""

import logging
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from mtkit.decoding import Decoding
from mtkit.errors import BundleError, ConfigError, out_of_memory
from mtkit.search import allocation
from mtkit.search.ensemble import Ensemble
from mtkit.search.room import forget, in_tables, recorder, room_of
from mtkit.search.rules import rules
from mtkit.search.rules.rule import Context
from mtkit.search.rules.rules import Rules
from mtkit.search.search import Hypothesis, Ranking, search
from mtkit.search.selection import Beam, Sample, Selection
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from mtkit.search.tables import Found, Passed, search_in_tables

LOG = logging.getLogger(__name__)
TOGETHER = 256  # sentences whose hypotheses are made before it is seen whether a device has no work any more


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
    attention: Collection[int] = (),
    ruled: bool = True,
) -> Iterator[tuple[list[int], list[list[Hypothesis]]]]:
    """Yield, batch by batch, which sentences were translated and their hypotheses, the shortest sources first.

    Those whose attention is told come last, in batches of their own, or, where a batch more would cost more than to
    look at the attention of all that are in one, with the longest of the others.

    Args:
        decode: the table [decode] of the config; its precision is the ensemble's matter.
        shortlist: by the first model's source pieces; None: every piece may be produced.
        n_best: translations a sentence.
        sampling: draw instead of search.
        details: tell the scores of pieces.
        attention: places of the sentences whose attention is told.
        ruled: False: no rule acts but what is forced (prefixes, and the end at the greatest length).

    Raises:
        BundleError: the model's scores are not numbers.
        ConfigError: the rules leave nothing to say.
    """
    asked = [i for i, sentence in enumerate(sentences) if sentence.groups]
    if 0 < len(asked) < len(sentences):  # what has something to say takes more places, and goes by itself
        for part in ([i for i, sentence in enumerate(sentences) if not sentence.groups], asked):
            given = [sentences[i] for i in part], decode, vocabulary, shortlist
            told = [row for row, i in enumerate(part) if i in set(attention)]
            options: dict[str, Any] = {"n_best": n_best, "sampling": sampling, "details": details, "ruled": ruled}
            for rows, hypotheses in translate_ids(ensemble, *given, **options, attention=told):
                yield [part[row] for row in rows], hypotheses
        return
    looked, tables = frozenset(attention), in_tables(ensemble.device)
    lengths = [len(sentence.sources[0]) + 1 for sentence in sentences]
    order = sorted(range(len(sentences)), key=lengths.__getitem__)
    order = [i for i in order if i not in looked] + [i for i in order if i in looked]
    alone = len(order) - len(looked)  # from here on attention is told
    width = n_best if sampling else decode.beam_size
    if asked:  # on a processor such a step costs more than its rows do: larger batches have fewer
        most = max(allocation.width(decode.beam_size, one) for one in sentences)
        width = most if tables else max(1, width // 4)
    room = room_of(ensemble, decode, width, bool(looked))

    def longest(start: int, at: int) -> int:
        """Of the sentences from one place in the order to another."""
        return max(lengths[order[at]], lengths[order[alone - 1]] if start < alone <= at else 0)

    def begun(start: int) -> _Running | None:
        if start == len(order):
            return None
        last = len(order) if tables or start >= alone else alone
        end = bisect_left(range(start + 1, last), True, key=lambda at: not room.has(at + 1 - start, longest(start, at)))
        end += start + 1
        rows = order[start:end]
        wanted = Wanted(n_best, sampling, details, order[end - 1] in looked, ruled)
        work = _batch(ensemble, [sentences[i] for i in rows], decode, vocabulary, shortlist, wanted)
        next(work)
        return _Running(rows, end, work)

    done: deque[Callable[[], tuple[list[int], list[list[Hypothesis]]]]] = deque()  # to be made while a device works
    start, this = 0, begun(0)
    while this is not None:
        following: _Running | None = None
        failed = False
        try:
            come = next(this.work)
            following = begun(this.end)
            while True:
                while done and not come():
                    yield done.popleft()()
                come = next(this.work)
        except StopIteration as end:
            step = TOGETHER if tables else len(this.rows)
            done.extend(_part(this.rows, end.value, slice(i, i + step)) for i in range(0, len(this.rows), step))
            start = this.end
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or len(this.rows) == 1 or not tables:
                raise
            room, failed = room.halved(len(this.rows)), True
        if failed:
            LOG.warning("memory ran out; from now on at most %d sentences are translated together", room.sentences)
            this = following = None
            forget(ensemble.device)
        while done and (following is None or not tables):
            yield done.popleft()()
        this = following or begun(start)


@dataclass(frozen=True)
class _Running:
    """A batch that is searched.

    Attributes:
        rows: its sentences.
        end: the place in the order where the next one begins.
    """

    rows: list[int]
    end: int
    work: Generator[Passed, None, Found]


def _part(rows: list[int], found: Found, part: slice) -> Callable[[], tuple[list[int], list[list[Hypothesis]]]]:
    return lambda: (rows[part], found(part))


def _batch(
    ensemble: Ensemble,
    sentences: list[Sentence],
    decode: Decoding,
    vocabulary: Vocabulary,
    shortlist: Shortlist | None,
    wanted: Wanted,
) -> Generator[Passed, None, Found]:
    """Translate some sentences; yields when it is ready to begin, and then wherever a device would be waited for."""
    device = ensemble.device
    if not in_tables(device):
        yield lambda: True
    sources = [list(ids) for ids in zip(*(s.sources for s in sentences), strict=True)]
    listed = None
    if shortlist is not None:  # search then knows pieces by their places in the list
        needed = [[vocabulary.bos, vocabulary.eos, *one.prefix, *sorted(one.needed)] for one in sentences]
        listed = shortlist.listed(sources[0], needed, device, vocabulary.spelling)
    padded = ensemble.padded(sources)
    context = Context(decode, vocabulary, sentences, device, listed)
    made = rules.make(context, wanted.ruled)
    ranking, selection = Ranking.of(decode), _selection(context, wanted)
    if in_tables(device):
        yield lambda: True
    encoded = ensemble.encode(padded, listed)
    given = encoded.state, made, ranking, selection
    asked: dict[str, Any] = {
        "bos": context.bos,
        "n_best": wanted.n_best,
        "source_lengths": encoded.source_lengths,
        "details": wanted.details,
        "attention": wanted.attention,
    }
    found: Found
    if in_tables(device):
        found = yield from search_in_tables(encoded.step, *given, **asked, device=device, recorder=recorder(device))
    else:
        with ensemble.entered():
            found = search(encoded.step_within, *given, **asked).__getitem__

    def checked(part: slice) -> list[list[Hypothesis]]:
        some = found(part)
        if not all(some):
            raise _nothing_said(made)
        if listed is None:
            return some
        return [[replace(h, pieces=listed.pieces[h.pieces].tolist()) for h in hypotheses] for hypotheses in some]

    return checked


def _nothing_said(made: Rules) -> ConfigError | BundleError:
    if obeyed := [str(rule) for rule in made.rules if str(rule)]:
        verb, advice = ("leave", "lower the one or raise the other") if obeyed[1:] else ("leaves", "ask less of it")
        return ConfigError(f"{' and '.join(obeyed)} {verb} nothing to say: {advice}")
    return BundleError("the model's scores are not numbers: it was damaged in training; use another one")


def _selection(context: Context, wanted: Wanted) -> Selection:
    drawn = wanted.sampling
    if drawn is None:
        return allocation.make(context, wanted.n_best) if context.sentences[0].groups else Beam.of(context.decode)
    seeds = [(drawn.seed * 0x9E3779B1 + sentence.number) % (1 << 32) for sentence in context.sentences]
    return Sample(wanted.n_best, drawn.temperature, drawn.top_k, torch.tensor(seeds, device=context.device))
