"""The job of fitting confidence: text with references is translated, and what search tells of each line is held beside
how good it came out. What that says is kept in the bundle."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sacrebleu.metrics.chrf import CHRF

from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.jobs.evaluate import Unwatched, Watcher
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.inputs import find, usable
from mtkit.jobs.texts import used
from mtkit.metrics.confidence import Estimator, fit, trust
from mtkit.schema import Decode
from mtkit.store import bundle, bundle_config
from mtkit.store.bundle_config import ConfidenceFacts
from mtkit.text.readers.reader import Pair
from mtkit.translator import sure
from mtkit.translator.request import Request
from mtkit.translator.translator import Translator

LEAST = 70.0  # chrF from which on a translation needs no change: about one word in ten is another one
FEWEST, MOST = 100, 5000  # lines
_COUNT = len(sure.FEATURES)
_NEUTRAL = Estimator((0.0,) * _COUNT, (1.0,) * _COUNT, (0.0,) * _COUNT, 0.0)


def dev_of(loaded: Loaded) -> list[Pair]:
    """The text that a run is validated on, in the direction that a model takes where nothing is said.

    Raises:
        DataError: it is gone.
    """
    data = loaded.config.data
    if data.dev:
        return [pair for use in used(loaded, data.dev) if use.tag == data.tags[0] for pair in use.reader]
    prepared = usable(find(resolved(loaded)))
    if prepared is None:
        raise DataError("the text that was held out of data.train is not there any more: name other text", "held_out")
    lines, pairs, begin = list(zip(*prepared.dev_text(), strict=True)), list[Pair](), 0
    for part in prepared.split("dev").parts:
        if part.languages in (None, data.own):
            pairs += lines[begin : begin + part.pairs]
        begin += part.pairs
    return pairs


def fit_confidence(
    model: Path,
    pairs: Sequence[Pair],
    *,
    device: str = "auto",
    decode: Decode | None = None,
    watcher: Watcher | None = None,
) -> tuple[ConfidenceFacts, Path]:
    """Fit the confidence of a bundle, or of a run's best one, and keep it there; returns also where.

    Args:
        pairs: text that it was not trained on; of much some is taken, evenly.
        decode: how is searched; what is not set is as the bundle has it.

    Raises:
        BundleError: it is missing or damaged.
        DataError: the text is too little, or comes out all good or all bad.
    """
    folder = bundle.locate(model)
    loaded = Translator.load(folder, device=device, decode=decode)
    member, languages = loaded.members[0], (loaded.source_lang, loaded.target_lang)
    translator = Translator([replace(member, estimator=_NEUTRAL)], loaded.asked, languages)
    step = max(1, -(-len(pairs) // MOST))
    some, request = pairs[::step], Request(details=True, guard=True, confidence=True)
    made = translator.translations((source for source, _ in some), request=request)
    followed = (watcher or Unwatched()).follow("translating", made, len(some), "lines")
    chrf = CHRF()
    features, qualities = list[list[float]](), list[float]()
    for (_, reference), one in zip(some, followed, strict=True):
        if sure.is_models(one) and reference.strip():
            features.append(sure.features(one))
            qualities.append(chrf.sentence_score(one.text, [reference]).score)
    if len(features) < FEWEST:
        raise DataError(f"{len(features)} lines are too few to fit confidence on: give {FEWEST} or more")
    good = [quality >= LEAST for quality in qualities]
    try:
        told, estimator = trust(features, qualities, LEAST), fit(features, good)
    except ValueError:
        raise DataError(
            f"{sum(good)} of {len(good)} lines came out good (chrF {LEAST:g} or more), which tells nothing of the "
            "others: give other text, or more"
        ) from None
    facts = ConfidenceFacts(
        features=sure.FEATURES,
        **vars(estimator),
        lines=len(good),
        least=LEAST,
        good=sum(good) / len(good),
        error=told.error,
        worst=told.worst,
    )
    bundle.rewrite(folder, bundle_config.read(folder).model_copy(update={"confidence": facts}))
    return facts, folder
