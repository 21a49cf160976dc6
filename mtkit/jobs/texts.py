"""The texts that a config names, as what each is read: from which language into which, and with which tag.

Must not know what is made of them, nor torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.schema import Corpus, Tag, Text
from mtkit.text import reserved
from mtkit.text.readers.reader import Reader, locate


@dataclass(frozen=True)
class Use:
    """A text of dev or test, in one direction.

    Attributes:
        name: the last component of its path, with the direction where there are several, made unique.
        entry: its path, as the config says it.
    """

    name: str
    entry: str
    reader: Reader
    tag: Tag


def read(loaded: Loaded, text: Text, tag: Tag) -> Reader:
    """What reads a text as a tag says.

    Raises:
        DataError: it is not there, or gives no scores and is to be taken by these.
    """
    turned = loaded.config.data.turned(tag.languages)
    reader = locate(loaded.path(text.path), *(reversed(tag.languages) if turned else tag.languages))
    reader.turned = turned
    if isinstance(text, Corpus) and text.min_score is not None:
        if not reader.scores:
            raise DataError(
                f"{text.path} gives no score of a pair, and min_score = {text.min_score:g} needs one: leave it out, or "
                "give .tsv with a third column, or .csv, .jsonl or .parquet with a column score"
            )
        reader.min_score = text.min_score
    return reader


def trained(loaded: Loaded) -> list[Reader]:
    """What reads each text of data.train.

    Raises:
        DataError: one is not there.
    """
    data = loaded.config.data
    return [read(loaded, text, data.tag(text)) for text in data.train]


def used(loaded: Loaded, texts: Sequence[Text]) -> list[Use]:
    """Texts of dev or test in all directions that they are read in, a direction after the other.

    Raises:
        DataError: one is not there.
    """
    data = loaded.config.data
    both = [(text, tag) for text in texts for tag in data.uses(text)]
    several = len(data.directions) > 1
    called = names([f"{text.path}.{tag.direction}" if several else text.path for text, tag in both])
    made = [(name, text.path, read(loaded, text, tag), tag) for name, (text, tag) in zip(called, both, strict=True)]
    return [Use(*one) for one in made]


def names(entries: Sequence[str]) -> list[str]:
    """What texts are called: the last component of each path, numbered where one was there before."""
    given: list[str] = []
    for entry in entries:
        name = last = Path(entry.rpartition(":")[2]).name or entry
        number = 2
        while name in given:
            name, number = f"{last}-{number}", number + 1
        given.append(name)
    return given


def symbols(loaded: Loaded) -> dict[str, str]:
    """The reserved piece of each tag of a config: name -> symbol; those of a model that is begun from stay its own.

    Raises:
        ConfigError: there are too many.
        BundleError: the model that is begun from cannot be read.
    """
    names = [tag.name for tag in loaded.config.data.tags if tag.name]
    if not names or not loaded.config.train.init_from:
        return reserved.of_tags(names)
    from mtkit.jobs import origin  # which other runs do without
    from mtkit.store import bundle_config

    known = bundle_config.read(origin.find(loaded)).tags or ()
    return reserved.of_tags(names, {tag.name: tag.symbol for tag in known if tag.name})
