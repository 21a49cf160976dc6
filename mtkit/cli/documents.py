"""Documents as `mtkit translate` is asked for them, and what it says of them."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtkit.cli import streams
from mtkit.cli.options import Messages
from mtkit.cli.output import FOLDERS_OF_DEVICES, check_output
from mtkit.cli.progress import Progress, Total
from mtkit.errors import DataError

if TYPE_CHECKING:
    from mtkit.documents.translated import Outcome
    from mtkit.translator.request import Request, Translation
    from mtkit.translator.translator import Translator

LINES = "lines"
MARKS = ("all", "doubtful", "none")
BOTH = "1:2"

AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="FORMAT",
        help="What FILE is: lines, or a document (mtkit info --list has them); default: by the ending of its name.",
        show_default=False,
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Of documents: what has a translation already is translated, too.")
]
ColumnsOption = Annotated[
    str,
    typer.Option(
        "--columns", metavar="N:M[,...]", help="Of columns: translate N into M, from 1; N alone: in its place."
    ),
]
MarkOption = Annotated[
    str,
    typer.Option(
        "--mark",
        metavar="all|doubtful|none",
        help="Of PO and XLIFF: which translations are marked as not yet looked at (fuzzy, needs-review-translation).",
    ),
]
ReviewOption = Annotated[
    Path | None,
    typer.Option("--review", metavar="FILE", help="Of documents: a page of what a person should look at, worst first."),
]


@dataclass(frozen=True)
class Documents:
    """What was asked for.

    Attributes:
        files: path, its format, and where it is written; None: stdout.
    """

    files: list[tuple[Path, str, Path | None]]
    everything: bool
    columns: tuple[tuple[int, int], ...]
    marked: str
    review: Path | None

    @property
    def targets(self) -> list[Path | None]:
        """Where they are written."""
        return [target for *_, target in self.files]


def asked(
    files: Sequence[Path],
    output: Path | None,
    kind: str | None,
    everything: bool,
    columns: str,
    marked: str,
    review: Path | None,
    others: dict[str, bool],
) -> Documents | None:
    """What options ask for; None: lines of text, as ever.

    Args:
        others: options that are for lines alone, and whether they were given.

    Raises:
        DataError: a file that cannot be read, or written.
    """
    from mtkit.documents.formats import format_of, names
    from mtkit.registry import nearest
    from mtkit.text.compression import STDIN

    known = [LINES, *names()]
    if kind is not None and kind not in known:
        raise typer.BadParameter(f"--as {kind}: no such format{nearest(kind, known)} ({', '.join(known)})")
    kinds = [kind or format_of(path) or LINES for path in files or [STDIN]]
    there = {
        "--all": everything,
        "--columns": columns != BOTH,
        "--mark": marked != "all",
        "--review": review is not None,
    }
    given = [flag for flag, is_there in there.items() if is_there]
    if all(one == LINES for one in kinds):
        if given:
            raise typer.BadParameter(f"{given[0]} has an effect with documents only: name a format with --as")
        return None
    if LINES in kinds:
        path = files[kinds.index(LINES)]
        raise typer.BadParameter(f"{path} is lines, other FILES are documents: translate them apart, or name --as")
    if flag := next((flag for flag, is_there in others.items() if is_there), None):
        raise typer.BadParameter(f"{flag} is for lines of text, and this is {kinds[0]} (--as {LINES}: it is lines)")
    if marked not in MARKS:
        raise typer.BadParameter(f"--mark is {', '.join(MARKS[:-1])} or {MARKS[-1]}, not {marked!r}")
    if columns != BOTH and "tsv" not in kinds:
        raise typer.BadParameter(f"--columns has an effect with columns only, and this is {kinds[0]} (--as tsv)")
    places = _places(files or [STDIN], kinds, output)
    if review:
        check_output(review, *(path for path, *_ in places))
        if any(target and os.path.realpath(target) == os.path.realpath(review) for *_, target in places):
            raise DataError(f"{review} is where a document is written, and no place for the page of --review")
    return Documents(places, everything, _columns(columns), marked, review)


def _columns(text: str) -> tuple[tuple[int, int], ...]:
    """1:2,4 -> ((1, 2), (4, 4))."""
    made = []
    for one in text.split(","):
        numbers = one.strip().split(":")
        if len(numbers) > 2 or not all(
            number.isascii() and number.isdigit() and 0 < int(number) < 10**6 for number in numbers
        ):
            raise typer.BadParameter(f"--columns is N or N:M, counted from 1, or several with commas, not {text!r}")
        made.append((int(numbers[0]), int(numbers[-1])))
    if twice := [target for target, count in Counter(target for _, target in made).items() if count > 1]:
        raise typer.BadParameter(f"--columns {text}: two translations would stand in column {twice[0]}")
    return tuple(made)


def _places(files: Sequence[Path], kinds: Sequence[str], output: Path | None) -> list[tuple[Path, str, Path | None]]:
    """Files with where they are written, all of which is possible as far as can be seen."""
    from mtkit.text.compression import STDIN

    for path in files:
        if path != STDIN and not path.exists():
            raise DataError(f"{path} does not exist; expected a document")
        if path.is_dir():
            raise DataError(f"{path} is a folder; expected a document")
    if len(files) == 1:
        target = None if output in (None, STDIN) else output
        check_output(target, files[0])
        return [(files[0], kinds[0], target)]
    if output is None or output == STDIN:
        raise typer.BadParameter(f"{len(files)} FILES: name a folder for the results: -o FOLDER")
    if output.exists() and not output.is_dir():
        raise DataError(f"{output} is a file; several files are written to a folder: -o FOLDER")
    counts = Counter(path.name for path in files)
    if twice := next((name for name, count in counts.items() if count > 1), None):
        raise DataError(f"two files are called {twice}, and so would their results; rename one, or give it another -o")
    if STDIN in files:
        raise typer.BadParameter("stdin is one FILE of several: give it a command of its own")
    output.mkdir(parents=True, exist_ok=True)
    for path in files:
        check_output(output / path.name, *files)
    return [(path, kind, output / path.name) for path, kind in zip(files, kinds, strict=True)]


def run(
    wanted: Documents,
    translator: "Translator",
    request: "Request",
    form: str,
    processes: tuple[int, int | None],
    messages: Messages,
) -> None:
    """Translate documents, each written when it is whole."""
    from mtkit.documents.document import Options
    from mtkit.documents.formats import opened
    from mtkit.documents.translated import translate
    from mtkit.text.compression import STDIN

    if form == "jsonl" and any(target is None for *_, target in wanted.files):
        raise typer.BadParameter(
            "--format jsonl tells on stdout what became of segments: name a file for the document, -o FILE"
        )
    languages, told = (translator.source_lang, translator.target_lang), list[dict[str, Any]]()
    for path, kind, target in wanted.files:
        name = "stdin" if path == STDIN else str(path)
        options = Options(name, languages, wanted.columns, wanted.marked, wanted.everything)
        document = opened(kind, _read(path), options)
        if target is None and document.binary and sys.stdout.isatty():
            raise DataError(f"{name} is no text to show on a terminal; name a file for its translation: -o FILE")
        outcome = translate(document, _search(translator, request, processes, messages))
        _write(outcome.data, target)
        told.append(_told(outcome, name, target, form, messages))
    if wanted.review:
        from mtkit.report.review import page

        _write(page(told).encode(), wanted.review)


def _read(path: Path) -> bytes:
    """The bytes of a file or stdin, uncompressed.

    Raises:
        DataError: there are more than any document has.
    """
    from mtkit.documents.document import LARGEST
    from mtkit.text import compression

    made = bytearray()
    for block in compression.blocks(path):
        made += block
        if len(made) > LARGEST:
            raise DataError(f"{path} has more than {LARGEST:,} bytes, and no document should: cut it into parts")
    return bytes(made)


def _search(
    translator: "Translator", request: "Request", processes: tuple[int, int | None], messages: Messages
) -> "Callable[[Sequence[str]], Iterator[Translation]]":
    """What translates lines, and shows how far it is."""
    from mtkit.ops.device import Threads
    from mtkit.translator.parallel import in_parallel
    from mtkit.translator.request import Line

    def search(texts: Sequence[str]) -> "Iterator[Translation]":
        size = translator.window_lines
        lines = [Line(text, number=number) for number, text in enumerate(texts)]
        windows = [lines[start : start + size] for start in range(0, len(lines), size)]
        workers, threads = processes
        with Progress(messages, "translated", Total(len(lines)), "lines") as progress:

            def counted(some: "Iterator[Translation] | list[Translation]") -> "Iterator[Translation]":
                for one in some:
                    progress.done += 1
                    yield one
                progress.tell()

            if workers > 1:
                with in_parallel(translator, request, workers, threads or 1) as pool:
                    progress.begin()
                    for made in pool.in_order(iter(windows)):
                        yield from counted(made)
                return
            progress.begin()
            of_use = Threads(threads)
            for window in windows:
                of_use.fit(translator.multiplications(len(window)))
                yield from counted(translator.window(window, request=request))

    return search


def _write(data: bytes, target: Path | None) -> None:
    """Write a document: a file appears when it is whole; what is no plain file is written to."""
    from mtkit import files
    from mtkit.text import compression

    if target is None:
        streams.write_bytes(data)
        return
    packed = compression.kind(target, b"")
    if str(target.absolute()).startswith(FOLDERS_OF_DEVICES) or (target.exists() and not target.is_file()):
        with files.as_os_error(target), target.open("wb") as file, compression.packer(file, packed) as packer:
            packer.write(data)
        return
    with files.writing(Path(os.path.realpath(target))) as whole:
        packer = compression.packer(whole, packed)
        packer.write(data)
        if packed:
            packer.close()


def _told(outcome: "Outcome", name: str, target: Path | None, form: str, messages: Messages) -> dict[str, Any]:
    """Say what became of a document; returns what a page says of it."""
    doubtful = outcome.doubtful
    for caution in outcome.cautions:
        messages.warn(f"{name}: {caution}")
    for answer in doubtful:
        for warning in answer.warnings:
            messages.warn_of(f"{name}, {answer.segment.where}", warning)
    messages.count_up("segments")
    taken = sum(answer.taken for answer in outcome.answers)
    counts = {"translated": taken, "kept": outcome.kept + len(outcome.answers) - taken, "look": len(doubtful)}
    if form == "jsonl":
        out = streams.open_for_writing()
        for answer in outcome.answers:
            out.write(json.dumps({"file": name, **answer.as_json()}, ensure_ascii=False) + "\n")
        out.write(json.dumps({"file": name, "output": str(target), **counts}, ensure_ascii=False) + "\n")
    messages.say(
        f"{name}: segments translated: {counts['translated']:,}, kept as they were: {counts['kept']:,}, "
        f"to be looked at: {counts['look']:,}"
    )
    return {"file": name, **counts, "segments": [answer.as_json() for answer in doubtful]}
