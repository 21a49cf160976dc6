"""Many sentences through search: batches of like length, each result as soon as its batch is done.

Must not know text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from mtkit.errors import BundleError, ConfigError
from mtkit.search.choice import Beam, Choice, Sample
from mtkit.search.ensemble import Models
from mtkit.search.rules import Rules
from mtkit.search.search import Hypothesis, Ranking, search
from mtkit.search.shortlist import Shortlist


@dataclass(frozen=True)
class Sampling:
    """Draw translations instead of searching for the best.

    Attributes:
        temperature: logits are divided by it.
        top_k: only the best so many words are drawn; 0: all.
        seed: the same seed draws the same.
    """

    temperature: float = 1.0
    top_k: int = 0
    seed: int = 1


@dataclass(frozen=True)
class Options:
    """How to search; see `Rules` and `Ranking`.

    Attributes:
        max_ratio: the longest output is so many times the source pieces, plus 10.
        batch_tokens: source pieces times beam in a batch.
        details: tell the scores of words.
        attention: tell attention.
    """

    beam_size: int = 5
    ranking: Ranking = field(default_factory=Ranking)
    max_ratio: float = 3.0
    min_length: int = 0
    no_repeat_ngram: int = 0
    batch_tokens: int = 4096
    n_best: int = 1
    details: bool = False
    attention: bool = False
    sampling: Sampling | None = None


@dataclass(frozen=True)
class Sentence:
    """What is to be translated.

    Attributes:
        sources: ids as each model's source tokenizer makes them, without their end; none may be empty.
        prefix: words that the translation begins with.
        number: with the seed, what chance depends on.
    """

    sources: Sequence[list[int]]
    prefix: Sequence[int] = ()
    number: int = 0


@dataclass(frozen=True)
class Vocabulary:
    """The special words of the target side."""

    bos: int
    eos: int
    never: list[int]
    """Words that must not be produced."""


def translate_ids(
    models: Models,
    sentences: list[Sentence],
    options: Options,
    vocabulary: Vocabulary,
    shortlist: Shortlist | None = None,
) -> Iterator[tuple[list[int], list[list[Hypothesis]]]]:
    """Yield, batch by batch, which sentences were translated and their hypotheses, the shortest sources first.

    Args:
        shortlist: by the first model's source words; None: every word is a candidate.

    Raises:
        BundleError: the model's scores are not numbers.
        ConfigError: the options leave nothing to say.
    """
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].sources[0]))
    width = options.n_best if options.sampling else options.beam_size
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * (len(sentences[order[end]].sources[0]) + 1) * width <= (
            options.batch_tokens
        ):
            end += 1
        rows = order[start:end]
        start = end
        found = _batch(models, [sentences[i] for i in rows], options, vocabulary, shortlist)
        if not all(found):
            if options.min_length or options.no_repeat_ngram:
                raise ConfigError(
                    f"min_length = {options.min_length} and no_repeat_ngram = {options.no_repeat_ngram} leave nothing "
                    "to say: lower the one or raise the other"
                )
            raise BundleError("the model's scores are not numbers: it was damaged in training; use another one")
        yield rows, found


def _batch(
    models: Models,
    sentences: list[Sentence],
    options: Options,
    vocabulary: Vocabulary,
    shortlist: Shortlist | None,
) -> list[list[Hypothesis]]:
    device = models.device
    sources = [list(ids) for ids in zip(*(s.sources for s in sentences), strict=True)]
    candidates = None
    if shortlist is not None:  # from here on words are places among the candidates
        needed = [[vocabulary.bos, vocabulary.eos, *sentence.prefix] for sentence in sentences]
        candidates = shortlist.candidates(sources[0], needed, device)
        bos, eos = candidates.places([vocabulary.bos, vocabulary.eos])
        vocabulary = Vocabulary(bos, eos, candidates.among(vocabulary.never))
        sentences = [replace(s, prefix=candidates.places(s.prefix)) for s in sentences]
    started = models.start(sources, candidates)
    limits = [
        max(int(len(s.sources[0]) * options.max_ratio + 10), options.min_length, len(s.prefix)) for s in sentences
    ]
    rules = Rules(
        eos=vocabulary.eos,
        never=vocabulary.never,
        limits_B=torch.tensor(limits),
        min_length=options.min_length,
        no_repeat_ngram=options.no_repeat_ngram,
        prefix_BP=_prefixes(sentences),
    )
    found = search(
        started.step,
        started.state,
        rules,
        options.ranking,
        _choice(options, sentences, device),
        bos=vocabulary.bos,
        n_best=options.n_best,
        device=device,
        source_lengths=started.source_lengths,
        details=options.details,
        attention=options.attention,
    )
    if candidates is None:
        return found
    return [[replace(h, words=candidates.words[h.words].tolist()) for h in some] for some in found]


def _choice(options: Options, sentences: list[Sentence], device: torch.device) -> Choice:
    drawn = options.sampling
    if drawn is None:
        return Beam(options.beam_size)
    seeds = [(drawn.seed * 0x9E3779B1 + sentence.number) % (1 << 32) for sentence in sentences]
    return Sample(options.n_best, drawn.temperature, drawn.top_k, torch.tensor(seeds, device=device))


def _prefixes(sentences: list[Sentence]) -> Tensor | None:
    longest = max(len(sentence.prefix) for sentence in sentences)
    if not longest:
        return None
    rows = [[*sentence.prefix] + [-1] * (longest - len(sentence.prefix)) for sentence in sentences]
    return torch.tensor(rows)
