"""`mtkit serve`: translations over HTTP, by interfaces that clients know, and a page for people."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.decode_flags import NONE_GIVEN, Flags, decode_flags
from mtkit.cli.options import DeviceOption, Messages, QuietOption, ThreadsOption, VerboseOption
from mtkit.errors import ConfigError

if TYPE_CHECKING:
    from mtkit.translator.translator import Translator

LOCAL = "127.0.0.1"
NEEDED = "mtkit serve needs {}: pip install 'mtkit[serve]'"


@decode_flags()
def command(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Bundles, runs, or names of bundles that come with mtkit; default: all of these.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; 0.0.0.0: to all who reach this machine.")
    ] = LOCAL,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: one that is free.")] = 5000,
    flags: Flags = NONE_GIVEN,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Keys and their limits: a table a key, in TOML.")
    ] = None,
    require_key: Annotated[bool, typer.Option("--require-key", help="Nobody translates without a key.")] = False,
    new_key: Annotated[
        str | None, typer.Option("--new-key", metavar="NAME", help="Make a key, print it, add it to --keys, and end.")
    ] = None,
    per_minute: Annotated[
        int, typer.Option("--per-minute", min=0, help="Requests of an address without a key; 0: any.")
    ] = 0,
    characters: Annotated[int, typer.Option("--characters", min=0, help="Of a request without a key; 0: any.")] = 0,
    body: Annotated[float, typer.Option("--body", min=0.001, help="Megabytes of a request.")] = 10.0,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="That a request may take.")] = 60.0,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Lines that wait, at most.")] = 20_000,
    suggestions: Annotated[
        str | None,
        typer.Option(
            "--suggestions", metavar="FILE|URL", help="Keep better translations: in a file of SQLite, or a database."
        ),
    ] = None,
    remember: Annotated[
        bool, typer.Option("--remember", help="What was suggested for a line is said from then on.")
    ] = False,
    memory: Annotated[
        list[str] | None,
        typer.Option(
            "--memory",
            metavar="[EN-DE=]TEXT",
            help="Parallel text, as of mtkit translate: its sources are answered with its targets, and steer search "
            "for lines that are like them; where several models are served, say which; repeatable.",
        ),
    ] = None,
    fuzzy: Annotated[
        float | None,
        typer.Option(
            "--fuzzy",
            min=0,
            max=1,
            metavar="LIKENESS",
            help="Of --memory: how like a line what steers it must be at least; 1: only what is the same counts. "
            "Default: 0.3.",
        ),
    ] = None,
    glossary: Annotated[
        list[str] | None,
        typer.Option(
            "--glossary",
            metavar="[EN-DE=]FILE",
            help="Terms that are rendered so, whoever asks; as of mtkit translate; repeatable.",
        ),
    ] = None,
    glossaries: Annotated[
        Path | None,
        typer.Option(
            "--glossaries", metavar="FOLDER", help="Where terms that clients send are kept; default: until the end."
        ),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option("--origin", metavar="URL", help="Whose pages may ask, too; *: any; repeatable.")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="The page for people.", show_default=False)] = True,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Serve models: LibreTranslate's and DeepL's interfaces, and a page."""
    messages = Messages(quiet, verbose)
    if new_key is not None:
        _new_key(new_key, keys, messages)
        return
    if require_key and keys is None:
        raise typer.BadParameter("--require-key needs --keys FILE: nobody could translate")
    if remember and suggestions is None:
        raise typer.BadParameter("--remember needs --suggestions: there is nothing to remember")
    if fuzzy is not None and not memory:
        raise typer.BadParameter("--fuzzy has an effect with --memory only")
    try:
        from mtkit.server.run import Serving, serve
    except ImportError as error:
        raise ConfigError(NEEDED.format(error.name)) from None
    from mtkit.store import shipped

    paths = models or [Path(name) for name in shipped.names()]
    if not paths:
        raise ConfigError("no bundle comes with this mtkit: name one, or a run")

    def load(path: Path) -> "Translator":
        from mtkit.translator.translator import Translator

        return Translator.load(path, device=device, **flags)

    logging.basicConfig(format="%(message)s", level=logging.INFO if verbose else logging.WARNING)
    logging.getLogger("mtkit.server").setLevel(logging.ERROR if quiet else logging.INFO)
    serve(
        paths,
        load,
        Serving(
            host=host,
            port=port,
            threads=threads,
            keys=keys,
            key_required=require_key,
            per_minute=per_minute,
            characters=characters,
            largest=int(body * 1e6),
            seconds=seconds,
            queue=queue,
            suggestions=suggestions,
            remembers=remember,
            memories=tuple(memory or []),
            terms=tuple(glossary or []),
            fuzzy=fuzzy,
            glossaries=glossaries,
            origins=tuple(origin or ()),
            has_page=page,
            logs_requests=verbose,
        ),
        messages.say,
    )


def _new_key(name: str, keys: Path | None, messages: Messages) -> None:
    if keys is None:
        raise typer.BadParameter("--new-key needs --keys FILE, to which it is added")
    from mtkit.server.access import add_key

    key = add_key(name, keys)
    messages.say(f"a key for {name} was added to {keys}; it is shown here alone:")
    print(key)
