"""What is served, whatever asks for it: translations of texts, languages, suggestions. Must not know HTTP.

A text is translated line by line; what is between its lines stays.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

from mtkit.config import decode_with
from mtkit.server.batcher import Asked, Batcher
from mtkit.server.models import Models, Way
from mtkit.server.passages import TEXT, XML, File, Page, Passage, Plain, Said
from mtkit.server.remembered import Remembered
from mtkit.text.detection import LOOKED_AT, Detector, Guess
from mtkit.text.languages import primary
from mtkit.text.terms import Glossary
from mtkit.translator.request import Request, Translation

T = TypeVar("T")
AUTO = "auto"
OF_FILE = 1800.0  # seconds that a file may take
FEW = 8  # texts whose languages are found while others wait
MOST_ALTERNATIVES = 20


@dataclass(frozen=True)
class Wanted:
    """What is wanted of some texts.

    Attributes:
        source: code of their language, or "auto".
        alternatives: other translations of each, at most.
        form: of texts: "text", "html" or "xml".
        ignored: names of tags whose elements stay as they are.
        terms: that must be rendered so.
        details: links between words and log-probabilities of pieces are wanted, too.
    """

    source: str
    target: str
    alternatives: int = 0
    form: str = TEXT
    ignored: frozenset[str] = frozenset()
    terms: Glossary | None = None
    details: bool = False


@dataclass(frozen=True)
class Answer:
    """A text's translation.

    Attributes:
        detected: None: the language was told.
        lines: what became of each line that a model was given, by the last model.
        model: what translated it.
    """

    text: str
    alternatives: list[str]
    detected: Guess | None
    lines: list[Translation]
    model: str


class Service:
    """Translates for whoever asks.

    Args:
        seconds: that a request may take.
        remembered: what answers before a model does; None: nothing.
    """

    def __init__(
        self, models: Models, batcher: Batcher, seconds: float = 60.0, remembered: Remembered | None = None
    ) -> None:
        self.remembered = remembered
        self.models, self.batcher, self.seconds = models, batcher, seconds
        self.detector = Detector(models.languages)

    def detect(self, text: str) -> list[Guess]:
        """The languages that a text may be in, likeliest first."""
        return self.detector.guesses(text)

    async def translate(self, texts: Sequence[str], wanted: Wanted) -> list[Answer]:
        """Translate texts, each for itself.

        Raises:
            Unserved: there is no way between the languages.
            Full, Late: see Batcher.
            MtkitError: a model cannot be loaded.
        """
        detected = await self._detected(texts) if wanted.source == AUTO else [None] * len(texts)
        of_languages: dict[str, list[int]] = {}
        for place, guess in enumerate(detected):
            of_languages.setdefault(guess.language if guess else wanted.source, []).append(place)
        # Together, so that a request counts as one, however many texts it has.
        groups = [(self.models.way(language, wanted.target), places) for language, places in of_languages.items()]
        works = [self._texts([texts[place] for place in places], way, wanted) for way, places in groups]
        answers: list[Answer | None] = [None] * len(texts)
        for (_, places), some in zip(groups, await _all(works), strict=True):
            for place, answer in zip(places, some, strict=True):
                answers[place] = replace(answer, detected=detected[place])
        return [one for one in answers if one is not None]

    async def _detected(self, texts: Sequence[str]) -> list[Guess | None]:
        def guessed() -> list[Guess | None]:
            return [self.detect(text)[0] for text in texts]

        return await asyncio.to_thread(guessed) if len(texts) > FEW else guessed()

    async def _texts(self, texts: Sequence[str], way: Way, wanted: Wanted) -> list[Answer]:
        if not way.models:
            return [Answer(text, [], None, [], "") for text in texts]
        passages: list[Passage] = [Plain(text) for text in texts] if wanted.form == TEXT else []
        if not passages:  # takes its time: others are served meanwhile
            passages += await asyncio.to_thread(_pages, texts, way, wanted)
        lines = [line for passage in passages for line in passage.lines]
        made = iter(await self._lines(lines, way, wanted))
        found = [(one, list(islice(made, len(one.lines)))) for one in passages]
        most, name = wanted.alternatives, way.name
        if wanted.form == TEXT:
            return [_answer(*one, most, name) for one in found]
        return await asyncio.to_thread(lambda: [_answer(*one, most, name) for one in found])

    async def file(self, name: str, data: bytes, wanted: Wanted) -> bytes:
        """Translate a file.

        Args:
            name: what it ends in says its format.

        Raises:
            Damaged: it has no format that is known, or is not of it.
            Unserved, Full, Late, MtkitError: see `translate`.
        """
        source = wanted.source
        if source == AUTO:  # by its text, whatever is around it
            unknown = await asyncio.to_thread(File, name, data, (wanted.target, wanted.target))
            source = self.detect("\n".join(unknown.lines[:LOOKED_AT])[:LOOKED_AT])[0].language
        way = self.models.way(source, wanted.target)
        if not way.models:
            return data
        taken = await asyncio.to_thread(File, name, data, way.languages)
        made = await self._lines(taken.lines, way, wanted, OF_FILE)
        return await asyncio.to_thread(taken.written, [_said(one, 0) for one in made])

    async def _lines(self, lines: Sequence[str], way: Way, wanted: Wanted, seconds: float = 0.0) -> list[Translation]:
        if (remembered := self.remembered) is not None and wanted.terms is None:
            pair = primary(way.languages[0]), primary(way.languages[1])

            def look() -> list[Translation | None]:
                return [remembered.translation(*pair, line) for line in lines]

            is_quick = len(lines) <= FEW and remembered.is_read(*pair)
            known = look() if is_quick else await asyncio.to_thread(look)
            others = [line for line, one in zip(lines, known, strict=True) if one is None]
            made = iter(await self._searched(others, way, wanted, seconds))
            return [next(made) if one is None else one for one in known]
        return await self._searched(lines, way, wanted, seconds)

    async def _searched(self, lines: Sequence[str], way: Way, wanted: Wanted, seconds: float) -> list[Translation]:
        given, translations = list(lines), list[Translation]()
        for place, model in enumerate(way.models):
            last = place == len(way.models) - 1
            translator = model.translator() if model.is_loaded else await asyncio.to_thread(model.translator)
            most = wanted.alternatives + 1 if last else 1
            details = wanted.details and last
            terms = wanted.terms if last and wanted.terms is not None else model.terms
            aligned = details and translator.attends
            request = Request(most, align=aligned, details=details, glossary=terms, guard=True)
            beam = translator.decode.beam_size
            decode = None if most <= beam else decode_with(translator.decode, {"beam_size": most})
            future = self.batcher.submit(model, given, Asked(request, decode), max(seconds, self.seconds))
            translations = await asyncio.wrap_future(future)
            given = [one.text for one in translations]
        return translations


def _pages(texts: Sequence[str], way: Way, wanted: Wanted) -> list[Page]:
    return [Page(text, way.languages, wanted.form == XML, wanted.ignored) for text in texts]


def _answer(passage: Passage, translations: list[Translation], alternatives: int, model: str) -> Answer:
    texts = [passage.put([_said(one, 0) for one in translations])]
    for rank in range(1, alternatives + 1):
        if any(len(one.candidates) > rank for one in translations):
            texts.append(passage.put([_said(one, rank) for one in translations]))
    others = [one for one in dict.fromkeys(texts[1:]) if one != texts[0]]
    return Answer(texts[0], others, None, translations, model)


async def _all(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What becomes of works that go on beside each other; when one fails, or nobody waits, all end."""
    if len(works) == 1:
        return [await works[0]]
    tasks = [asyncio.ensure_future(one) for one in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _said(translation: Translation, rank: int) -> Said:
    """The translation of this rank, or the last one there is."""
    candidates = translation.candidates
    return Said(candidates[min(rank, len(candidates) - 1)].text if candidates else "", translation.warnings)
