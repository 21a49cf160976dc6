"""`mtkit export`: a smaller, faster bundle made of a trained one."""

from pathlib import Path
from typing import Annotated

import typer

from mtkit.cli.options import ConfigOption, Messages, QuietOption, SetOption, VerboseOption, load_config, shown

MB = 1e6


def command(
    model: Annotated[Path, typer.Argument(help="A bundle or a run.", show_default=False)],
    out: Annotated[
        Path, typer.Argument(help="The folder to write; --to argos a file, NAME.argosmodel.", show_default=False)
    ],
    precision: Annotated[str, typer.Option("--precision", metavar="fp32|bf16|int8", help="Of the weights.")] = "int8",
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="mtkit|ctranslate2|argos",
            help="Whose it is to be; the others run Transformers: CTranslate2, and Argos Translate and LibreTranslate.",
        ),
    ] = "mtkit",
    shortlist: Annotated[
        bool,
        typer.Option("--shortlist", help="Learn, from the config's corpus, which words may translate which."),
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Export a model: a bundle a quarter of the size, which translate takes like any other, or one for others."""
    if precision not in ("fp32", "bf16", "int8"):
        raise typer.BadParameter(f"--precision is fp32, bf16 or int8, not {precision!r}")
    if to not in ("mtkit", "ctranslate2", "argos"):
        raise typer.BadParameter(f"--to is mtkit, ctranslate2 or argos, not {to!r}")
    if shortlist and to == "argos":
        raise typer.BadParameter("--shortlist is nothing that Argos Translate would read: leave it out")
    if (config or set_) and not shortlist:
        raise typer.BadParameter("--config and --set have an effect with --shortlist only")
    messages = Messages(quiet, verbose)
    loaded = load_config(config, set_, messages) if shortlist else None

    from mtkit.jobs.export import export, export_to_argos, export_to_ctranslate2, prepared_of

    corpus = prepared_of(loaded) if loaded else None
    if corpus is not None:
        messages.say(f"learning a shortlist from {shown(corpus.folder)}")
    if to == "argos":
        made = export_to_argos(model, out, precision=precision)
    else:
        write = export_to_ctranslate2 if to == "ctranslate2" else export
        made = write(model, out, precision=precision, corpus=corpus)
    messages.say(f"{shown(out)}: {made.bytes_after / MB:.1f} MB (before {made.bytes_before / MB:.1f} MB)")
