"""A domain's text on disk: six gzip files, and a README with their origin, sizes and checksums."""

import gzip
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from data.build.packages import Package
from data.build.pairs import LANGUAGES, LONGEST
from data.build.splits import SPLITS, Splits

OFFICE = "The LibreOffice contributors and/or their affiliates, and Oracle and/or its affiliates"
TITLES = {"ui": "user interface text", "help": "help text", "web": "strings of a browser and a mail program"}
OWNERS = {
    "ui": OFFICE,
    "help": f"{OFFICE};\nsome pages go back to those of Apache OpenOffice (Apache License 2.0)",
    "web": "Mozilla and the contributors to Firefox and Thunderbird",
}
DONE = {
    "ui": """The English text and its translation were taken from every catalogue entry (of plural forms, the first).
Marks of menu keys (`_`, `~`, `(_K)`) were removed, placeholders such as `%PRODUCTNAME` kept, white space
folded, soft hyphens and zero-width characters removed. Left out: pairs with an empty side, equal sides,
an English side of one word, control characters, {no_word}, and repeats of a pair.""",
    "help": """Of every page that both languages have, headings and paragraphs of the same place were paired,
without their markup; of what differs between systems or programs the ordinary form was taken. Where both
sides have as many sentences, of about the same lengths, each sentence is a pair, otherwise the paragraph.
Left out: program code, pairs with an empty side, equal sides, unequal placeholders, much else than letters,
more than {longest} characters on a side, control characters, {no_word},
and repeats of a pair.""",
    "web": """Messages in Fluent, properties and DTD files were joined by file and name. References to other messages
were followed, so that programs are called by their names; variables such as `{{ $name }}`, `%S` and `#1`
are kept; of plural forms and of what differs between systems the form that fits everywhere was taken.
Tags, marks of menu keys, soft hyphens and zero-width characters were removed, white space folded. Left out:
keys, sizes, addresses and names of time zones, pairs with an empty side, equal sides, unequal placeholders,
much else than letters, more than {longest} characters on a side, control characters,
{no_word}, and repeats of a pair.""",
}


def compress(text: bytes) -> bytes:
    """Compress with gzip, with no time and no file name in the header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
        stream.write(text)
    return buffer.getvalue()


def readme(
    domain: str, language: str, packages: Sequence[Package], counts: dict[str, int], checksums: list[str]
) -> str:
    """The README of a domain in one language pair."""
    sizes = "\n".join(f"| {name} | {count} |" for name, count in counts.items())
    origins = "\n".join(f"| `{one.name}` | `{one.version}` | `{one.sha256}` |" for one in packages)
    rows = "\n".join(checksums)
    no_word = "no word at all"
    if language == "ko":
        no_word += ", no Hangul" if domain == "ui" else ", no Hangul or a sentence without it"
    done = DONE[domain].format(no_word=no_word, longest=LONGEST)
    return f"""# {domain}.en-{language}: {TITLES[domain]}, English and {LANGUAGES[language]}

- Origin: the Debian packages below.
- Licence: Mozilla Public License 2.0 (`../LICENSE.MPL-2.0`). Copyright: {OWNERS[domain]}.
- Rebuild: see `../README.md`.

Line N of `SPLIT.{language}.gz` translates line N of `SPLIT.en.gz`. UTF-8, one string a line.

| split | pairs |
|---|---|
{sizes}

## What was done

{done}

Pairs that share a source or a target, disregarding case, punctuation and which program speaks, are in the
same split, in all domains of a language: what `ui` holds out is in no split of `help` and `web`, what `help`
does in none of `web`. Dev and test hold no source twice and no target twice (of such pairs the first in
sorted order was kept, the others are in no split); long strings, single words and strings with few letters
are in train only.

## Packages

| package | version | SHA-256 |
|---|---|---|
{origins}

## SHA-256

| file | of the file | of the uncompressed text |
|---|---|---|
{rows}
"""


def write(folder: Path, domain: str, language: str, splits: Splits, packages: Sequence[Package]) -> None:
    """Write the six files and the README of a domain in one language pair."""
    folder.mkdir(parents=True, exist_ok=True)
    checksums = []
    for name in SPLITS:
        for side, suffix in enumerate(("en", language)):
            text = "".join(f"{pair[side]}\n" for pair in splits[name]).encode("utf-8")
            packed = compress(text)
            file = f"{name}.{suffix}.gz"
            (folder / file).write_bytes(packed)
            file_sum, text_sum = hashlib.sha256(packed).hexdigest(), hashlib.sha256(text).hexdigest()
            checksums.append(f"| `{file}` | `{file_sum}` | `{text_sum}` |")
    counts = {name: len(splits[name]) for name in SPLITS}
    (folder / "README.md").write_text(readme(domain, language, packages, counts, checksums), encoding="utf-8")
