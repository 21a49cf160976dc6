"""`mtkit info`: what a model is made of and costs; with --list and --keys: what a config can choose from and say."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtkit.cli.options import ConfigOption, Messages, QuietOption, SetOption, VerboseOption, load_config, shown
from mtkit.cli.streams import console, printable

if TYPE_CHECKING:
    from mtkit.jobs.info import Info, Part
    from mtkit.registry import Choice

Rows = list[tuple[str, ...]]
NUMBERS, TOTAL = "parameters", "total"  # the column that is aligned to the right, and the row that sums it up


def command(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL|CONFIG",
            help="A bundle, a run, a config file or a recipe; default: --config. Of --keys: what keys begin with.",
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List all choices of a config, by kind.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="List the keys of a config: type, default, meaning.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every tensor by its name.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Describe a model: its parts and their parameters, what a token costs, what it scored and on which text."""
    if list_ and keys:
        raise typer.BadParameter("give --list or --keys, not both")
    if list_:
        if what or config or set_:
            raise typer.BadParameter("--list takes no model and no config: it names what any config can choose from")
        _list(as_json)
        return
    if keys:
        if config or set_:
            raise typer.BadParameter("--keys takes no config: it lists what any config can say")
        _keys(what or "", as_json)
        return
    if what and config:
        raise typer.BadParameter(f"give {what!r} or --config {config!r}, not both")
    messages = Messages(quiet, verbose)
    folder = _folder(what) if what else None
    if folder and set_:
        raise typer.BadParameter(f"--set changes a config, but {what} is a model that stands as it is")
    from mtkit.jobs import info

    if folder:
        found = info.of_bundle(folder)
    else:
        loaded = load_config(what or config, set_, messages)
        found = info.of_config(loaded)
        if (loaded.run_folder / "best").is_dir():
            messages.say(f"a model trained so far: mtkit info {shown(loaded.run_folder)}")
    if as_json:
        print(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        _show(found)


def _folder(what: str) -> Path | None:
    """The folder of the bundle or run that is meant, or None where it is a config.

    A folder with a recipe's name is that recipe's, unless it holds a model: `demo` is where the demo was tried.

    Raises:
        ConfigError: it is nothing of all that.
    """
    from mtkit.config import at_home, recipes
    from mtkit.errors import ConfigError
    from mtkit.registry import nearest
    from mtkit.store.shipped import meant
    from mtkit.store.shipped import names as shipped

    path, names = meant(at_home(Path(what))), recipes()
    if what == "-":
        return None  # a config comes down a pipe
    if not path.exists() and what not in names:
        raise ConfigError(
            f"{what} is no bundle, no run, no config file and no recipe{nearest(what, [*names, *shipped()])} "
            f"(recipes: {', '.join(names)})"
        )
    holds = any((path / name).exists() for name in ("best", "config.json"))
    return path if path.is_dir() and (holds or what not in names) else None


def _show(info: "Info") -> None:
    rows: Rows = [(part.name, _count(part), _shapes(part)) for part in info.parts]
    _table(("part", NUMBERS, "shapes"), [*rows, (TOTAL, f"{info.parameters:,}", "")])
    print()
    _table(("", ""), [*_facts(info), *_training(info)])


def _facts(info: "Info") -> Rows:
    from mtkit.jobs.info import PIECES

    source, target = info.vocab_sizes
    cost = info.cost
    digits = 1 if cost.total >= 1e7 else 2
    forward, backward, total = (f"{flop / 1e6:,.{digits}f}" for flop in (cost.forward, cost.backward, cost.total))
    return [
        ("model", f"{info.what}, {info.languages[0]} to {info.languages[1]}"),
        *((("tags", _tags(info.tags)),) if info.tags else ()),
        *info.architecture.items(),
        ("vocabulary", f"{source:,}{f' and {target:,}' if target != source else ''} pieces ({info.vocab_origin})"),
        (
            "target token",
            f"{forward} MFLOP forward, {backward} backward, {total} in all (matrix products, in sentences of "
            f"{PIECES} pieces and an end on both sides)",
        ),
        ("on disk", f"{info.model_bytes / 1e6:,.1f} MB" + ("" if info.version else ", once it is trained")),
        ("BLEU words", info.bleu_tokenizer),
        ("native code", info.native_code.partition(", /")[0]),  # the compiler; --json has the long path, too
        ("products", info.products),
        *([("hidden", info.spans)] if info.spans else []),
        *([("confidence", info.confidence)] if info.confidence else []),
    ]


def _tags(tags: list[tuple[str, tuple[str, str]]]) -> str:
    """Tags as messages name them, with what each asks for."""
    told = [f"{f'<{name}>' if name else 'none'} ({' to '.join(languages)})" for name, languages in tags]
    return f"{', '.join(told)}; without --tag the first"


def _training(info: "Info") -> Rows:
    training = info.training
    if training is None:
        return []
    from mtkit.metrics.metric import shown as shown_metric

    rows: Rows = [
        (
            "training",
            f"{training.updates:,} updates, {training.minutes:.1f} minutes, seed {training.seed}, mtkit {info.version}",
        )
    ]
    for name, score in training.scores.items():
        said = f"{score:.4f} a token" if name == "loss" else f"{score:.2f}  {training.signatures.get(name, '')}"
        rows.append((f"dev {shown_metric(name)}", said))
    for direction, scores in training.directions.items():
        said = ", ".join(f"{shown_metric(name)} {score:.2f}" for name, score in scores.items())
        rows.append((f"dev {direction}", said))
    for one in training.measured:
        gone = ", ".join(f"{shown_metric(name)} {one.before[name]:.2f} -> {one.after[name]:.2f}" for name in one.after)
        rows.append((one.text, f"{gone} ({one.pairs:,} pairs, its parent -> it)"))
    rows += [("parent", f"{one.name}  {one.sha256}  {one.took}") for one in training.parents]
    return [*rows, *(("text", f"{name}  {digest}") for name, digest in training.hashes.items())]


def _count(part: "Part") -> str:
    return f"{part.parameters:,}" if part.parameters else "tied"


def _shapes(part: "Part") -> str:
    """Each shape once: "2 of 768x256, 2 of 768, 8000x256 of source embedding"."""
    own: dict[str, int] = {}
    tied = []
    for values in part.values:
        shape = "x".join(map(str, values.shape))
        if values.tied_to:
            tied.append(f"{shape} of {values.tied_to}")
        else:
            own[shape] = own.get(shape, 0) + 1
    return ", ".join([f"{count} of {shape}" if count > 1 else shape for shape, count in own.items()] + tied)


def _list(as_json: bool) -> None:
    from mtkit import plugins
    from mtkit.registry import CHOICES

    plugins.load_installed()
    if as_json:
        tables: dict[str, Any] = {
            kind: {name: {"what": line.what, "paper": line.paper, "from": line.origin} for name, line in lines.items()}
            for kind, lines in CHOICES.items()
        }
        print(json.dumps(tables, indent=2, ensure_ascii=False))
        return
    rows: Rows
    if sys.stdout.isatty():  # people see groups, programs get whole rows
        rows = []
        for kind, lines in CHOICES.items():
            rows += [(kind, "", "", ""), *((f"  {name}", *_described(line)) for name, line in lines.items())]
        _table(("choice", "what", "paper", "from"), rows)
        return
    rows = [(kind, name, *_described(line)) for kind, lines in CHOICES.items() for name, line in lines.items()]
    _table(("kind", "choice", "what", "paper", "from"), rows)


def _described(line: "Choice") -> tuple[str, str, str]:
    return line.what, line.paper, line.origin


def _keys(prefix: str, as_json: bool) -> None:
    from mtkit import plugins
    from mtkit.schema.keys import keys

    plugins.load_installed()
    found = keys(prefix)
    if as_json:
        print(json.dumps([key._asdict() for key in found], indent=2, ensure_ascii=False))
        return
    rows: Rows = [
        (key.key, key.of, key.type, "required" if key.default is None else json.dumps(key.default), key.what)
        for key in found
    ]
    _table(("key", "of", "type", "default", "what"), rows)


def _table(headings: tuple[str, ...], rows: Rows) -> None:
    """Columns: for people on a terminal, folded into its width; elsewhere plain, a row a line, whatever its length."""
    if sys.stdout.isatty():
        _fold(headings, rows)
        return
    lines = [headings, *rows] if any(headings) else rows
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(headings, line, widths, strict=True)
        aligned = [cell.rjust(width) if head == NUMBERS else cell.ljust(width) for head, cell, width in cells]
        print(printable("  ".join(aligned).rstrip()))


def _fold(headings: tuple[str, ...], rows: Rows) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=any(headings), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    widest = 20  # a column up to this is never folded
    for heading, column in zip(headings, zip(*rows, strict=True), strict=True):
        table.add_column(
            heading,
            justify="right" if heading == NUMBERS else "left",
            no_wrap=max(map(len, column)) <= widest,
            overflow="fold",
        )
    above = ""
    for first, *others in rows:
        bold = first == TOTAL or not any(others)
        table.add_row("" if first == above else first, *others, style="bold" if bold else "")
        above = first
    console(stderr=False).print(table)
