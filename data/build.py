"""Rebuild the bundled parallel text, ``ui.en-de`` and ``ui.en-ko``, from LibreOffice's user interface.

The Debian packages ``libreoffice-l10n-de`` and ``libreoffice-l10n-ko`` hold gettext catalogues that pair
every English string of the program with its translation. This script fetches both packages, reads the
catalogues, cleans the strings, splits them into train, dev and test so that no string stands in two
splits, and writes gzip files and a README for each language beside itself::

    python3 data/build.py                   # fetch with apt-get
    python3 data/build.py --deb-dir DIR     # use the .deb files in DIR

It needs ``dpkg-deb``, and ``apt-get`` where the packages are to be fetched. The same package versions
always give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import re
import struct
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LANGUAGES = {"de": "German", "ko": "Korean"}
SPLITS = ("train", "dev", "test")
HELD_OUT_PAIRS = 600  # pairs in each of dev and test
HELD_OUT_COMPONENT = 3  # a component with more pairs than this goes to train
HELD_OUT_WORDS = 40  # a component with a longer English string goes to train


class Message(NamedTuple):
    """One catalogue entry: its context (where in the program it stands), English text and translation."""

    context: str
    english: str
    translation: str


class Pair(NamedTuple):
    """A clean English string and its translation."""

    source: str
    target: str


# ---- reading the packages


def find_package(deb_dir: Path, package: str) -> Path:
    """Return the one .deb file of ``package`` in ``deb_dir``."""
    found = sorted(deb_dir.glob(f"{package}_*.deb"))
    if len(found) != 1:
        raise SystemExit(f"{deb_dir}: {len(found)} files match {package}_*.deb, 1 is needed")
    return found[0]


def package_version(deb: Path) -> str:
    """Return the version a .deb file gives in its control data."""
    command = ["dpkg-deb", "-f", str(deb), "Version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def read_catalogue(data: bytes) -> Iterator[Message]:
    """Yield the messages of one compiled gettext catalogue (.mo).

    A message id is ``CONTEXT\\x04ENGLISH``. Plural forms are separated by NUL; the first is taken. The
    entry with the empty id is the catalogue's header and is left out.
    """
    order = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}.get(data[:4])
    if order is None:
        raise ValueError("not a gettext catalogue: wrong magic number")
    count, ids_at, texts_at = struct.unpack_from(f"{order}3I", data, 8)

    def string(table: int, index: int) -> str:
        length, start = struct.unpack_from(f"{order}2I", data, table + 8 * index)
        return data[start : start + length].decode("utf-8")

    for index in range(count):
        message_id = string(ids_at, index)
        if message_id:
            context, _, english = message_id.rpartition("\x04")
            yield Message(context, english.split("\0")[0], string(texts_at, index).split("\0")[0])


def read_package(deb: Path, language: str) -> list[Message]:
    """Unpack a .deb file and return the messages of all its catalogues."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", str(deb), folder], check=True)
        paths = sorted(Path(folder).glob(f"**/resource/{language}/LC_MESSAGES/*.mo"))
        if not paths:
            raise SystemExit(f"{deb.name}: no catalogue under resource/{language}/LC_MESSAGES")
        return [message for path in paths for message in read_catalogue(path.read_bytes())]


# ---- cleaning

# Names that the program fills in, such as %PRODUCTNAME, %OBJECT_NAME%, $(WIDTH_IN_PX) and $error_message$.
PLACEHOLDER = r"%[A-Z][A-Z0-9_]*|\$\(\w+\)|\$\w+\$"
UNDERSCORE = re.compile(rf"(?P<kept>{PLACEHOLDER})|_")
# A tilde after a digit or a Hangul syllable stands between the ends of a range: 1~30.
TILDE = re.compile(r"(?<![0-9가-힣~])~(?=\w)")
# Korean labels name their key in brackets at the end: "열기(_O)...". Nothing else looks like that.
BRACKETED = re.compile(r"\s*\(\s*[_~]\w\s*\)")


def underscore_marks_key(context: str) -> bool:
    """Say whether an underscore in a message of this context marks a key.

    Only the labels of dialogs do so: their context is ``DIALOG|WIDGET`` (or ``stock`` for common buttons).
    Help texts have such a context too, but there an underscore is text; so it is in messages of the
    program code, whose context is one name and which mark keys with a tilde.
    """
    return context == "stock" or ("|" in context and "extended_tip" not in context.split("|"))


def strip_accelerators(text: str, context: str) -> str:
    """Remove the marks that tell which letter of a label is its key, and nothing else."""
    text = TILDE.sub("", BRACKETED.sub("", text))
    if underscore_marks_key(context):
        marks = [match for match in UNDERSCORE.finditer(text) if match["kept"] is None]
        if len(marks) == 1:  # a label has one key at most: several underscores are text
            before, after = text[: marks[0].start()], text[marks[0].end() :]
            if re.match(r"[^\s)]", after):  # the mark stands before its letter; "(_)" and "_ " are text
                text = before + after
    return text


def clean(text: str, context: str) -> str:
    """Return one side of a message as one plain line, or "" where it can't be used."""
    # Soft hyphens and zero-width characters have no part in the text.
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = re.sub(r"<br\s*/?>", " ", text, flags=re.IGNORECASE)
    # Other control characters, and private or unassigned ones, come from a broken encoding.
    if any(unicodedata.category(char) in ("Cc", "Co", "Cn", "Cs") and char not in "\t\r\n" for char in text):
        return ""
    return " ".join(strip_accelerators(text, context).split())


def has_word(text: str) -> bool:
    """Say whether a text has two letters in a row outside placeholders (so that it isn't only a formula)."""
    return re.search(r"[^\W\d_]{2}", re.sub(PLACEHOLDER, " ", text)) is not None


def is_usable(pair: Pair, language: str) -> bool:
    """Say whether a clean pair is a translation of two words or more."""
    if not pair.source or not pair.target or pair.source == pair.target:
        return False
    if len(pair.source.split()) < 2 or not has_word(pair.source):
        return False
    if language == "ko":  # a Korean side without Hangul is an untranslated one
        return re.search("[가-힣]", pair.target) is not None
    return has_word(pair.target)


def clean_pairs(messages: Iterable[Message], language: str) -> list[Pair]:
    """Return the usable pairs of a package, each once, sorted."""
    pairs = {
        Pair(clean(message.english, message.context), clean(message.translation, message.context))
        for message in messages
    }
    return sorted(pair for pair in pairs if is_usable(pair, language))


# ---- splitting


def fold(text: str) -> str:
    """Return what near-copies of a string have in common: its letters and digits, without case.

    "Open File...", "Open file:" and "open-file" are the same by this measure.
    """
    return " ".join(re.findall(r"[^\W_]+", text.casefold())) or text


def digest(text: str) -> bytes:
    """Return the hash that orders strings: the same everywhere, and unlike their alphabetical order."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def components(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Group pairs so that no two groups share a source or a target, compared by :func:`fold`."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    ordered = sorted(pairs)
    for pair in ordered:
        parent[root(("source", fold(pair.source)))] = root(("target", fold(pair.target)))
    groups: dict[tuple[str, str], list[Pair]] = {}
    for pair in ordered:
        groups.setdefault(root(("source", fold(pair.source))), []).append(pair)
    return list(groups.values())


def may_be_held_out(group: list[Pair]) -> bool:
    """Say whether a component is fit for dev and test: small, and ordinary text of ordinary length."""
    return len(group) <= HELD_OUT_COMPONENT and all(
        len(pair.source.split()) <= HELD_OUT_WORDS
        and sum(char.isalpha() or char == " " for char in pair.source) >= 0.8 * len(pair.source)
        for pair in group
    )


def one_reference(group: Iterable[Pair]) -> list[Pair]:
    """Keep, in sorted order, the pairs whose source and target are both new."""
    sources: set[str] = set()
    targets: set[str] = set()
    kept = []
    for pair in sorted(group):
        source, target = fold(pair.source), fold(pair.target)
        if source not in sources and target not in targets:
            sources.add(source)
            targets.add(target)
            kept.append(pair)
    return kept


def split(pairs: Iterable[Pair], held_out: int = HELD_OUT_PAIRS) -> dict[str, list[Pair]]:
    """Split pairs into train, dev and test.

    Whole components are assigned, in the order of the hash of their smallest string: first to test until
    it has ``held_out`` pairs, then to dev, the rest to train. Each split is then ordered by hash.
    """
    splits: dict[str, list[Pair]] = {name: [] for name in SPLITS}
    for group in sorted(components(pairs), key=lambda group: digest(min(min(pair) for pair in group))):
        held = one_reference(group) if may_be_held_out(group) else []
        for name in ("test", "dev"):
            if held and len(splits[name]) + len(held) <= held_out:
                splits[name] += held
                break
        else:
            splits["train"] += group
    return {name: sorted(rows, key=lambda pair: digest("\t".join(pair))) for name, rows in splits.items()}


# ---- writing


def compress(text: bytes) -> bytes:
    """Compress with gzip, with no time and no file name in the header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
        stream.write(text)
    return buffer.getvalue()


def readme(language: str, package: str, version: str, counts: dict[str, int], checksums: list[str]) -> str:
    """Return the README of one language pair."""
    sizes = "\n".join(f"| {name} | {count} |" for name, count in counts.items())
    rows = "\n".join(checksums)
    no_word = "no word at all, no Hangul" if language == "ko" else "no word at all"
    return f"""# ui.en-{language}: user interface text, English and {LANGUAGES[language]}

- Origin: the message catalogues of LibreOffice, from the Debian package `{package}`,
  version `{version}`.
- Licence: Mozilla Public License 2.0 (`../LICENSE.MPL-2.0`). Copyright the LibreOffice contributors
  and/or their affiliates, and Oracle and/or its affiliates.
- Rebuild: `python3 data/build.py`, with that version of the package.

Line N of `SPLIT.{language}.gz` translates line N of `SPLIT.en.gz`. UTF-8, one string a line.

| split | pairs |
|---|---|
{sizes}

## What was done

The English text and its translation were taken from every catalogue entry (of plural forms, the first).
Marks of menu keys (`_`, `~`, `(_K)`) were removed, placeholders such as `%PRODUCTNAME` kept, white space
folded, soft hyphens and zero-width characters removed. Left out: pairs with an empty side, equal sides,
an English side of one word, control characters, {no_word}, and repeats of a pair.

Pairs that share a source or a target, disregarding case and punctuation, are in the same split. Dev and
test hold no source twice and no target twice (of such pairs the first in sorted order was kept, the others
are in no split); long strings and strings with few letters are in train only.

## SHA-256

| file | of the file | of the uncompressed text |
|---|---|---|
{rows}
"""


def write(folder: Path, language: str, splits: dict[str, list[Pair]], package: str, version: str) -> None:
    """Write the six files and the README of one language pair."""
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
    about = readme(language, package, version, counts, checksums)
    (folder / "README.md").write_text(about, encoding="utf-8")


def build(deb_dir: Path, output: Path) -> None:
    """Build both language pairs from the packages in ``deb_dir`` and print their sizes."""
    for language in LANGUAGES:
        package = f"libreoffice-l10n-{language}"
        deb = find_package(deb_dir, package)
        splits = split(clean_pairs(read_package(deb, language), language))
        write(output / f"ui.en-{language}", language, splits, package, package_version(deb))
        print(f"ui.en-{language}:", ", ".join(f"{len(splits[name])} {name}" for name in SPLITS))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Rebuild the bundled text from LibreOffice's translations.")
    parser.add_argument("--deb-dir", type=Path, help="use the .deb files in this folder; fetch nothing")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).resolve().parent, help="default: beside this script"
    )
    args = parser.parse_args()
    if args.deb_dir is not None:
        build(args.deb_dir, args.output)
        return
    with tempfile.TemporaryDirectory() as folder:
        for language in LANGUAGES:
            subprocess.run(["apt-get", "download", f"libreoffice-l10n-{language}"], cwd=folder, check=True)
        build(Path(folder), args.output)


if __name__ == "__main__":
    main()
