"""What helps models, in files: translation memories, and terms. Must not know HTTP.

A file is named with the languages that it is for, "en-de=mine.tsv", or alone where one model is served.
"""

from collections.abc import Sequence
from pathlib import Path

from mtkit.errors import ConfigError
from mtkit.server.models import Model, Models
from mtkit.text import glossaries
from mtkit.text.languages import primary
from mtkit.text.memory import Memory
from mtkit.translator.memory import LEAST


def give(models: Models, memories: Sequence[str], least: float | None, terms: Sequence[str]) -> None:
    """Give models their memories and terms, before they are loaded.

    Args:
        memories: files; of one model there may be several.
        least: likeness of lines whose translations steer search; None: as of `mtkit translate`.
        terms: files, of a model one.

    Raises:
        ConfigError: it is not said which model a file is for, or two have terms for the same.
        DataError: a file is missing, or none of these.
    """
    of_models = dict[Model, list[Path]]()
    for given in memories:
        model, path = _split(given, models)
        of_models.setdefault(model, []).append(path)
    for model, paths in of_models.items():
        model.memory = Memory(paths, (model.source, model.target))
        model.least = LEAST if least is None else least
    for given in terms:
        model, path = _split(given, models)
        if model.terms is not None:
            raise ConfigError(f"{given}: there are terms for {_named(model)} already; put them into one file")
        model.terms = glossaries.read(path, (model.source, model.target))


def told(model: Model) -> str:
    """What a model is helped by, in words."""
    memory = "" if model.memory is None else f", a memory of {len(model.memory):,}"
    return memory + ("" if model.terms is None else f", {len(model.terms):,} terms")


def _split(given: str, models: Models) -> tuple[Model, Path]:
    """A model and a file for it."""
    served = {_named(model): model for model in models.all}
    languages, equals, path = given.partition("=")
    if equals and (model := served.get(languages.lower())):
        return model, Path(path)
    if len(served) == 1 and (Path(given).exists() or not equals):
        return next(iter(served.values())), Path(given)
    raise ConfigError(
        f"{given}: which model is it for? Served are {', '.join(served)}: say {next(iter(served))}={path or given}"
    )


def _named(model: Model) -> str:
    return f"{primary(model.source)}-{primary(model.target)}"
