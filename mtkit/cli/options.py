"""Options that the commands share, and what follows from them."""

import functools
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtkit.cli import remedies
from mtkit.cli.decode_flags import Flags
from mtkit.cli.importing import keep
from mtkit.cli.streams import printable

if TYPE_CHECKING:
    from mtkit.config import Loaded
    from mtkit.schema import Decode
    from mtkit.translator.translator import Translator

MOST_PROCESSES = 1024  # and threads: more than any machine has use for, and less than would bring it down
OFTEN = 5  # warnings of a kind that are said; the others are counted
KINDS = 20  # of them, at most
VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*")

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", "-c", metavar="FILE|RECIPE", help="The config; default: mtkit.toml here, or the demo."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Set a key of the config, e.g. -s model.encoder.cell=lstm."),
]
PluginOption = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="MODULE", help="Load a module, or a .py file, that brings choices of its own."),
]
DeviceOption = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, max=MOST_PROCESSES, show_default=False, help="Threads to compute with."),
]
ModelsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="DIR",
        help="A bundle, a run, or the name of a bundle that comes with mtkit; repeated: an ensemble; default: the "
        "config's run.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=MOST_PROCESSES,
        show_default=False,
        help="Processes that share the work, of one thread each; default: 1, on a cluster one a processor.",
    ),
]
TagOption = Annotated[
    str | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        show_default=False,
        help="What stands before every source, of the tags that the model was trained with (mtkit info); default: the "
        "first of them.",
    ),
]
FormatOption = Annotated[str, typer.Option("--format", metavar="text|jsonl", help="Form of the output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer and errors.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more, the resolved config among it.")]


def with_plugins(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option more, --plugin, that is obeyed before all else."""

    @functools.wraps(command)
    def run(*args: Any, plugin: list[str] | None = None, **kwargs: Any) -> None:
        if plugin:
            from mtkit import plugins

            for name in plugin:
                plugins.load(name)
        command(*args, **kwargs)

    signature = inspect.signature(command)
    parameters = list(signature.parameters.values())
    place = next((i for i, one in enumerate(parameters, 1) if one.name == "set_"), len(parameters))
    option = inspect.Parameter("plugin", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=PluginOption)
    option = option.replace(kind=parameters[place - 1].kind) if parameters else option
    made = signature.replace(parameters=[*parameters[:place], option, *parameters[place:]])
    run.__signature__ = made  # type: ignore[attr-defined]
    run.__annotations__ = command.__annotations__ | {"plugin": PluginOption}
    return run


def with_homes(command: Callable[..., None]) -> Callable[..., None]:
    """The command with a ~ at the beginning of its paths for what a shell makes of it: quotes and = keep shells off."""

    def written_out(value: Any) -> Any:
        if isinstance(value, list):
            return [written_out(one) for one in value]
        if isinstance(value, Path) and str(value).startswith("~"):
            from mtkit.config import at_home

            return at_home(value)
        return value

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        command(*args, **{key: written_out(value) for key, value in kwargs.items()})

    return run


def listed(text: str, flag: str) -> list[str]:
    """The entries of a list with commas; spaces around them and empty ones do not count."""
    entries = [entry for one in text.split(",") if (entry := one.strip())]
    if not entries:
        raise typer.BadParameter(f"{flag} {text!r} names nothing; expected a list such as bleu,chrf")
    return entries


def checked_form(form: str) -> str:
    """A name of a form, or wrong usage."""
    if form not in ("text", "jsonl"):
        raise typer.BadParameter(f"--format is text or jsonl, not {form!r}")
    return form


class Messages:
    """What goes to stderr."""

    def __init__(self, quiet: bool, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose
        self._warned: dict[str, tuple[str, int]] = {}  # kind -> the first of it, and how many there were

    def say(self, message: str, remedy: str = "") -> None:
        """A line for the user, with the flags of its remedy."""
        if not self.quiet:
            self._print(remedies.told(message, remedy))

    def warn(self, message: str) -> None:
        """A line that is said even when quiet."""
        self._print(f"WARNING: {message}")

    def warn_of(self, where: str, message: str) -> None:
        """A warning that may come often: the first few of a kind are said, the others counted (`count_up`).

        Args:
            where: what it is about: "line 3".
            message: of the same kind is what differs in numbers and in what is quoted.
        """
        kind = VARIES.sub("", message)
        if kind not in self._warned and len(self._warned) == KINDS:
            kind = ""
        first, count = self._warned.get(kind, (f"{where}: {message}", 0))
        self._warned[kind] = first, count + 1
        if count < OFTEN:
            self.warn(f"{where}: {message}")

    def count_up(self, of: str) -> None:
        """Say how many more warnings of each kind there were; `of`: "lines"."""
        for first, count in self._warned.values():
            if count > OFTEN:
                self.warn(f"{count - OFTEN:,} more {of} like {first}")
        self._warned.clear()

    def detail(self, message: str) -> None:
        """Lines for whoever asked for more."""
        if self.verbose and not self.quiet:
            for line in message.split("\n"):
                self._print(line)

    def _print(self, message: str) -> None:
        print(printable(message), file=sys.stderr, flush=True)


def detail_native(messages: Messages) -> None:
    """Whether parts are computed in C, or why not, for whoever asked for more."""
    from mtkit.ops import native

    if messages.verbose:
        messages.detail(f"native code: {native.status()}")


def load_config(config: str | None, overrides: list[str] | None, messages: Messages) -> "Loaded":
    """Read the config and say which one it is."""
    from mtkit.config import load

    loaded = load(config, overrides)
    messages.say(f"config: {loaded.origin}")
    messages.detail(loaded.config.model_dump_json(indent=1))
    return loaded


def load_translator(
    models: list[Path] | None,
    config: str | None,
    overrides: list[str] | None,
    device: str,
    threads: int | None,
    workers: int,
    messages: Messages,
    flags: Flags,
    tag: str | None = None,
) -> "Translator":
    """The translator that a command's options ask for; `flags` are its own for [decode]."""
    from mtkit import plugins
    from mtkit.cli import importing

    importing.ahead()
    from mtkit.config import parse_decode
    from mtkit.jobs.trained import trained, without_config
    from mtkit.schema import Decode

    if not models and config is None and (found := without_config(overrides or [])):
        messages.say(
            f"model: {found.name}, which comes with mtkit (there is no mtkit.toml and no run here); "
            f"mtkit info {found.name} says more of it"
        )
        models = [found]
    if models and config is None:
        decode: Decode = parse_decode(overrides or [], "--set")
    else:
        loaded = load_config(config, overrides, messages)
        decode = loaded.config.decode
        if not models:
            models = [trained(loaded.run_folder)]
    importing.load(whole=plugins.brought())
    from mtkit.translator.translator import Translator

    # Processes are forked from this one: had it used several threads, theirs would wait for these for ever.
    compute_with(1 if workers > 1 else threads, messages)
    translator = Translator.load(*models, device=device, decode=_with_flags(decode, flags), tag=tag)
    if tag is None and translator.tag:
        known, languages = ", ".join(map(str, translator.tags)), f"{translator.source_lang} to {translator.target_lang}"
        messages.say(f"tag: <{translator.tag}>, {languages}; this model has {known} (--tag)")
    if told := translator.precision.told:
        messages.say(told)
    messages.detail(f"precision: {translator.precision.name} ({translator.precision.reason})")
    keep()
    return translator


def compute_with(threads: int | None, messages: Messages) -> None:
    """Compute with so many threads; None: as torch finds best."""
    from mtkit.ops.device import cores, set_threads

    set_threads(threads)
    if threads and threads > (here := cores()):
        messages.warn(f"--threads {threads}, and there are {here} cores here: threads will wait for one another")


def _with_flags(decode: "Decode", flags: Flags) -> "Decode":
    """What is set in a config or by --set, and before it what the flags say."""
    from pydantic import ValidationError

    given = decode.model_dump(include=decode.model_fields_set)
    try:
        return type(decode).model_validate(given | dict(flags))
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise typer.BadParameter(f"{flag} {first['input']}: {first['msg']}") from None


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
