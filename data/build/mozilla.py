"""Messages of Firefox and Thunderbird: archives of Fluent, properties and DTD files, joined by file and message."""

import contextlib
import html
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from data.build import fluent, properties
from data.build.catalogues import LABEL, strip_accelerators
from data.build.pairs import Pair, plain, usable

# What a message is for, by the last part of its name, that is no text: keys, sizes, colours, names of fonts, addresses.
NO_TEXT = re.compile(
    r"(?:access|command)?key\d*$|keycode|shortcut|modifiers|style|width|height|size|font|url|href|keywords$", re.I
)
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
PARTING = re.compile(r"<(?:br|p|li|ul|div|img)\b[^<>]*>|</(?:p|li|ul|div)>", re.IGNORECASE)
# Korean menus name their key in brackets, others mark it: "편집(&E)", "&Edit"; a few have "_Edit".
KEY = re.compile(r"\s*\(&\w\)|(?<!\S)&(?=\w)")
UNDERLINED = re.compile(r"(?<!\S)_\w")

Texts = dict[str, str]  # file and message -> text


def files(archives: list[Path], locale: str) -> dict[str, str]:
    """The files of messages in archives, by their path without the language."""
    found = {}
    for archive in archives:
        # The program has the browser's own files in an archive in this folder, a language pack has them in this folder.
        top = "browser/" if archive.parent.name == "browser" and archive.name == "omni.ja" else ""
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if f"/{locale}/" in name and name.endswith((".ftl", ".properties", ".dtd")):
                    found[top + name.replace(f"/{locale}/", "/*/")] = opened.read(name).decode("utf-8-sig")
    return found


def texts(found: dict[str, str]) -> Texts:
    """Every message of a program in one language, references to others followed."""
    read = {path: fluent.patterns(text) for path, text in found.items() if path.endswith(".ftl")}
    known = {name: pattern for patterns in read.values() for name, pattern in patterns.items()}
    result: Texts = {}
    for path, patterns in read.items():
        nearest = known | patterns
        for name, pattern in patterns.items():
            with contextlib.suppress(fluent.UnresolvedError):
                result[f"{path}:{name}"] = fluent.text(pattern, nearest)
    for path, text in found.items():
        if path.endswith(".properties"):
            values = properties.read_properties(text)
            result |= {f"{path}:{name}": properties.last_form(value) for name, value in values.items()}
    entities = {path: properties.read_entities(text) for path, text in found.items() if path.endswith(".dtd")}
    names = {name: value for values in entities.values() for name, value in values.items()}
    for path, values in entities.items():
        result |= {f"{path}:{name}": properties.resolved(value, names) for name, value in values.items()}
    return result


def clean(text: str) -> str:
    """One side of a message as one plain line, without tags."""
    return plain(KEY.sub("", html.unescape(TAG.sub("", PARTING.sub(" ", text)))))


def pair_of(english: str, other: str) -> Pair:
    """A message in two languages, clean; a label that marks its key does so in both, and is told by the English one."""
    source, target = clean(english), clean(other)
    if UNDERLINED.search(source):
        return Pair(strip_accelerators(source, LABEL), strip_accelerators(target, LABEL))
    return Pair(source, target)


def join(english: Texts, other: Texts) -> Iterator[Pair]:
    """Messages of the same name in two languages."""
    for place, text in english.items():
        name = place.rpartition(":")[2]
        if place in other and not name.startswith("-") and not NO_TEXT.search(name.rpartition(".")[2]):
            pair = pair_of(text, other[place])
            if not re.search("[<>]", pair.source + pair.target):  # the rest of markup
                yield pair


def read(english: Path, other: Path, language: str) -> list[Pair]:
    """The pairs of a program, from its unpacked package and that of a language."""
    programs = sorted(path for path in english.rglob("omni.ja") if not path.is_symlink())
    packs = sorted(other.rglob("*.xpi"))
    return usable(join(texts(files(programs, "en-US")), texts(files(packs, language))), language)
