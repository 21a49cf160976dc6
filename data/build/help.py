"""LibreOffice's help: pages of HTML, in every language the same blocks in the same order."""

import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html

from data.build.pairs import Pair, plain, usable

BLOCKS = ("h1", "h2", "h3", "h4", "h5", "h6", "p")
CODE = re.compile("code|smath|youtube")  # classes of blocks that hold no text
# What ends a sentence, where the next one begins with a capital; of "z. B. Das" and "e.g. The" it ends nothing.
SENTENCE = re.compile(r'(?<=[.!?])(?<!\b[A-Za-z]\.)(?<!etc\.)(?<!bzw\.)(?<!vgl\.)\s+(?=["„“(]?[A-ZÄÖÜ가-힣])')
FURTHEST = 1.8  # how far the share of a sentence in its block may differ between languages


def text_of(element: lxml.html.HtmlElement) -> str:
    """What a reader sees of a block, without its markup: of what differs by system or program the ordinary form."""
    parts = [element.text or ""]
    shown = None
    if "switchinline" in (element.get("class") or ""):
        forms = [child for child in element if child.get("class") != "MAC"]
        ordinary = [child for child in forms if (child.get("id") or "").startswith("default")]
        shown = (ordinary or forms or [None])[0]
    for child in element:
        if not isinstance(child.tag, str):
            pass  # a comment
        elif child.tag == "br":
            parts.append(" ")
        elif shown is None or child is shown:
            parts.append(text_of(child))
        parts.append(child.tail or "")
    return "".join(parts)


def blocks(page: bytes) -> list[tuple[str, str, str]]:
    """Tag, id and text of every heading and paragraph of a page, in their order; of code the text is empty."""
    tree = lxml.html.document_fromstring(page, parser=lxml.html.HTMLParser(encoding="utf-8"))
    found = []
    for area in tree.xpath('//*[@id="DisplayArea"]'):
        for block in area.iter(*BLOCKS):
            code = CODE.search(block.get("class") or "")
            found.append((block.tag, block.get("id") or "", "" if code else plain(text_of(block))))
    return found


def sentences(source: str, target: str) -> list[Pair]:
    """The sentences of two blocks, where both have as many, of about the same lengths and with the same marks behind.

    Otherwise the blocks, whole.
    """
    sources, targets = SENTENCE.split(source), SENTENCE.split(target)
    pairs = [Pair(*pair) for pair in zip(sources, targets, strict=False)]
    scale = len(target) / max(len(source), 1)
    if len(sources) == len(targets) and all(
        pair.source[-1:] == pair.target[-1:]
        and 1 / FURTHEST < (len(pair.target) + 10) / (len(pair.source) * scale + 10) < FURTHEST
        for pair in pairs
    ):
        return pairs
    return [Pair(source, target)]


def join(english: bytes, other: bytes) -> Iterator[Pair]:
    """What stands in the same places of a page in two languages."""
    first, second = blocks(english), blocks(other)
    if [tag for tag, _, _ in first] != [tag for tag, _, _ in second]:
        return
    for (_, one, source), (_, two, target) in zip(first, second, strict=True):
        if one == two and source and target:
            yield from sentences(source, target)


def read(english: Path, other: Path, language: str) -> list[Pair]:
    """The pairs of the pages of two unpacked packages that have the same path."""
    (root,) = english.glob("**/help/en-US/text")
    (beside,) = other.glob(f"**/help/{language}/text")
    pages = [(path, beside / path.relative_to(root)) for path in sorted(root.rglob("*.html"))]
    return usable(
        (pair for one, two in pages if two.exists() for pair in join(one.read_bytes(), two.read_bytes())), language
    )
