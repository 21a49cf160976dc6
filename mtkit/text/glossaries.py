"""Files of terms: TSV, CSV, TBX. Must not know what a term is for."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from mtkit.errors import DataError
from mtkit.text.fold import fold
from mtkit.text.languages import primary
from mtkit.text.lines import lines
from mtkit.text.terms import Form, Glossary, Term

EXPECTED = "a term, what it must become (nothing: it stays as it is), and no more columns"
HEADS = (("source", "target"), ("src", "tgt"))
ESCAPED = re.compile(r"\\([\\|*])")
Row = tuple[int, list[str]]


def read(path: Path, pair: tuple[str, str]) -> Glossary:
    """The terms of a file, by its ending: .tbx or .xml, .csv, else columns apart by tabs.

    In TSV and CSV `|` stands between several forms, and `*` behind one that may have any ending; `\\|` and `\\*` are
    the characters themselves. Blank lines and those that begin with "# " are left out, and so is a first line of the
    languages' codes, or of "source" and "target".

    Raises:
        DataError: a line is wrong; names file and line.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or not path.exists():
        raise DataError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; expected a file of terms")
    found = _tbx(path, pair) if suffix in (".tbx", ".xml") else _rows(path, pair, suffix == ".csv")
    terms, seen = list[Term](), dict[str, tuple[int, Term]]()
    for number, term in found:
        for form in term.sources:
            first, other = seen.setdefault(form.text, (number, term))
            if other.targets != term.targets:
                raise DataError(
                    f"{path}, line {number}: {form.text!r} is in line {first}, too, with another translation; put all "
                    "forms into one line, with | between them"
                )
        terms.append(term)
    if not terms:
        raise DataError(f"{path} has no terms for {pair[0]} to {pair[1]}; expected {EXPECTED}")
    return Glossary(terms, pair)


def _rows(path: Path, pair: tuple[str, str], quoted: bool) -> Iterator[tuple[int, Term]]:
    for number, row in _csv(path) if quoted else _tsv(path):
        cells = [cell.strip() for cell in row]
        while len(cells) > 2 and not cells[-1]:
            cells.pop()
        if not any(cells) or row[0].startswith("# ") or cells[0] == "#":
            continue
        if number == 1 and _is_head(cells, pair):
            continue
        if len(cells) > 2:
            raise DataError(f"{path}, line {number}: {len(cells)} columns; expected {EXPECTED}")
        source, target = (*cells, "")[:2]
        if not source:
            raise DataError(f"{path}, line {number}: nothing in the first column; expected {EXPECTED}")
        yield number, Term(_forms(path, number, source), _forms(path, number, target) if target else ())


def _is_head(cells: list[str], pair: tuple[str, str]) -> bool:
    named = tuple(cell.lower() for cell in cells)
    return named in HEADS or (len(named) == 2 and named == tuple(code.lower() for code in pair))


def _tsv(path: Path) -> Iterator[Row]:
    for number, (line, _) in enumerate(lines(path), 1):
        yield number, line.split("\t")


def _csv(path: Path) -> Iterator[Row]:
    """With commas, or, where the first line has none, semicolons, which some spreadsheets write."""
    text = [line for line, _ in lines(path)]
    mark = ";" if text and "," not in text[0] and ";" in text[0] else ","
    reader = csv.reader((line + "\n" for line in text), delimiter=mark, strict=True)
    first = 1
    try:
        for row in reader:
            yield first, row or [""]
            first = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {first}: {error}; expected {EXPECTED}, as CSV") from None


def _forms(path: Path, number: int, cell: str) -> tuple[Form, ...]:
    """What is apart by |; the same once."""
    made, parts = dict[Form, None](), [list[str]()]
    for character in re.findall(r"\\.|.", cell):  # or a backslash and what it is before
        if character == "|":
            parts.append([])
        else:
            parts[-1].append(character)
    for part in parts:
        while part and part[-1].isspace():
            part.pop()
        open_ended = part[-1:] == ["*"]
        text = _spaced(ESCAPED.sub(r"\1", "".join(part[:-1] if open_ended else part)))
        if not text:
            raise DataError(f"{path}, line {number}: {cell!r} has a form with nothing in it; expected FORM|FORM")
        made[Form(text, open_ended)] = None
    return tuple(made)


def _spaced(text: str) -> str:
    return " ".join(fold(text).split())


def _tbx(path: Path, pair: tuple[str, str]) -> Iterator[tuple[int, Term]]:
    try:
        yield from _Concepts(pair).read(path)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise DataError(f"{path}, line {error.lineno}: {said}; expected TBX") from None


class _Refused(Exception):
    """An entity, which may be a bomb."""


class _Concepts:
    """The terms of every entry of a TBX file (ISO 30042), of the second version or the third; entries of the same term
    (a bank of money, one of a river) are one, which may become either."""

    def __init__(self, pair: tuple[str, str]) -> None:
        self._sides = list(map(primary, pair))
        self._made: dict[Form, tuple[int, dict[Form, None]]] = {}
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        self._terms: list[list[Form]] = [[], []]
        self._side, self._line, self._said, self._status, self._in = -1, 0, "", "", ""

    def read(self, path: Path) -> list[tuple[int, Term]]:
        try:
            for line, _ in lines(path):
                self._parser.Parse(line + "\n")
            self._parser.Parse("", True)
        except _Refused:
            at = self._parser.CurrentLineNumber
            raise DataError(f"{path}, line {at}: an entity is declared, which may grow without end") from None
        return [(line, Term((source,), tuple(targets))) for source, (line, targets) in self._made.items()]

    def _entity(self, *_: object) -> None:
        raise _Refused

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.split(" ")[-1]
        if name in ("termEntry", "conceptEntry"):
            self._terms, self._line = [[], []], self._parser.CurrentLineNumber
        elif name in ("langSet", "langSec"):
            code = next((value for key, value in attributes.items() if key.split(" ")[-1] == "lang"), "")
            own = primary(code)
            self._side = self._sides.index(own) if own in self._sides else -1
        elif name in ("tig", "ntig", "termSec"):
            self._said = self._status = ""
        if name == "term" or (name == "termNote" and attributes.get("type") == "administrativeStatus"):
            self._in = name
            self._said = "" if name == "term" else self._said

    def _text(self, text: str) -> None:
        if self._in == "term":
            self._said += text
        elif self._in:
            self._status += text

    def _end(self, name: str) -> None:
        name = name.split(" ")[-1]
        if name in ("term", "termNote"):
            self._in = ""
        elif name in ("tig", "ntig", "termSec"):
            dropped = self._status.strip().startswith(("deprecated", "superseded"))
            if self._side >= 0 and (text := _spaced(self._said)) and not dropped:
                self._terms[self._side].append(Form(text))
        elif name in ("termEntry", "conceptEntry") and all(self._terms):
            for source in self._terms[0]:
                self._made.setdefault(source, (self._line, {}))[1].update(dict.fromkeys(self._terms[1]))
