"""Lines that are searched once more: those whose translations lack terms of a glossary, and those that are broken; and
lines of whose translations another one is taken than the likeliest.

What search finds by itself stays wherever it can: the first search is that of a line without a glossary and a guard, so
that most lines are as they would be without, and take no longer. Must not know models.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mtkit.schema import Decode
from mtkit.search.search import Ranking
from mtkit.search.sentence import Sentence
from mtkit.text.finder import Finder
from mtkit.translator import kept
from mtkit.translator.parts import Job, joined
from mtkit.translator.repair import Repair
from mtkit.translator.request import Line, Request, Search, Translation
from mtkit.translator.segment import PART
from mtkit.translator.termed import Termed, said


def looked_over(
    search: Search,
    lines: Sequence[Line],
    decode: Decode,
    request: Request,
    pair: tuple[str, str],
    names: Sequence[str],
) -> Iterator[Translation]:
    """Translations of lines, in order.

    Args:
        search: gives the translations of lines, in order; with a glossary, such as say its terms.
        pair: the languages, source and target.
        names: of the target's pieces.
    """
    plain = replace(request, glossary=None, guard=False, mbr="")
    termed, first = None, search
    finder = Finder.of(pair[0], decode.protect) if request.protect else None
    if request.mbr:
        from mtkit.translator.risk import Risk  # hardly anybody asks for it

        first = Risk(request, pair[1]).ranked(search)
    found = first(lines, decode, plain)
    if request.glossary is not None:
        termed = Termed(request.glossary, finder)
        wide, asked = termed.decode(decode), replace(plain, glossary=request.glossary)
        found = map(termed.told, found)
        # First for what is missing alone, which takes fewer hypotheses, and if that costs another term, for all.
        for lean in (True, False):
            found = second_looks(lines, found, termed.lacks, _with(first, wide, asked, lean), termed.better)
        found = map(termed.warned, found)
    if request.guard and request.sampling is None:
        repair = Repair(pair, request.n_best, termed, finder)
        found = map(repair.looked_at, found)
        for blocked in repair.decodes(decode, names):
            asked = replace(request, guard=False, mbr="", n_best=blocked.beam_size)
            found = second_looks(lines, found, repair.is_broken, _with(search, blocked, asked), repair.better)
        parted = _in_parts(search, blocked, replace(asked, n_best=request.n_best), repair, pair[1])
        found = second_looks(lines, found, repair.is_broken, parted, repair.better)
        brief = _with(search, repair.brief(blocked), asked)
        found = map(repair.told, second_looks(lines, found, repair.is_endless, brief, repair.better))
    yield from found


Again = Callable[[list[Line], list[Translation]], Iterator[Translation]]
"""Lines, and their translations so far -> others."""


def _with(search: Search, decode: Decode, request: Request, lean: bool = False) -> Again:
    """Another search.

    Args:
        lean: only terms are asked for that a translation has not.
    """

    def again(lines: list[Line], found: list[Translation]) -> Iterator[Translation]:
        if lean:
            lines = [replace(line, said=said(one)) for line, one in zip(lines, found, strict=True)]
        return search(lines, decode, request)

    return again


def _in_parts(search: Search, decode: Decode, request: Request, repair: Repair, language: str) -> Again:
    """A search of parts of lines, each for itself.

    Args:
        language: of the translations.
    """

    def again(lines: list[Line], found: list[Translation]) -> Iterator[Translation]:
        cut = [[] if line.prefix or len(parts := repair.parts(line.text)) < 2 else parts for line in lines]
        given = [
            Line(part.strip(), number=line.number + place * PART)
            for line, parts in zip(lines, cut, strict=True)
            for place, part in enumerate(parts)
        ]
        made = list(search(given, decode, request)) if given else []
        for line, parts, before in zip(lines, cut, found, strict=True):
            some, made = made[: len(parts)], made[len(parts) :]
            if not some or not all(one.candidates for one in some):
                yield before
                continue
            job = Job(parts, [Sentence([])] * len(parts), [])
            job.found = [one.candidates for one in some]
            candidates = kept.framed(line.text, joined(job, Ranking.of(decode), language))
            warnings = [warning for one in some for warning in one.warnings]
            yield replace(before, candidates=candidates, warnings=warnings, parts=len(parts))

    return again


def second_looks(
    lines: Sequence[Line],
    found: Iterator[Translation],
    wrong: Callable[[Translation], bool],
    search: Again,
    better: Callable[[Translation, Translation], Translation],
) -> Iterator[Translation]:
    """Translations in their order, of which those that are wrong are searched again, together.

    Args:
        better: of a first translation and a second one.
    """
    waiting, done, following = list[int](), dict[int, Translation](), 0
    for number, translation in enumerate(found):
        if translation.candidates and wrong(translation):
            waiting.append(number)
        done[number] = translation
        while following < (waiting[0] if waiting else number + 1):
            yield done.pop(following)
            following += 1
    seconds = search([lines[number] for number in waiting], [done[number] for number in waiting]) if waiting else ()
    for number, second in zip(waiting, seconds, strict=True):
        while following < number:
            yield done.pop(following)
            following += 1
        yield better(done.pop(number), second)
        following += 1
    while following in done:
        yield done.pop(following)
        following += 1
