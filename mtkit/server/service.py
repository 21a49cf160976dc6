"""What is served, whatever asks for it: translations of texts, languages, suggestions. Must not know HTTP.

A text is translated line by line; what is between its lines stays.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mtkit.config import decode_with
from mtkit.server.batcher import Asked, Batcher
from mtkit.server.detection import Detector, Guess
from mtkit.server.models import Models, Way
from mtkit.server.passages import Passage
from mtkit.translator.request import Request, Translation

AUTO = "auto"
MOST_ALTERNATIVES = 20


@dataclass(frozen=True)
class Wanted:
    """What is wanted of some texts.

    Attributes:
        source: code of their language, or "auto".
        alternatives: other translations of each, at most.
        html: texts are HTML.
        details: links between words and log-probabilities of pieces are wanted, too.
    """

    source: str
    target: str
    alternatives: int = 0
    html: bool = False
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
    """

    def __init__(self, models: Models, batcher: Batcher, seconds: float = 60.0) -> None:
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
        made = await _all([self._text(text, wanted) for text in texts])
        return list(made)

    async def _text(self, text: str, wanted: Wanted) -> Answer:
        detected = self.detect(text)[0] if wanted.source == AUTO else None
        way = self.models.way(detected.language if detected else wanted.source, wanted.target)
        passage = Passage.of(text, wanted.html)
        translations = await self._lines(passage.lines, way, wanted) if way.models else []
        if not way.models:
            return Answer(text, [], detected, [], "")
        texts = [passage.put([one.text for one in translations])]
        for rank in range(1, wanted.alternatives + 1):
            if any(len(one.candidates) > rank for one in translations):
                texts.append(passage.put([_ranked(one, rank) for one in translations]))
        others = [one for one in dict.fromkeys(texts[1:]) if one != texts[0]]
        return Answer(texts[0], others, detected, translations, way.name)

    async def _lines(self, lines: Sequence[str], way: Way, wanted: Wanted) -> list[Translation]:
        given, translations = list(lines), list[Translation]()
        for place, model in enumerate(way.models):
            last = place == len(way.models) - 1
            translator = model.translator() if model.is_loaded else await asyncio.to_thread(model.translator)
            most = wanted.alternatives + 1 if last else 1
            request = Request(most, align=wanted.details and last and translator.attends, details=wanted.details and last)
            beam = translator.decode.beam_size
            decode = None if most <= beam else decode_with(translator.decode, {"beam_size": most})
            future = self.batcher.submit(model, given, Asked(request, decode), self.seconds)
            translations = await asyncio.wrap_future(future)
            given = [one.text for one in translations]
        return translations


async def _all(work: list) -> list[Answer]:  # type: ignore[type-arg]
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


def _ranked(translation: Translation, rank: int) -> str:
    """The translation of this rank, or the last one there is."""
    candidates = translation.candidates
    return candidates[min(rank, len(candidates) - 1)].text if candidates else ""
