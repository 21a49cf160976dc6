"""Windows of lines, or of pairs, with their numbers, from windows of text as they arrive."""

from collections.abc import Callable, Iterable, Iterator

from mtkit.errors import DataError
from mtkit.text.readers import tsv
from mtkit.translator.request import Line, Pair


def numbered(
    windows: Iterable[list[str]], name: str, prefixes: tuple[Iterator[str], str] | None, warn: Callable[[str], None]
) -> Iterator[list[Line]]:
    """Lines with what their translations begin with.

    Args:
        name: of the input, for messages.
        prefixes: what each translation begins with, and where that is from; None: nothing.
        warn: is told of prefixes that are left over.

    Raises:
        DataError: there are fewer prefixes than lines; what came before has been yielded.
    """
    number = 0
    for window in windows:
        chunk: list[Line] = []
        for text in window:
            prefix = next(prefixes[0], None) if prefixes else ""
            if prefix is None:
                if chunk:
                    yield chunk
                origin = prefixes[1] if prefixes else ""
                raise DataError(f"{origin} has {number} lines, {name} has more: expected a prefix (or nothing) a line")
            chunk.append(Line(text, prefix, number))
            number += 1
        yield chunk
    if prefixes and next(prefixes[0], None) is not None:
        warn(f"{prefixes[1]} has more lines than {name}, which has {number}")


def pairs(windows: Iterable[list[str]], name: str) -> Iterator[list[Pair]]:
    """SOURCE<TAB>TARGET a line.

    Raises:
        DataError: a line without a tab; what came before has been yielded.
    """
    number = 0
    for window in windows:
        chunk: list[Pair] = []
        for text in window:
            number += 1
            try:
                source, target = tsv.parse(text, name, number)
            except DataError:
                if chunk:
                    yield chunk  # what came before the error is good
                raise
            chunk.append(Pair(source, target, number - 1))
        yield chunk
