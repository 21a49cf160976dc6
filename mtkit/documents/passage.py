"""A text as the sentences that are translated one by one, and their translations as a text of the same shape.

What stands between sentences stays: white space, bullets, line ends, markup around all of it. Lines that a width has
made are joined, and broken again at that width. Must not know any format, or who translates.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from mtkit.documents import accelerator, icu
from mtkit.documents.marked import CODE, Marked
from mtkit.text import spans
from mtkit.text.sentences import sentences

NARROW = 40  # characters: where no line is longer, no width has broken them
_BREAK = re.compile(r"[^\S\n]*\n[^\S\n]*")
_LAST = re.compile(r"<\d{1,9}/>\Z")
_BULLET = re.compile(r"(?:[-–—*•·‣◦+>#]+|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])[ \t]+(?=\S)")
_DASH = re.compile(r"\s*[-–—‐]")
_COLUMNS = re.compile(r"(\t[ \t]*| {3,}| +\t[ \t]*|\r(?!\n)|[\f\v\x85\u2028\u2029]+)")
_OPTION = re.compile(r"--?[A-Za-z?][\w-]*(?:[ =,/|].*)?")
# After these a full stop ends no sentence, for all that is known, and after those not before a number.
_SHORT = re.compile(
    r"(?:^|[\s(\[\"'„“])(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|vs|cf|eds?|al|approx|ca|bzw|evtl|ggf|inkl|Hr|Fr)\.\s*$"
)
_NUMBERED = re.compile(
    r"(?:^|[\s(\[\"'„“])(?:Nos?|Nr|Figs?|Eqs?|Sec|Ch|Vol|pp|Art|Abs|Abb|Tel|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Okt|Nov|Dec|Dez)"
    r"\.\s*$"
)


@dataclass(frozen=True)
class Block:
    """Sentences in a row, as they stand in one paragraph.

    Attributes:
        sentences: those that are translated, without white space at their ends.
        gaps: what stands between them, one fewer.
        ends: how its lines end, with what the next ones begin with; "": it has one line.
        width: characters of its longest line.
        lines: how many it has.
        signs: of each sentence, the key of a menu that was taken out of it.
    """

    sentences: list[str]
    gaps: list[str]
    ends: str = ""
    width: int = 0
    lines: int = 1
    signs: tuple[str, ...] = ()


class Passage:
    """A marked text as blocks of sentences, and what stands between them.

    Args:
        marked: the text.
        breaks: see `Document`.
        joints: what stands between words joined, of source and target: " " or nothing.
    """

    def __init__(self, marked: Marked, breaks: str, joints: tuple[str, str]) -> None:
        self.marked, self.joints = marked, joints
        self.parts: list[str | Block] = []
        self.even, self._of_menus = breaks == "lines", breaks == "guess" and not marked.codes
        for translated, some in icu.variants(marked.text) or [(True, marked.text)]:
            if translated:
                self._read(some, breaks)
            else:
                self.parts.append(some)

    def _read(self, text: str, breaks: str) -> None:
        """Note the parts of a text."""
        text, last = self._peeled(text)
        for some in self._lines_of(text):
            if some in self.marked.breaking:
                self.parts.append(some)
                continue
            for piece in _paragraphs(some, breaks):
                self._add(piece)
        self.parts.append(last)

    @property
    def chooses(self) -> bool:
        """Whether a choice of ICU's stands among other words, and its variants are not translated."""
        return any(icu.chooses(sentence) for sentence in self.wanted)

    @property
    def wanted(self) -> list[str]:
        """The sentences, in order."""
        return [sentence for one in self.parts if isinstance(one, Block) for sentence in one.sentences]

    def made(self, translations: Sequence[str]) -> str:
        """The text of their translations, with codes."""
        if list(translations) == self.wanted:
            return self.marked.text
        rest = iter(translations)
        return "".join(one if isinstance(one, str) else self._put(one, rest) for one in self.parts)

    def _peeled(self, text: str) -> tuple[str, str]:
        """The text without the markup and white space around all of it, which comes before and after."""
        before, after = "", ""
        while True:
            start, end = len(text) - len(text.lstrip()), len(text.rstrip())
            if start >= end:
                break
            before, text, after = before + text[:start], text[start:end], text[end:] + after
            first = CODE.match(text)
            if first and first[0] in self.marked.codes and not first[1]:
                if first[3]:
                    before, text = before + first[0], text[first.end() :]
                    continue
                if text.endswith(f"</{first[2]}>"):
                    closing = f"</{first[2]}>"
                    before, text, after = before + first[0], text[first.end() : -len(closing)], closing + after
                    continue
            last = _LAST.search(text)
            if last and last[0] in self.marked.codes:
                text, after = text[: last.start()], last[0] + after
                continue
            break
        self.parts.append(before)
        return text, after

    def _lines_of(self, text: str) -> list[str]:
        """What stands between the codes that end a line, and these."""
        if not self.marked.breaking:
            return [text]
        made, at = list[str](), 0
        for one in CODE.finditer(text):
            if one[0] in self.marked.breaking:
                made += [text[at : one.start()], one[0]]
                at = one.end()
        return [*made, text[at:]]

    def _add(self, text: str) -> None:
        """A paragraph, or what stands between two."""
        core = text.strip()
        if not core or _OPTION.fullmatch(core):
            self.parts.append(text)
            return
        start, end = text.index(core), len(text.rstrip())
        if bullet := _BULLET.match(core):
            start, core = start + bullet.end(), core[bullet.end() :]
        lines, breaks = _BREAK.split(core), _BREAK.findall(core)
        width = max(map(self.marked.width, text.split("\n"))) if breaks else 0
        found = self._sentences(self.joints[0].join(lines))
        gaps = [before[len(before.rstrip()) :] for before in found[:-1]]
        texts = [accelerator.taken(one.strip()) if self._of_menus else (one.strip(), "") for one in found]
        sentences, signs = [text for text, _ in texts], tuple(sign for _, sign in texts)
        block = Block(sentences, gaps, breaks[0] if breaks else "", width, len(lines), signs)
        self.parts += [text[:start], block, text[end:]]

    def _sentences(self, text: str) -> list[str]:
        """Cut after each sentence, but not through what must stay whole or what markup encloses."""
        kept = spans.find(text)
        whole = [(kept[first].start, kept[last].end) for first, last in spans.pairs(kept).items()]
        hidden, signs = spans.hidden(text, kept)
        found = [one.translate(signs) for one in sentences(hidden)]
        ends = accumulate(map(len, found))
        after = [*found[1:], ""]
        made: list[str] = []
        joined = False
        for one, following, end in zip(found, after, ends, strict=True):
            if joined:
                made[-1] += one
            else:
                made.append(one)
            short = _SHORT.search(one) or (following[:1].isdigit() and _NUMBERED.search(one))
            joined = bool(short) or any(first < end < last for first, last in whole)
        return made

    def _put(self, block: Block, translations: Iterator[str]) -> str:
        joint, made = self.joints[1], ""
        for gap, sign in zip(["", *block.gaps], block.signs, strict=True):
            between = (joint if gap in ("", " ") else gap) if made else ""
            made += between + accelerator.put(next(translations), sign)
        if not block.ends:
            return made
        words = self._words(made)
        return block.ends.join(self._even(words, block.lines) if self.even else self._lines(words, block.width))

    def _words(self, text: str) -> list[str]:
        """What lines are made of, the white space after each with it."""
        if self.joints[1]:
            return re.findall(r"\S+\s*", text)
        return re.findall(r"</?\d+/?>|[!-~]+\s*|.[、。，．！？：；」』）】〕》〉…ー]*\s*", text)

    def _lines(self, words: Sequence[str], width: int) -> list[str]:
        """Lines of at most `width` characters, if no word is longer."""
        made: list[list[str]] = [[]]
        size = 0
        for word in words:
            if made[-1] and size + self.marked.width(word.rstrip()) > width:
                made.append([])
                size = 0
            made[-1].append(word)
            size += self.marked.width(word)
        return ["".join(line).rstrip() for line in made]

    def _even(self, words: Sequence[str], count: int) -> list[str]:
        """At most so many lines, about as long as one another."""
        low, high = 1, sum(map(self.marked.width, words)) + 1
        while low < high:
            middle = (low + high) // 2
            if len(self._lines(words, middle)) <= count:
                high = middle
            else:
                low = middle + 1
        return self._lines(words, high)


def _paragraphs(text: str, breaks: str) -> Iterator[str]:
    """Cut a text into what is translated together and what stands between; joined they are the text."""
    if breaks == "space":
        yield text
        return
    together = _opens_no_speech if breaks == "lines" else _broken_by_width
    run: list[str] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        if line.strip():
            run.append(line)
            continue
        yield from _of_run(run, together)
        run = []
        yield line
    yield from _of_run(run, together)


def _of_run(lines: Sequence[str], together: Callable[[str, str, int], bool]) -> Iterator[str]:
    """The same for lines of which none is blank."""
    width = max((len(line.rstrip()) for line in lines), default=0)
    some = ""
    for line, after in pairwise([*lines, ""]):
        some += line
        if after and together(line, after, width):
            continue
        end = len(some.rstrip())
        if _COLUMNS.search(some.strip()):
            yield from filter(None, _COLUMNS.split(some[:end]))
        else:
            yield some[:end]
        yield some[end:]
        some = ""


def _broken_by_width(line: str, after: str, width: int) -> bool:
    """Whether a line goes on in the next one, whose first word would not have fitted into it."""
    if (
        width < NARROW
        or _COLUMNS.search(line.strip())
        or _COLUMNS.search(after.strip())
        or _BULLET.match(after.lstrip())
    ):
        return False
    indent, deeper = (len(one) - len(one.lstrip()) for one in (line, after))
    bullet = _BULLET.match(line.lstrip())
    if deeper != indent and not (bullet and deeper == indent + bullet.end()):
        return False
    return len(line.rstrip()) + 1 + len(after.split(maxsplit=1)[0]) > width


def _opens_no_speech(line: str, after: str, width: int) -> bool:
    """Whether the next line goes on with what the same person says."""
    return not _DASH.match(after)
