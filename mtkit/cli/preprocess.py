"""`mtkit preprocess`."""

import json
from typing import TYPE_CHECKING, Any

from mtkit.cli.options import ConfigOption, Messages, QuietOption, SetOption, VerboseOption, load_config, shown

if TYPE_CHECKING:
    from mtkit.corpus.shards import Prepared


def command(
    config: ConfigOption = None, set_: SetOption = None, quiet: QuietOption = False, verbose: VerboseOption = False
) -> None:
    """Filter parallel text, train its tokenizer, and write the prepared corpus and a data report."""
    from mtkit.jobs.preprocess import preprocess

    messages = Messages(quiet, verbose)
    loaded = load_config(config, set_, messages)
    prepared, made = preprocess(loaded, messages.say)
    if made:
        if not quiet:
            show(prepared, verbose)
    else:
        messages.say(f"nothing has changed: {shown(prepared.folder)} stands as it is")


def show(prepared: "Prepared", verbose: bool = False) -> None:
    """Print the data report as a table on stderr."""
    from rich.console import Console
    from rich.table import Table

    report: dict[str, Any] = json.loads((prepared.folder / "report.json").read_text(encoding="utf-8"))
    languages = prepared.manifest["languages"]
    console = Console(stderr=True, highlight=False, soft_wrap=False)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("", "pairs", "side", "words", "pieces", "a word", "median", "95 %", "longest", "bytes"):
        table.add_column(name, justify="left" if name in ("", "side") else "right", no_wrap=True)
    for split, numbers in report["splits"].items():
        for side, language in zip(("source", "target"), languages, strict=True):
            row = numbers[side]
            first = side == "source"
            table.add_row(
                split if first else "",
                f"{numbers['pairs']:,}" if first else "",
                language,
                f"{row['words']:,}",
                f"{row['pieces']:,}",
                f"{row['pieces_per_word']:.2f}",
                str(row["median_pieces"]),
                str(row["p95_pieces"]),
                str(row["max_pieces"]),
                f"{row['share_of_byte_pieces']:.2%}",
            )
    console.print("[dim]lengths in pieces; a word: pieces a word; bytes: share of pieces that are single bytes[/dim]")
    console.print(table)
    dropped = ", ".join(f"{rule} {count:,}" for rule, count in report["dropped"].items() if count) or "none"
    console.print(f"{report['pairs_read']:,} pairs read; dropped: {dropped}")
    for split, counts in report["train_overlap"].items():
        if any(counts.values()):
            console.print(
                f"training pairs that share with {split}: the source {counts['source']:,}, "
                f"the target {counts['target']:,}, both {counts['pair']:,}"
            )
    for name, count in report["crlf_lines"].items():
        console.print(f"{name}: {count:,} lines ended in CRLF; the \\r was dropped")
    if report["held_out"]:
        console.print(f"dev: {report['pairs']['dev']:,} pairs held out of train")
    if verbose:
        for rule, samples in report["dropped_samples"].items():
            for source, target in samples:
                console.print(f"dropped by {rule}: {source!r} ||| {target!r}", markup=False)
    console.print(f"wrote {shown(prepared.folder)}", soft_wrap=True)
