"""XML as a stream: begins and ends of elements, and text, of files of any size. Must not know any format.

No entity is ever expanded but XML's own five and characters by number: a file that declares some is refused, and so is
whatever would be fetched from elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from mtkit.errors import DataError
from mtkit.text import compression

DEEPEST = 256  # elements within one another
LANGUAGE = "xml:lang"
_NAMESPACE = "http://www.w3.org/XML/1998/namespace "


class Begin(NamedTuple):
    """An element begins; its name without namespace."""

    name: str
    attributes: dict[str, str]


class End(NamedTuple):
    """An element ends."""

    name: str


Event = Begin | End | str


def events(path: Path, root: str) -> Iterator[Event]:
    """What a file says, in turn; compressed or not.

    Args:
        root: the name that the outermost element must have.

    Raises:
        DataError: it is no XML, broken, declares entities, or is something else; names file and line.
    """
    stream = _Stream(path, root)
    for block in compression.blocks(path):
        yield from stream.feed(block, False)
    yield from stream.feed(b"", True)


class _Stream:
    def __init__(self, path: Path, root: str) -> None:
        self.path, self.root = path, root
        self.found: list[Event] = []
        self.depth = 0
        parser = self.parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.found.append
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._external
        parser.SkippedEntityHandler = self._skipped
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def feed(self, data: bytes, last: bool) -> Iterator[Event]:
        try:
            self.parser.Parse(data, last)
        except expat.ExpatError as error:
            reason = expat.errors.messages.get(error.code, str(error))
            raise DataError(
                f"{self.path}, line {error.lineno}, column {error.offset + 1}: broken XML: {reason}"
            ) from None
        except (LookupError, ValueError) as error:  # an encoding that there is not, or cannot be read so
            raise self._refused(f"cannot be read: {error}") from None
        yield from self.found
        self.found.clear()

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        plain = _local(name)
        if self.depth == 1 and plain != self.root:
            raise self._refused(f"<{plain}> is no <{self.root}>; expected a file of that format")
        if self.depth > DEEPEST:
            raise self._refused(f"more than {DEEPEST} elements within one another")
        told = {LANGUAGE if key == f"{_NAMESPACE}lang" else _local(key): value for key, value in attributes.items()}
        self.found.append(Begin(plain, told))

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.found.append(End(_local(name)))

    def _entity(self, name: str, *_: object) -> None:
        raise self._refused(
            f"declares the entity {name!r}, which no text needs and which may hide gigabytes; take it out"
        )

    def _external(self, *_: object) -> int:
        raise self._refused("refers to another file, which is not read; take that out")

    def _skipped(self, name: str, is_parameter: bool) -> None:
        raise self._refused(f"refers to the entity {name!r}, which it does not declare; write the character itself")

    def _refused(self, why: str) -> DataError:
        return DataError(f"{self.path}, line {self.parser.CurrentLineNumber}: {why}")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
