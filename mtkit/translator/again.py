"""Lines that are searched once more: those whose translations lack terms of a glossary, and those that are broken.

What search finds by itself stays wherever it can: the first search is that of a line without a glossary and a guard, so
that most lines are as they would be without, and take no longer. Must not know models.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mtkit.schema import Decode
from mtkit.text import spans
from mtkit.text.fold import fold
from mtkit.text.terms import Glossary, Told
from mtkit.translator.request import Line, Request, Translation

BEAM = 5  # with a narrower one there would be no choice where in a translation a term is said

Search = Callable[[Sequence[Line], Decode, Request], Iterator[Translation]]


def looked_over(
    search: Search, lines: Sequence[Line], decode: Decode, request: Request, languages: tuple[str, str]
) -> Iterator[Translation]:
    """Translations of lines, in order.

    Args:
        search: gives the translations of lines, in order; with a glossary, such as say its terms.
    """
    plain = replace(request, glossary=None, guard=False)
    found = search(lines, decode, plain)
    if request.glossary is not None:
        found = _with_terms(found, search, lines, decode, plain, request.glossary, languages[0])
    yield from found


def _with_terms(
    found: Iterator[Translation],
    search: Search,
    lines: Sequence[Line],
    decode: Decode,
    plain: Request,
    glossary: Glossary,
    language: str,
) -> Iterator[Translation]:
    wide = decode.model_copy(update={"beam_size": max(BEAM, decode.beam_size)})
    constrained = replace(plain, glossary=glossary)
    first_of_two = spans.percent_first(language)

    def told(translation: Translation) -> Translation:
        source = fold(translation.source)
        kept = spans.find(source, first_of_two) if plain.protect else []
        asked = glossary.find(source, [(one.start, one.end) for one in kept])
        return replace(translation, terms=glossary.told(asked, translation.text)) if asked else translation

    def better(first: Translation, second: Translation) -> Translation:
        second = told(second)
        best = second if _rendered(second.terms) > _rendered(first.terms) else first
        missing = [f"'{one.source}' is not rendered as '{one.target}'" for one in best.terms if not one.rendered]
        return replace(best, warnings=[*best.warnings, *missing])

    yield from second_looks(
        lines,
        map(told, found),
        lambda one: not all(term.rendered for term in one.terms),
        lambda some: search(some, wide, constrained),
        better,
    )


def _rendered(terms: Sequence[Told]) -> int:
    return sum(one.rendered for one in terms)


def second_looks(
    lines: Sequence[Line],
    found: Iterator[Translation],
    wrong: Callable[[Translation], bool],
    search: Callable[[list[Line]], Iterator[Translation]],
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
    seconds = search([lines[number] for number in waiting]) if waiting else iter(())
    for number, second in zip(waiting, seconds, strict=True):
        while following < number:
            yield done.pop(following)
            following += 1
        yield better(done.pop(number), second)
        following += 1
    while following in done:
        yield done.pop(following)
        following += 1
