"""What a reader of parallel text is, and which one takes a path. Must not know any format by name."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

from mtkit import registry
from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.filters import Drops
from mtkit.text.fold import fold
from mtkit.text.lines import lines
from mtkit.text.plausibility import LOOKED, Side, oddities, refuse_other_encodings

Pair = tuple[str, str]


class Reader(ABC):
    """Parallel text that was found on disk, to be read as a stream of pairs, any number of times.

    A format is a subclass in a file of its own and a line in the registry under "reader". It gives `suffix` and
    `pairs`; compression, line ends, UTF-8 and files that are missing are seen to here.

    Args:
        path: as a config names it.
        languages: of source and target.

    Attributes:
        suffix: what names of this format end in, before the ending of a compression. Of several that fit the longest
            counts, so "" takes what no other does.
        expects: what a file of this format holds, for messages.
        scores: where it may have a score of each pair, for messages; "": nowhere.
        files: what is read, for whoever hashes or lists it.
        crlf: file -> lines that ended in CRLF, whose "\\r" was dropped; of the last time that the text was read.
        changed: pairs that folding changed; of the last time that the text was read folded.
        turned: whether its target is read as source.
        min_score: pairs with less are left out; None: none are, and no score is looked for.
        low: those pairs; of the last time that the text was read.

    Raises:
        DataError: a file does not exist; says which names were looked for.
    """

    suffix: ClassVar[str] = ""
    expects: ClassVar[str] = "parallel text"
    scores: ClassVar[str] = ""

    def __init__(self, path: Path, languages: Pair) -> None:
        self.path, self.languages = path, languages
        self.crlf: dict[str, int] = {}
        self.changed = 0
        self.turned = False
        self.min_score: float | None = None
        self.low = Drops()
        self.files = self.find()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether a path is of this format, by its name."""
        return compression.bare(path).endswith(cls.suffix)

    def find(self) -> list[Path]:
        """The files of the text: the path itself, where a format has no other way."""
        if not self.path.is_file():
            raise DataError(f"{self.path} does not exist; expected a file of {self.expects}")
        return [self.path]

    @abstractmethod
    def pairs(self) -> Iterator[Pair]:
        """Yield source and target of each pair.

        Raises:
            DataError: the text is not in this format; names file and line.
        """

    def __iter__(self) -> Iterator[Pair]:
        pairs = self._as_they_stand()
        return ((target, source) for source, target in pairs) if self.turned else pairs

    def _as_they_stand(self) -> Iterator[Pair]:
        self.crlf.clear()
        self.low = Drops()
        return self.pairs()

    def enough(self, score: Any, pair: Pair, where: str) -> bool:
        """Whether a pair is to be taken by its score; one that is not is noted.

        Raises:
            DataError: the score is no number.
        """
        if self.min_score is None:
            return True
        try:
            number = float(score)
        except (TypeError, ValueError):
            raise DataError(
                f"{where}: expected a score in {self.scores}, got {str(score)[:40]!r}; leave min_score out, or give one"
            ) from None
        if number >= self.min_score:
            return True
        self.low.add("min_score", *(pair[::-1] if self.turned else pair))
        return False

    def folded(self) -> Iterator[Pair]:
        """The pairs as models see them; see `fold`."""
        self.changed = 0
        for source, target in self:
            pair = fold(source), fold(target)
            if pair[0] is not source or pair[1] is not target:  # whoever has nothing to fold gives what he was given
                self.changed += pair != (source, target)
            yield pair

    def lines(self, path: Path) -> Iterator[str]:
        """Yield the lines of a file of the text, without their ends."""
        every = lines(path)
        head = list(islice(every, LOOKED))
        refuse_other_encodings([line for line, _ in head], str(path))
        for line, crlf in chain(head, every):
            if crlf:
                self.crlf[str(path)] = self.crlf.get(str(path), 0) + 1
            yield line

    def oddities(self) -> list[str]:
        """What is odd about the first pairs, if it is formally right: a sentence an oddity, with file and line.

        Raises:
            DataError: they cannot be read.
        """
        pairs = list(islice(self._as_they_stand(), LOOKED))
        names = [f"{path.parent.name}/{path.name}" for path in self.files]
        if len(names) == 1:
            names = [f"{names[0]} ({side})" for side in ("source", "target")]
        sides = [
            Side(name, language, [pair[number] for pair in pairs])
            for number, (name, language) in enumerate(zip((names[0], names[-1]), self.languages, strict=True))
        ]
        return [*self.form_oddities(), *oddities(*sides)]

    def form_oddities(self) -> Iterator[str]:
        """What is odd about the form of the first lines."""
        yield from ()


def readers() -> list[type[Reader]]:
    """Every format there is."""
    return [registry.resolve("reader", name) for name in registry.CHOICES["reader"]]


def locate(path: Path, source_lang: str, target_lang: str) -> Reader:
    """Find the text that a path names, in whichever format it is.

    Raises:
        DataError: nothing is there; says which names were looked for.
    """
    reader = max((one for one in readers() if one.matches(path)), key=lambda one: len(one.suffix))
    return reader(path, (source_lang, target_lang))
