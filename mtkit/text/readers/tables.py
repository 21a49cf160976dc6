"""Text in columns that have names: CSV, JSON lines, Parquet. They are called by language, or source and target."""

import csv
import importlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from typing import Any

from mtkit.errors import DataError
from mtkit.text.readers.codes import SIDES, columns
from mtkit.text.readers.reader import Pair, Reader

ROWS = 4096  # that are read together
LARGEST = 1 << 24  # characters of a field
SCORE = "score"  # what the column of it is called
INSIDE = "translation"  # where corpora of Hugging Face have an object with a key a language


class Table(Reader):
    """What readers of named columns share."""

    scores = f"the column {SCORE}"

    def named(self, names: Iterable[str], where: str) -> tuple[str, str]:
        """The columns of source and target.

        Raises:
            DataError: there are none.
        """
        names = list(names)
        found = columns(self.languages, names)
        if found is None:
            shown = ", ".join(map(repr, names[:12])) or "none"
            raise DataError(
                f"{where}: expected columns {' and '.join(self.languages)}, or {SIDES[0][0]} and {SIDES[1][0]}; "
                f"there are {shown}"
            )
        return found


class CSV(Table):
    """Fields apart by commas, semicolons or tabs, whichever the first line has most of; it names the columns."""

    suffix = ".csv"
    expects = "columns with their names in the first line"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        lines = self.lines(path)
        head = next(lines, None)
        if head is None:
            return
        apart = max(",;\t", key=head.count)
        csv.field_size_limit(LARGEST)
        rows = csv.reader(_with_ends(head, lines), delimiter=apart, strict=True)
        try:
            names = next(rows)
            places = [names.index(name) for name in self.named(names, f"{path}, line 1")]
            scored = next((place for place, name in enumerate(names) if name.strip().lower() == SCORE), len(names))
            if self.min_score is not None and scored == len(names):
                raise DataError(f"{path}, line 1: min_score needs a column {SCORE}; there are {', '.join(names[:12])}")
            for row in rows:
                if not row:
                    continue
                if len(row) <= max(places):
                    raise DataError(
                        f"{path}, line {rows.line_num}: {len(row)} fields, expected {len(names)} as in line 1"
                    )
                source, target = (" ".join(row[place].splitlines()) for place in places)
                score = row[scored] if scored < len(row) else None
                if self.enough(score, (source, target), f"{path}, line {rows.line_num}"):
                    yield source, target
        except csv.Error as error:
            raise DataError(
                f'{path}, line {rows.line_num}: {error}; expected fields as in line 1, quoted with "'
            ) from None


def _with_ends(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield head + "\n"
    for line in lines:
        yield line + "\n"


class JSONLines(Table):
    """An object a line, with a key a language, or with one called "translation" that holds such an object."""

    suffix = ".jsonl"
    expects = "a JSON object a line"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        known: dict[tuple[str, ...], tuple[str, str]] = {}
        for number, line in enumerate(self.lines(path), 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where}: no JSON: {error}") from None
            score = row.get(SCORE) if isinstance(row, dict) else None
            if isinstance(row, dict) and isinstance(row.get(INSIDE), dict):
                row = row[INSIDE]
                score = row.get(SCORE, score)
            if not isinstance(row, dict):
                raise DataError(f"{where}: expected an object, got {line.strip()[:40]!r}")
            keys = tuple(row)
            if keys not in known:
                known[keys] = self.named([key for key in keys if isinstance(row[key], str)], where)
            source, target = (_text(row[key], key, where) for key in known[keys])
            if self.enough(score, (source, target), where):
                yield source, target


class Parquet(Table):
    """A table of columns; read some rows at a time."""

    suffix = ".parquet"
    expects = "a table of columns"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        if importlib.util.find_spec("pyarrow") is None:
            raise DataError(f"{path}: to read it takes pyarrow: pip install 'mtkit[parquet]'")
        pyarrow, parquet = map(importlib.import_module, ("pyarrow", "pyarrow.parquet"))

        try:
            with parquet.ParquetFile(path) as file:
                names = [field.name for field in file.schema_arrow]
                inside = INSIDE in names and pyarrow.types.is_struct(file.schema_arrow.field(INSIDE).type)
                wanted = [INSIDE] if inside else list(self.named(names, str(path)))
                scored = [SCORE] if self.min_score is not None and SCORE in names else []
                row = 0
                for batch in file.iter_batches(batch_size=ROWS, columns=wanted + scored):
                    for one in batch.to_pylist():
                        row += 1
                        score = one.get(SCORE)
                        if inside:
                            one = one[INSIDE] or {}
                            wanted = list(self.named(one, f"{path}, row {row}"))
                        source, target = (_text(one[name], name, f"{path}, row {row}") for name in wanted)
                        if self.enough(score, (source, target), f"{path}, row {row}"):
                            yield source, target
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path} is no table of Parquet, or damaged: {str(error).splitlines()[0]}") from None


def _text(value: Any, name: str, where: str) -> str:
    """A field on one line; nothing counts as no text.

    Raises:
        DataError: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"{where}: {name} = {str(value)[:40]!r}, expected text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{where}: {name} has half a character (a lone surrogate)") from None
    return " ".join(value.splitlines())
