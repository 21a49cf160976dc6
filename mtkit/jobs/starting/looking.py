"""Which files are parallel text, by their names and by what their formats say of themselves. Reads beginnings only."""

import csv
import importlib
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.languages import language, letters_of, primary
from mtkit.text.lines import lines
from mtkit.text.readers import xml
from mtkit.text.readers.codes import SIDES
from mtkit.text.readers.reader import readers
from mtkit.text.readers.tables import INSIDE, LARGEST

DIVIDED = "mtkit-text"
"""The folder that text is divided into, where nothing is there to measure on."""
DEEP = 2  # folders within one another that are looked into
NOT_TEXT = {"runs", "prepared", DIVIDED, "node_modules", "__pycache__"}  # folders
SEGMENTS = 4000  # of a memory, that are looked at
ROLES = {
    "train": {"train", "training"},
    "dev": {"dev", "devel", "development", "val", "valid", "validation", "tune", "tuning"},
    "test": {"test", "testing", "eval", "devtest", "newstest"},
}
CODE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
BOTH = re.compile(r"(?:.*[-_ ])?([a-z]{2,3})[-_]([a-z]{2,3})", re.IGNORECASE)
SAID = re.compile(rb"(?<![A-Za-z-])Language:\s*([A-Za-z]{2,3}(?:[-_][A-Za-z]{2,4})?)")
SAYS = 1 << 13  # bytes in which a catalogue says its language


@dataclass(frozen=True)
class Text:
    """What may be parallel text.

    Attributes:
        entry: as a config names it: a file, or a prefix.
        files: what is read.
        offered: codes of its languages, in its order; "": of a side nothing is said.
        fixed: whether the first is the source and the second the target, whatever a config says.
        role: train, dev or test, by its name.
        size: bytes on disk.
    """

    entry: Path
    files: tuple[Path, ...]
    offered: tuple[str, ...]
    fixed: bool
    role: str
    size: int


@dataclass(frozen=True)
class Looked:
    """What was found.

    Attributes:
        texts: what may be parallel text, the largest first.
        alone: a sentence for each file that is a side without another, or cannot be read.
        others: files that are something else.
    """

    texts: list[Text]
    alone: list[str]
    others: list[Path]


def look(named: Sequence[Path], wanted: Sequence[str] = ()) -> Looked:
    """Look at files, prefixes and folders.

    Args:
        wanted: codes of languages that somebody has named, which are taken for codes if nobody knows them.

    Raises:
        DataError: there is nothing of that name.
    """
    found = dict.fromkeys((file, root) for path in named for file, root in _files(path))
    texts: list[Text] = []
    alone: list[str] = []
    sides: dict[Path, dict[str, Path]] = {}
    roots: dict[Path, Path] = {}
    others: list[Path] = []
    for file, root in found:
        bare = compression.bare(file)
        suffix = max((one.suffix for one in readers() if one.suffix and bare.endswith(one.suffix)), key=len, default="")
        stem, _, ending = bare.rpartition(".")
        if suffix:
            try:
                offered, fixed = _offered(file, suffix)
            except (DataError, OSError, UnicodeError) as error:
                alone.append(str(error))
                continue
            texts.append(Text(file, (file,), offered, fixed, _role(file, root), file.stat().st_size))
        elif stem and CODE.fullmatch(ending) and known(ending, wanted):
            sides.setdefault(file.parent / stem, {})[ending] = file
            roots[file.parent / stem] = root
        else:
            others.append(file)
    for prefix, files in sides.items():
        if len(files) < 2:
            (file,) = files.values()
            alone.append(f"{file} is a side alone: there is no {prefix}.LANG of another language")
            continue
        size = sum(file.stat().st_size for file in files.values())
        role = _role(prefix, roots[prefix])
        texts.append(Text(prefix, tuple(files.values()), tuple(files), False, role, size))
    return Looked(sorted(texts, key=lambda text: (-text.size, str(text.entry))), alone, others)


def known(code: str, wanted: Sequence[str] = ()) -> bool:
    """Whether something is the code of a language, as far as languages are known here."""
    first = primary(code)
    return bool(first in map(primary, wanted) or letters_of(first) or language(first).script)


def by_name(path: Path) -> tuple[str, str]:
    """The two languages that the name of a file or of its folder says, such as "corpus.en-de.tsv"; ("", ""): none."""
    for part in (*compression.bare(path).split("."), path.absolute().parent.name):
        if found := BOTH.fullmatch(part):
            one, other = found[1].lower(), found[2].lower()
            if known(one) and known(other) and one != other:
                return one, other
    return "", ""


def _files(path: Path) -> Iterator[tuple[Path, Path]]:
    """The files that a path means, each with the folder from which on its name counts."""
    if path.is_dir():
        yield from ((file, path) for file in _inside(path, DEEP))
        return
    if path.is_file():
        yield path, path.parent
        return
    sides = [one for one in _listed(path.parent) if one.name.startswith(f"{path.name}.") and one.is_file()]
    if not sides:
        raise DataError(f"{path} does not exist; expected a folder, a file of parallel text, or PREFIX of PREFIX.LANG")
    yield from ((file, path.parent) for file in sides)


def _inside(folder: Path, deep: int) -> Iterator[Path]:
    for path in _listed(folder):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif deep and path.is_dir() and path.name not in NOT_TEXT:
            yield from _inside(path, deep - 1)


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _role(path: Path, root: Path) -> str:
    """What a text is for, by its name, or else by that of a folder that it is in."""
    for name in reversed(path.relative_to(root).parts if path.is_relative_to(root) else path.parts):
        words = set(re.split("[^a-z]+", name.lower()))
        for role, names in ROLES.items():
            if words & names:
                return role
    return "train"


def _offered(path: Path, suffix: str) -> tuple[tuple[str, ...], bool]:
    """The languages that a file says it has, and whether the first of them must be the source."""
    match suffix:
        case ".tmx":
            return _of_memory(path), False
        case ".xliff" | ".xlf":
            return _of_xliff(path), True
        case ".csv":
            head = next(iter(lines(path)), ("", False))[0]
            csv.field_size_limit(LARGEST)
            return _of_columns(next(csv.reader([head], delimiter=max(",;\t", key=head.count)), []), path)
        case ".jsonl":
            line = next((line for line, _ in lines(path) if line.strip()), "")
            try:
                row = json.loads(line) if line else {}
            except (ValueError, RecursionError):
                raise DataError(f"{path}, line 1: no JSON") from None
            row = row.get(INSIDE, row) if isinstance(row, dict) else {}
            return _of_columns([key for key, value in row.items() if isinstance(value, str)], path)
        case ".parquet":
            return _of_columns(_of_parquet(path), path)
        case ".po" | ".mo":
            found = SAID.search(_beginning(path))
            return ("", primary(found[1].decode()) if found else ""), True
    return ("", ""), True


def _of_memory(path: Path) -> tuple[str, ...]:
    """The languages of a translation memory, that of its sources first."""
    counts: Counter[str] = Counter()
    source = ""
    begun = (event for event in xml.events(path, "tmx") if isinstance(event, xml.Begin))
    for event in begun:
        if event.name == "header":
            source = primary(event.attributes.get("srclang", ""))
        elif event.name == "tuv":
            counts[primary(event.attributes.get(xml.LANGUAGE) or event.attributes.get("lang", ""))] += 1
            if counts.total() >= SEGMENTS:
                break
    del counts[""]
    first = source if source in counts else "en"
    return tuple(sorted(counts, key=lambda code: (code != first, -counts[code], code)))


def _of_xliff(path: Path) -> tuple[str, ...]:
    for event in xml.events(path, "xliff"):
        if isinstance(event, xml.Begin) and event.name in ("xliff", "file"):
            told = event.attributes
            source = told.get("source-language", told.get("srcLang"))
            target = told.get("target-language", told.get("trgLang"))
            if source and target:
                return primary(source), primary(target)
    return "", ""


def _of_columns(names: Iterable[str], path: Path) -> tuple[tuple[str, ...], bool]:
    """The columns that are called by a language; or, where they are called source and target, two that say nothing."""
    names = list(names)
    found = [name for name in names if CODE.fullmatch(name.strip()) and known(name.strip())]
    if len(found) > 2:
        found = [name for name in found if name.strip().lower() not in ("id", "no")]  # which are languages, too
    if len(found) >= 2:
        return tuple(primary(name.strip()) for name in found), False
    lower = {name.strip().lower() for name in names}
    if all(lower.intersection(side) for side in SIDES):
        return ("", ""), True
    shown = ", ".join(map(repr, names[:8])) or "none"
    raise DataError(f"{path}: no columns called by a language, nor source and target; there are {shown}")


def _of_parquet(path: Path) -> list[str]:
    if importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"{path}: to read it takes pyarrow: pip install 'mtkit[parquet]'")
    pyarrow, parquet = map(importlib.import_module, ("pyarrow", "pyarrow.parquet"))
    try:
        schema = parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is no table of Parquet, or damaged: {str(error).splitlines()[0]}") from None
    if INSIDE in schema.names and pyarrow.types.is_struct(schema.field(INSIDE).type):
        return [field.name for field in schema.field(INSIDE).type]
    return list(schema.names)


def _beginning(path: Path) -> bytes:
    return b"".join(islice(compression.blocks(path), 1))[:SAYS]
