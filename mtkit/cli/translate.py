"""`mtkit translate`: lines from a file or a pipe, translations to stdout."""

import json
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TextIO

import typer

from mtkit.cli.options import (
    ConfigOption,
    DeviceOption,
    Messages,
    QuietOption,
    SetOption,
    ThreadsOption,
    VerboseOption,
    load_config,
)

if TYPE_CHECKING:
    from mtkit.pipeline.translate import Candidate, Translation, Translator
    from mtkit.schema import Decode

READ = 1 << 16


def command(
    file: Annotated[Path | None, typer.Argument(help="Text to translate, a sentence a line; default: stdin.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write; default: stdout.")] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", "-m", metavar="DIR", help="A bundle or a run; default: the config's run."),
    ] = None,
    beam_size: Annotated[
        int | None, typer.Option("--beam-size", min=1, help="Hypotheses kept in search; 1: greedy.")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option("--length-penalty", help="A in log-probability / ((5+|Y|)/6)^A.")
    ] = None,
    n_best: Annotated[int, typer.Option("--n-best", min=1, help="Translations a line: INDEX ||| text ||| score.")] = 1,
    max_ratio: Annotated[
        float | None,
        typer.Option("--max-ratio", min=0.01, help="Longest output: so many times the source pieces, plus 10."),
    ] = None,
    batch_tokens: Annotated[
        int | None, typer.Option("--batch-tokens", min=1, help="Source pieces times beam in a batch.")
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Print score<TAB>text.")] = False,
    align: Annotated[
        bool, typer.Option("--align", help="Add ||| and links of source to target words, e.g. 0-0 1-2.")
    ] = False,
    form: Annotated[str, typer.Option("--format", metavar="text|jsonl", help="Form of the output.")] = "text",
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Translate text: one line in, one line out, in order."""
    if form not in ("text", "jsonl"):
        raise typer.BadParameter(f"--format is text or jsonl, not {form!r}")
    if model and len(model) > 1:
        raise typer.BadParameter(f"--model takes one model, got {len(model)}")
    messages = Messages(quiet, verbose)
    if file is not None:
        from mtkit.text.bitext import must_exist

        must_exist(file)
    flags = {
        "beam_size": beam_size,
        "length_penalty": length_penalty,
        "max_ratio": max_ratio,
        "batch_tokens": batch_tokens,
    }
    translator = _load(model[0] if model else None, config, set_, device, threads, messages)
    translator.decode = _with_flags(translator.decode, {k: v for k, v in flags.items() if v is not None})
    translator.check(translator.decode, n_best, align)
    messages.detail(f"search: {translator.decode}")
    write = _jsonl if form == "jsonl" else _text
    number = 0
    source = file.open("rb") if file else sys.stdin.buffer
    if file is None and sys.stdin.isatty():
        messages.say("type a sentence and Enter; Ctrl-D ends")
    with _Target(output) as out:
        for window in windows(source, str(file) if file else "stdin"):
            for translation in translator.window(window, n_best=n_best, align=align):
                for warning in translation.warnings:
                    messages.say(f"WARNING: line {number + 1}: {warning}")
                write(out, number, translation, n_best, scores, align)
                number += 1
                out.flush()
    messages.detail(f"{number:,} lines translated")


def _load(
    model: Path | None,
    config: str | None,
    overrides: list[str] | None,
    device: str,
    threads: int | None,
    messages: Messages,
) -> "Translator":
    from mtkit import files
    from mtkit.config import parse_decode
    from mtkit.pipeline.device import set_threads
    from mtkit.pipeline.translate import load_for, missing_run
    from mtkit.schema import Decode

    set_threads(threads)
    if model is not None and config is None:
        decode: Decode | None = parse_decode(overrides or [])
        return load_for(model, device, decode)
    loaded = load_config(config, overrides, messages)
    if model is None:
        model = loaded.run_folder
        if not files.standing(model / "best").exists():
            raise missing_run(model)
    return load_for(model, device, loaded.config.decode)


def _with_flags(decode: "Decode", flags: dict[str, float]) -> "Decode":
    from pydantic import ValidationError

    try:
        return type(decode).model_validate(decode.model_dump() | flags)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise typer.BadParameter(f"{flag} {first['input']}: {first['msg']}") from None


class _Target:
    """Where translations go: stdout, or a file that appears when it is whole; until then it is called FILE.part."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def __enter__(self) -> TextIO:
        if self.path is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
            return sys.stdout
        # A device, a pipe or a link is written as it is; to put a file in its place would be to destroy it.
        special = self.path.is_symlink() or (self.path.exists() and not self.path.is_file())
        self.part = self.path if special else self.path.with_name(self.path.name + ".part")
        self.file = self.part.open("w", encoding="utf-8", newline="\n")
        return self.file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.path is not None:
            self.file.close()
            if self.part == self.path:
                return
            if kind is None:
                self.part.replace(self.path)
            else:  # hours of work may lie in it
                print(f"what was translated so far is in {self.part}", file=sys.stderr)


def windows(source: BinaryIO, name: str) -> Iterator[list[str]]:
    """Yield the lines that have arrived, as many as there are at once, but no more than a window."""
    from mtkit.errors import DataError
    from mtkit.pipeline.translate import WINDOW
    from mtkit.text.bitext import decode

    number = 0

    def decoded(raw: list[bytes]) -> Iterator[list[str]]:
        nonlocal number
        lines: list[str] = []
        try:
            lines += (line for line, _ in decode(raw, name, first=number + 1))
        except DataError:
            if lines:
                yield lines  # what came before the error is good
            raise
        number += len(raw)
        yield lines

    pending: list[bytes] = []
    parts: list[bytes] = []  # of a line that has not ended yet
    handle = source.fileno()
    while True:
        waiting = bool(select.select([handle], [], [], 0)[0])
        if pending and (not waiting or len(pending) >= WINDOW):
            yield from decoded(pending[:WINDOW])
            del pending[:WINDOW]
            continue
        data = os.read(handle, READ)
        if not data:
            break
        *lines, rest = data.split(b"\n")
        for line in lines:
            parts.append(line + b"\n")
            pending.append(b"".join(parts))
            parts = []
        if rest:
            parts.append(rest)
    if parts:
        pending.append(b"".join(parts))
    for start in range(0, len(pending), WINDOW):
        yield from decoded(pending[start : start + WINDOW])


def _text(out: TextIO, number: int, translation: "Translation", n_best: int, scores: bool, align: bool) -> None:
    candidates: list[Candidate | None] = [*translation.candidates] or [None]
    for candidate in candidates:
        text, score = (candidate.text, candidate.score) if candidate else ("", 0.0)
        line = text
        if n_best > 1:
            line = f"{number} ||| {text} ||| {score:.4f}"
        elif scores:
            line = f"{score:.4f}\t{text}"
        if align:
            line += " ||| " + _links(candidate)
        out.write(line + "\n")


def _links(candidate: "Candidate | None") -> str:
    links = candidate.alignment if candidate else None
    return " ".join(f"{source}-{target}" for source, target in links or [])


def _jsonl(out: TextIO, number: int, translation: "Translation", n_best: int, scores: bool, align: bool) -> None:
    best = translation.candidates[0] if translation.candidates else None
    record = {
        "id": number,
        "source": translation.source,
        "translation": translation.text,
        "score": best.score if best else 0.0,
        "logprob": best.logprob if best else 0.0,
        "tokens": best.tokens if best else [],
        "nbest": [{"translation": c.text, "score": c.score, "logprob": c.logprob} for c in translation.candidates],
        "alignment": [list(link) for link in best.alignment] if best and best.alignment is not None else None,
        "warnings": translation.warnings,
    }
    out.write(json.dumps(record, ensure_ascii=False) + "\n")
