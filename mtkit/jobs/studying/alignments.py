"""Where attention looks, beside where a lexical model would: words linked by which pieces translate which."""

from collections.abc import Sequence

from mtkit.corpus import lexicon
from mtkit.corpus.shards import Split
from mtkit.text.fold import fold
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.request import Pair
from mtkit.translator.translator import Translator

Ranks = list[dict[int, int]]
"""Of each source piece, its likeliest translations, and which of them comes first, second, ..."""


def error(
    translator: Translator,
    tokenizers: tuple[Tokenizer, Tokenizer],
    split: Split,
    pairs: Sequence[tuple[str, str]],
    rank: int,
) -> tuple[float | None, int]:
    """The share of linked target words for which attention looks most at another source word.

    Args:
        tokenizers: of source and target.
        split: what the lexical model learns from.
        rank: translations of a source piece that count.

    Returns:
        The share (None: there is no attention, or no link), and how many words are linked.
    """
    if not translator.attends:
        return None, 0
    ranks = _ranks(split, tokenizers, rank)
    linked = wrong = 0
    given = [Pair(source, target, number) for number, (source, target) in enumerate(pairs)]
    for (source, target), found in zip(pairs, translator.forced(given, align=True), strict=True):
        if not found.candidates:
            continue
        looked = {to: at for at, to in found.candidates[0].alignment or []}
        for word, wanted in links(fold(source), fold(target), tokenizers, ranks).items():
            if word in looked:
                linked += 1
                wrong += looked[word] != wanted
    return (wrong / linked if linked else None), linked


def links(source: str, target: str, tokenizers: tuple[Tokenizer, Tokenizer], ranks: Ranks) -> dict[int, int]:
    """Target word -> the source word that translates it, where one does better than all others."""
    (source_ids,), (target_ids,) = (one.encode([text]) for one, text in zip(tokenizers, (source, target), strict=True))
    source_words = tokenizers[0].words(source_ids, source)
    candidates: dict[int, set[tuple[int, int]]] = {}
    for piece, word in zip(target_ids, tokenizers[1].words(target_ids, target), strict=True):
        for at, of in zip(source_ids, source_words, strict=True):
            if piece in ranks[at]:
                candidates.setdefault(word, set()).add((ranks[at][piece], of))
    made = {}
    for word, found in candidates.items():
        best = min(place for place, _ in found)
        words = {of for place, of in found if place == best}
        if len(words) == 1:
            (made[word],) = words
    return made


def _ranks(split: Split, tokenizers: tuple[Tokenizer, Tokenizer], rank: int) -> Ranks:
    learnt = lexicon.learn(split, tokenizers[0].vocab_size, tokenizers[1].vocab_size, likely=rank, frequent=1)
    return [{piece: place for place, piece in enumerate(row) if piece >= 0} for row in learnt.likely_VN.tolist()]
