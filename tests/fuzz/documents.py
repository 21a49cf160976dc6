"""Changes of a JSON text that know what JSON is."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.attempt import Expected
from tests.fuzz.values import floats, integers, names, values

Draw = st.DrawFn
Path = tuple[str | int, ...]
DEEP = (100, 5_000, 200_000)


@dataclass(frozen=True)
class Changed:
    """A text, and what was done to it."""

    content: bytes
    change: str
    nothing: bool = False
    """Whether it says the same as before."""
    breaks: bool = False
    """Whether it does not fit any longer to what lies beside it."""

    def expected(self, unnoticed: bool) -> Expected:
        """What may come of it, where no checksum tells of it or one does."""
        if self.nothing and unnoticed:
            return Expected.SAME
        return Expected.ANYTHING if unnoticed and not self.breaks else Expected.REFUSAL


@st.composite
def changed(draw: Draw, content: bytes) -> Changed:
    """A change of a JSON text: of a value, of the table that it stands in, or of the text itself."""
    document = json.loads(content)
    how = draw(st.sampled_from([*VALUES, *VALUES, *TABLES, *TEXTS]))
    path = _descent(draw, document)
    if how in TEXTS:
        text = TEXTS[how](draw, document, path)
        return Changed(text, f"{how} at {_told(path)}", nothing=how in NOTHING)
    made = copy.deepcopy(document)
    owner = made
    for key in path[:-1]:
        owner = owner[key]
    if not path:
        made = draw(values)
        return Changed(dumped(made), f"all of it -> {made!r:.60}")
    if how in VALUES:
        before = owner[path[-1]]
        owner[path[-1]] = VALUES[how](draw, before)
        after = f"{before!r:.40} -> {owner[path[-1]]!r:.60}"
        return Changed(dumped(made), f"{_told(path)}, {how}: {after}")
    TABLES[how](draw, owner, path[-1])
    return Changed(dumped(made), f"{_told(path)}, {how}")


def dumped(value: Any) -> bytes:
    """JSON, with what JSON does not have (NaN, half a surrogate) as Python writes it."""
    return json.dumps(value).encode("utf-8", errors="surrogatepass")


def _descent(draw: Draw, document: Any) -> Path:
    """A way down to some value; each table on it has the same weight, whatever lies below."""
    path: list[str | int] = []
    here = document
    while isinstance(here, dict | list) and here:
        if path and draw(st.integers(0, 4)) == 0:
            break
        key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(min(len(here), 3))))
        path.append(key)
        here = here[key]
    return tuple(path)


def _told(path: Path) -> str:
    return ".".join(map(str, path)) or "the top"


def _near(draw: Draw, before: Any) -> Any:
    """A value of the same type."""
    if isinstance(before, bool):
        return not before
    if isinstance(before, int):
        return draw(
            st.one_of(integers, st.just(before + 1), st.just(before - 1), st.just(-before), st.just(2 * before))
        )
    if isinstance(before, float):
        return draw(floats)
    if isinstance(before, str):
        return draw(names)
    return draw(st.sampled_from([[], {}, [before], {"a": before}]))


def _as_other_type(draw: Draw, before: Any) -> Any:
    """What looks like it and is of another type."""
    others: list[Any] = [str(before), [before], {"value": before}, None]
    if isinstance(before, int) and not isinstance(before, bool):
        others += [float(before), bool(before), before + 0.5]
    return draw(st.sampled_from(others))


VALUES: dict[str, Callable[[Draw, Any], Any]] = {
    "null": lambda draw, before: None,
    "another value": lambda draw, before: draw(values),
    "one of its type": _near,
    "one of its type again": _near,
    "the same as another type": _as_other_type,
    "doubled": lambda draw, before: before * 2 if isinstance(before, list | str) else [before, before],
}


def _remove(draw: Draw, owner: Any, key: Any) -> None:
    del owner[key]


def _add(draw: Draw, owner: Any, key: Any) -> None:
    if isinstance(owner, list):
        owner.insert(key, draw(values))
    else:
        owner[draw(names)] = draw(values)


def _rename(draw: Draw, owner: Any, key: Any) -> None:
    if isinstance(owner, dict):
        owner[draw(names)] = owner.pop(key)
    else:
        owner.reverse()


def _swap(draw: Draw, owner: Any, key: Any) -> None:
    other = draw(st.sampled_from(sorted(owner) if isinstance(owner, dict) else range(len(owner))))
    owner[key], owner[other] = owner[other], owner[key]


TABLES: dict[str, Callable[[Draw, Any, Any], None]] = {
    "removed": _remove,
    "something added beside it": _add,
    "renamed": _rename,
    "swapped with another": _swap,
}


def _deep(draw: Draw, document: Any, path: Path) -> bytes:
    depth = draw(st.sampled_from(DEEP))
    opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    return _spelt(document, path, opening * depth + "1" + closing * depth)


def _spelt(document: Any, path: Path, text: str) -> bytes:
    """The document with some text in the place of a value."""
    mark = "\x01here\x01"
    made = copy.deepcopy(document)
    if not path:
        return text.encode("utf-8", errors="surrogatepass")
    owner = made
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = mark
    return json.dumps(made).replace(json.dumps(mark), text, 1).encode("utf-8", errors="surrogatepass")


def _twice(draw: Draw, document: Any, path: Path) -> bytes:
    if not isinstance(document, dict):
        return dumped(document)
    key = draw(st.sampled_from(sorted(document)))
    return dumped(document)[:-1] + b", " + dumped(key) + b": " + dumped(draw(values)) + b"}"


def _cut(draw: Draw, document: Any, path: Path) -> bytes:
    text = dumped(document)
    return text[: draw(st.integers(0, len(text) - 1))]


def _flipped(draw: Draw, document: Any, path: Path) -> bytes:
    text = bytearray(dumped(document))
    for _ in range(draw(st.integers(1, 3))):
        text[draw(st.integers(0, len(text) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(text)


def _escaped(draw: Draw, document: Any, path: Path) -> bytes:
    """The same in other words."""
    return json.dumps(document, indent=draw(st.sampled_from([None, 1, 7])), separators=(" ,", ": ")).encode()


TEXTS: dict[str, Callable[[Draw, Any, Path], bytes]] = {
    "great depth": _deep,
    "a key twice": _twice,
    "cut": _cut,
    "bits flipped": _flipped,
    "spelt otherwise": _escaped,
    "a number of many digits": lambda draw, document, path: _spelt(document, path, "9" * 5000),
    "a number beyond all floats": lambda draw, document, path: _spelt(document, path, "1e999"),
    "half a surrogate": lambda draw, document, path: _spelt(document, path, '"\\ud800"'),
    "a long string": lambda draw, document, path: _spelt(document, path, '"' + "long " * 100_000 + '"'),
    "UTF-16": lambda draw, document, path: json.dumps(document).encode("utf-16"),
    "a byte order mark": lambda draw, document, path: b"\xef\xbb\xbf" + dumped(document),
    "empty": lambda draw, document, path: b"",
    "zeros": lambda draw, document, path: bytes(len(dumped(document))),
}
NOTHING = ("spelt otherwise",)
