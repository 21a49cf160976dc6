"""A study's file, read and checked as a whole, and the runs that it stands for. Makes no run and imports no torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mtkit import config as configs
from mtkit import reading, registry
from mtkit.config import Loaded
from mtkit.errors import ConfigError
from mtkit.schema import Config, RecurrentEncoder, Text
from mtkit.schema.study import Measures, Recall, Study
from mtkit.text.synthetic import recall

STUDIES = Path(configs.__file__).parent / "studies"
INDEX = "index"  # the page of all studies
TEXT = "{text}"  # in settings, the folder of the text that is made
LANGUAGES = ("asked", "kept")  # the endings of text that is made
FIRST = ("cells", "memory", "gradients", "attention", "remedies", "relu", "directions", "truncation", "norms")
ORDER = (*FIRST, "convolution", "transformer")
"""The story that the studies tell."""


@dataclass(frozen=True)
class Run:
    """One run of a study."""

    name: str
    """Of its folder: another one for other settings."""
    variant: tuple[str, ...]
    seed: int
    config: Config
    measure: Measures
    text: Recall | None
    base: str
    """The config that it is made of."""
    settings: tuple[str, ...]
    """KEY=VALUE lines on top of that."""

    def measured(self, work: Path) -> Path:
        """Where it is kept what was measured of it."""
        return work / "measured" / f"{self.name}.json"


@dataclass(frozen=True)
class Planned:
    """A study with its runs."""

    name: str
    origin: str
    """Where it was read from, for messages."""
    study: Study
    changed: list[str]
    """Settings that were put on top of the study's own; what is then measured is another study's."""
    runs: list[Run]

    @property
    def digest(self) -> str:
        """Of all that the results depend on."""
        return configs.digest(self.study.model_dump(), self.changed, [run.name for run in self.runs])


def names() -> list[str]:
    """The studies that come with mtkit, in the order of the story."""
    there = {path.stem for path in STUDIES.glob("*.toml")}
    return [name for name in ORDER if name in there] + sorted(there - set(ORDER))


def read(where: str) -> tuple[str, Study, Path]:
    """Read a study: its name, what it says, and its file.

    Args:
        where: the name of one that comes with mtkit, or a file.

    Raises:
        ConfigError: it is neither, or something in it is wrong; a line names file, key, what was found and expected.
    """
    path = STUDIES / f"{where}.toml"
    if where not in names():
        path = configs.at_home(Path(where))
        if not path.is_file():
            raise ConfigError(
                f"study {where!r} is neither a file nor one of mtkit's{registry.nearest(where, names())} "
                f"(studies: {', '.join(names())})"
            )
    name = _slug(path.stem)
    if name in ("", INDEX):
        raise ConfigError(
            f"{path}: found the name {path.stem!r}, expected one with letters, and not {INDEX!r}: rename it"
        )
    table = configs.read_toml(path, str(path))
    try:
        return name, Study.model_validate(table), path
    except ValidationError as error:
        raise ConfigError("\n  ".join(f"{path}: {_explained(dict(one))}" for one in error.errors())) from None


def plan(where: str, overrides: list[str] | None = None) -> Planned:
    """A study with all its runs, each of them checked.

    Args:
        overrides: KEY=VALUE lines that come last, of all runs.

    Raises:
        ConfigError: something is wrong with the file or with a run of it; says what.
    """
    name, study, path = read(where)
    changed = overrides or []
    return Planned(name, str(path), study, changed, list(_runs(name, study, path, changed)))


def text_of(text: Recall) -> dict[str, list[tuple[str, str]]]:
    """The pairs of train, dev, test and far that a table [text] stands for."""
    distances = sorted(set(text.distances))
    longest = distances[-1] + text.items
    counts = {
        # As many words of each distance, so that a model sees as many batches of it.
        "train": {distance: text.train * longest // (distance + text.items) for distance in distances},
        "dev": dict.fromkeys(distances, text.dev),
        "test": dict.fromkeys(distances, text.test),
    }
    counts |= {"far": {distance: count for distance, count in counts["train"].items() if distance >= text.far > 0}}
    return {
        part: recall(
            wanted,
            items=text.items,
            kinds=text.kinds,
            fillers=text.fillers,
            seed=4 * text.seed + number,
            alike=text.alike,
        )
        for number, (part, wanted) in enumerate(counts.items())
        if wanted
    }


def text_name(text: Recall) -> str:
    """The folder of a text that is made."""
    return f"text/{text.kind}-{configs.digest(text.model_dump())}"


def _runs(name: str, study: Study, path: Path, changed: list[str]) -> Iterator[Run]:
    beside = path.parent / study.base
    base = str(beside) if beside.is_file() else study.base
    sets = {level.name: level.set for axis in study.axes for level in axis.levels}
    folder = text_name(study.text) if study.text else ""
    own = [f"data.{part}={folder}/{part}" for part in ("train", "dev", "test")] if folder else []
    own += [f"data.{side}_lang={end}" for side, end in zip(("source", "target"), LANGUAGES, strict=True) if folder]
    for variant in study.variants:
        given = [*study.set, *(line for level in variant for line in sets[level]), *changed]
        if not folder and any(TEXT in line for line in given):
            raise ConfigError(f"{path}: set: found {TEXT}, which stands for text that is made, expected a table [text]")
        said = own + [line.replace(TEXT, folder) for line in given]
        label = ", ".join(variant)
        try:
            loaded = configs.load(base, said)
            _check_measures(study.measure, loaded.config)
        except ConfigError as error:
            raise ConfigError(f"{path}: the runs of {label}: {error}") from None
        data = loaded.config.data if folder else _absolute(loaded)
        for seed in study.seeds:
            config = loaded.config.model_copy(update={"seed": seed, "name": "", "data": data})
            # By what is set: a key that a later mtkit has changes no name, and no run is made again for it.
            digest = configs.digest(config.model_dump(exclude_defaults=True), study.measure.model_dump(), folder)
            run = f"{name}-{_slug(label)}-{seed}-{digest}"
            settings = (*said, f"seed={seed}")
            named = config.model_copy(update={"name": run})
            yield Run(run, variant, seed, named, study.measure, study.text, study.base, settings)


def _absolute(loaded: Loaded) -> Any:
    """[data] with paths that mean the same from another folder."""

    def of(name: str) -> str:
        return name if name.startswith(configs.BUNDLED) else str(loaded.path(name).resolve())

    data = loaded.config.data
    texts: dict[str, Sequence[Text]] = {"train": data.train, "dev": data.dev, "test": data.test}
    found = {key: [text.model_copy(update={"path": of(text.path)}) for text in some] for key, some in texts.items()}
    return data.model_copy(update=found)


def _check_measures(measure: Measures, config: Config) -> None:
    """Refuse what cannot be measured.

    Raises:
        ConfigError: says why.
    """
    for key in ("gradients", "between"):
        if getattr(measure, key) and not isinstance(config.model.encoder, RecurrentEncoder):
            raise ConfigError(
                f"measure.{key}: found model.encoder.name = {config.model.encoder.name!r}, expected 'recurrent', which "
                "has states"
            )
    if measure.wants_test and not config.data.test:
        raise ConfigError("data.test: found none, expected the text to measure on")


def _explained(error: dict[str, Any]) -> str:
    """What is wrong: the key as the user writes it, what was found, what was expected."""
    key, here = "", Study
    for part in error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]:
        key, here = _inside(key, here, part)
    message = str(error["msg"]).removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            keys, name = list(getattr(here, "model_fields", {})), str(error["loc"][-1])
            full = f"{key}.{name}".lstrip(".")
            return f"{full}: found an unknown key{registry.nearest(name, keys)}, expected one of {', '.join(keys)}"
        case "missing":
            return f"{key}: found nothing, expected it to be set"
        case "value_error" if "found" in message:
            return f"{key}: {message}" if key else message
    expected = message.removeprefix("Input should be ")
    return f"{key}: found {reading.shown(error['input'])}, expected {expected[:1].lower()}{expected[1:]}"


def _inside(key: str, here: Any, part: str | int) -> tuple[str, Any]:
    """A step down a path of pydantic's: the key so far, and the type that is found there."""
    if isinstance(part, int):
        return f"{key}[{part}]", next((one for one in _kinds(here) if one is not type(None)), None)
    field = getattr(here, "model_fields", {}).get(part)
    of = None if field is None else field.annotation
    models = [one for one in _kinds(of) if isinstance(one, type) and issubclass(one, BaseModel)]
    return f"{key}.{part}".lstrip("."), models[0] if models and not str(of).startswith("list") else of


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) or (annotation,)


def _slug(label: str) -> str:
    """A label as a part of a name of a folder."""
    return "-".join("".join(one if one.isalnum() else " " for one in label).split())
