"""Translation memories (TMX 1.1 to 1.4b): units of segments in several languages. Read as a stream, of any size."""

from collections.abc import Iterator

from mtkit.errors import DataError
from mtkit.text.readers import xml
from mtkit.text.readers.codes import best
from mtkit.text.readers.inline import Numbers, Text
from mtkit.text.readers.reader import Pair, Reader

PAIRED = {"bpt": "open", "ept": "close"}
SINGLE = ("ph", "it", "ut")
SHOWN = 8  # languages that a message names


class TMX(Reader):
    """The units that have both languages: the code that is the wanted one, or else begins with it ("en-US" for en).

    Of several segments of a language in a unit the one that was changed last counts, and of those the last.
    """

    suffix = ".tmx"
    expects = "a translation memory"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        seen: dict[str, None] = {}
        some = False
        for segments in _units(xml.events(path, "tmx")):
            chosen = [best(language, segments) for language in self.languages]
            source, target = chosen
            if source is None or target is None:
                seen |= dict.fromkeys(list(segments)[:SHOWN])
                continue
            some = True
            numbers = Numbers()
            yield segments[source].written(numbers), segments[target].written(numbers)
        if not some:
            found = f"it has {', '.join(list(seen)[:SHOWN])}" if seen else "it has no unit with two languages"
            raise DataError(f"{path} has no unit in both {' and '.join(self.languages)}: {found}")


def _units(events: Iterator[xml.Event]) -> Iterator[dict[str, Text]]:
    """Of each unit the segments by their language."""
    segments: dict[str, Text] = {}
    dates: dict[str, str] = {}
    language = date = unit_date = ""
    text: Text | None = None
    hidden = 0  # elements deep in what is no text of the segment
    names = list[object]()
    for event in events:
        if isinstance(event, str):
            if text is not None and not hidden:
                text.add(event)
        elif isinstance(event, xml.Begin):
            name, told = event
            if hidden:
                hidden += 1
            elif name == "tu":
                segments, dates, unit_date = {}, {}, _date(told)
            elif name == "tuv":
                language = told.get(xml.LANGUAGE) or told.get("lang", "")
                date = _date(told) or unit_date
            elif name == "seg":
                text = Text()
            elif text is not None:
                if name in PAIRED:
                    number = ("pair", told.get("i", ""))
                    (text.open if name == "bpt" else text.close)(number)
                    hidden = 1
                elif name in SINGLE:
                    text.single(("single", told["x"]) if "x" in told else None)
                    hidden = 1
                elif name == "hi":
                    names.append(("hi", told.get("x", len(names))))
                    text.open(names[-1])
                elif name == "sub":
                    hidden = 1
        elif hidden:
            hidden -= 1
        elif event.name == "hi" and text is not None and names:
            text.close(names.pop())
        elif event.name == "seg" and text is not None:
            if language and (language not in segments or date >= dates[language]):
                segments[language], dates[language] = text, date
            text = None
            names.clear()
        elif event.name == "tu":
            yield segments


def _date(told: dict[str, str]) -> str:
    """When it was changed, or else made: as ISO 8601 has it, so that texts are in order."""
    return told.get("changedate") or told.get("creationdate", "")
