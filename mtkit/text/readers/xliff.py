"""Files for translators (XLIFF 1.2, 2.0 and 2.1): units of source and target. Read as a stream, of any size."""

from collections.abc import Hashable, Iterator

from mtkit.errors import DataError
from mtkit.text.readers import xml
from mtkit.text.readers.codes import best
from mtkit.text.readers.inline import Numbers, Text
from mtkit.text.readers.reader import Pair, Reader

UNFINISHED = {"new", "needs-translation", "needs-adaptation", "needs-l10n", "initial"}
"""States of a target that is none yet."""
UNITS = ("trans-unit", "segment")
OTHERS = {
    "alt-trans",
    "note",
    "notes",
    "matches",
    "glossary",
    "originalData",
    "metadata",
    "ignorable",
    "bin-unit",
    "seg-source",
}
"""What has text in it that is no unit."""
ENCLOSING, OPENING, CLOSING, SINGLE = ("g", "pc"), ("bx", "bpt", "sc"), ("ex", "ept", "ec"), ("x", "ph", "it")
NATIVE = ("bpt", "ept", "ph", "it", "sub")  # what stands in these is no text


class XLIFF(Reader):
    """The units that have a target, of files in these languages.

    One whose state says that it is not translated yet is left out.
    """

    suffix = ".xliff"
    expects = "XLIFF"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        seen: dict[str, None] = {}
        some = fits = False
        unit = _Unit()
        for event in xml.events(path, "xliff"):
            if isinstance(event, xml.Begin) and event.name in ("xliff", "file"):
                told = event.attributes
                languages = [
                    told.get("source-language", told.get("srcLang")),
                    told.get("target-language", told.get("trgLang")),
                ]
                if None not in languages:
                    names = [str(one) for one in languages]
                    seen[" to ".join(names)] = None
                    fits = all(best(wanted, [name]) for wanted, name in zip(self.languages, names, strict=True))
            if (pair := unit.take(event)) and fits:
                some = True
                yield pair
        if not some:
            wanted = " to ".join(self.languages)
            raise DataError(f"{path} has no translated unit of {wanted}: it is of {', '.join(seen) or 'no languages'}")


class XLF(XLIFF):
    """The same by the other ending."""

    suffix = ".xlf"


class _Unit:
    """The unit that is being read."""

    def __init__(self) -> None:
        self.source: Text | None = None
        self.target: Text | None = None
        self.text: Text | None = None
        self.done = True
        self.open: list[Hashable] = []
        self.hidden = 0  # elements deep in what is no text

    def take(self, event: xml.Event) -> Pair | None:
        """Take what comes next; the pair of a unit that ends."""
        if isinstance(event, str):
            if self.text is not None and not self.hidden:
                self.text.add(event)
        elif isinstance(event, xml.Begin):
            if self.hidden or event.name in OTHERS:
                self.hidden += 1
            else:
                self._begin(*event)
        elif self.hidden:
            self.hidden -= 1
        else:
            return self._end(event.name)
        return None

    def _begin(self, name: str, told: dict[str, str]) -> None:
        if name in UNITS:
            self.source = self.target = None
            self.done = told.get("state") not in UNFINISHED and told.get("translate") != "no"
        elif name == "source":
            self.text = self.source = Text()
        elif name == "target":
            self.text = self.target = Text()
            self.done &= told.get("state") not in UNFINISHED
        elif self.text is not None:
            self._inline(self.text, name, told)

    def _inline(self, text: Text, name: str, told: dict[str, str]) -> None:
        pair: Hashable = ("pair", told.get("rid") or told.get("startRef") or told.get("id", ""))
        if name in ENCLOSING or name in OPENING:
            text.open(pair)
        elif name in CLOSING:
            text.close(pair)
        elif name in SINGLE:
            text.single(("single", told["id"]) if "id" in told else None)
        elif name == "cp":
            text.add(_character(told.get("hex", "")))
        if name in ENCLOSING:
            self.open.append(pair)
        elif name in NATIVE:
            self.hidden = 1

    def _end(self, name: str) -> Pair | None:
        if name in ("source", "target"):
            self.text = None
        elif name in ENCLOSING and self.text is not None:
            self.text.close(self.open.pop())
        elif name in UNITS and self.done and self.source is not None and self.target is not None:
            numbers = Numbers()
            source, target = self.source.written(numbers), self.target.written(numbers)
            return (source, target) if target else None
        return None


def _character(code: str) -> str:
    """What a number in hexadecimal digits stands for, if that is a character of text."""
    try:
        found = chr(int(code, 16))
    except (ValueError, OverflowError):
        return ""
    return found if found.isprintable() else " "
