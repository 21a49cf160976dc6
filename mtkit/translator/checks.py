"""What a translator refuses before it works: requests that no search, or not this model, can meet."""

from math import inf

from mtkit.errors import ConfigError
from mtkit.registry import nearest
from mtkit.schema import Decode
from mtkit.translator.request import Request


def refuse(decode: Decode, request: Request, names: list[str], *, attends: bool, sure: bool) -> None:
    """Refuse what cannot be done.

    Args:
        names: of the models.
        attends: whether there is attention to look at.
        sure: whether they have confidence.

    Raises:
        ConfigError: says what and why.
    """
    if not isinstance(request.n_best, int) or request.n_best < 1:
        raise ConfigError(f"n_best = {request.n_best!r}: expected a whole number, 1 or more")
    if request.sampling and not 0 < request.sampling.temperature < inf:
        raise ConfigError(f"temperature = {request.sampling.temperature!r}: expected a number above 0")
    if request.sampling is None and request.n_best > decode.beam_size:
        raise ConfigError(
            f"n_best = {request.n_best} is larger than the beam of {decode.beam_size}: raise beam_size or lower n_best",
            remedy="beam",
        )
    if request.mbr:
        _check_metric(request.mbr)
    if request.mbr and not request.sampling and decode.beam_size < 2:
        raise ConfigError("mbr chooses among translations, and a beam of 1 has one: raise beam_size, or sample", "beam")
    if request.confidence and not sure:
        several = "of one model at a time" if len(names) > 1 else f"and {names[0]} has none"
        raise ConfigError(f"confidence is fitted on text with references, {several}", remedy="confidence")
    if request.glossary is not None and request.sampling:
        raise ConfigError("a glossary goes with search, which can be made to say a term: leave it out, or sampling")
    for wanted, setting in ((request.align, "align"), (decode.coverage_penalty, "coverage_penalty")):
        if wanted and not attends:
            raise ConfigError(
                f"{setting} needs attention, and this model has none (attention.name = none)", remedy=setting
            )


def _check_metric(name: str) -> None:
    from mtkit.metrics.risk import METRICS  # hardly anybody asks for one

    if name not in METRICS:
        raise ConfigError(f"mbr = {name!r}{nearest(name, list(METRICS))}: expected chrf or bleu")
