"""How a translator is called from Python: lines and settings as they come, checked."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import overload

from mtkit.config import decode_with
from mtkit.errors import ConfigError
from mtkit.registry import nearest
from mtkit.schema import Decode
from mtkit.search.batched import Sampling
from mtkit.text.terms import Glossary
from mtkit.translator.request import Request, Translation

LINE_BREAK = re.compile(r"\r\n|\n|\r")
ENDED = re.compile(r"(?:\r\n|\n|\r)\Z")
BROKEN = "a line break inside a line counts as a space"


class Calls(ABC):
    """What translates lines, for whoever has a string or several."""

    @property
    @abstractmethod
    def decode(self) -> Decode:
        """How it searches where nothing else is said."""

    @abstractmethod
    def translations(
        self, lines: Iterable[str], decode: Decode | None = None, request: Request | None = None
    ) -> Iterator[Translation]:
        """Translate lines one after another."""

    @overload
    def translate(  # type: ignore[overload-overlap]
        self,
        text: str,
        *,
        n_best: int = 1,
        align: bool = False,
        details: bool = False,
        sampling: Sampling | None = None,
        protect: bool | str | Sequence[str] = True,
        glossary: Glossary | None = None,
        guard: bool = False,
        mbr: str = "",
        draws: int = Request.draws,
        confidence: bool = False,
        tag: str | None = None,
        **settings: object,
    ) -> Translation: ...

    @overload
    def translate(
        self,
        text: Iterable[str],
        *,
        n_best: int = 1,
        align: bool = False,
        details: bool = False,
        sampling: Sampling | None = None,
        protect: bool | str | Sequence[str] = True,
        glossary: Glossary | None = None,
        guard: bool = False,
        mbr: str = "",
        draws: int = Request.draws,
        confidence: bool = False,
        tag: str | None = None,
        **settings: object,
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Iterable[str],
        *,
        n_best: int = 1,
        align: bool = False,
        details: bool = False,
        sampling: Sampling | None = None,
        protect: bool | str | Sequence[str] = True,
        glossary: Glossary | None = None,
        guard: bool = False,
        mbr: str = "",
        draws: int = Request.draws,
        confidence: bool = False,
        tag: str | None = None,
        **settings: object,
    ) -> Translation | list[Translation]:
        """Translate a line, or lines in their order.

        Args:
            text: a line, or several; the line break at the end of one is left out, and one inside it counts as a space
                and is warned of.
            n_best, align, details, sampling, protect, glossary, guard, mbr, draws, confidence, tag: see `Request`; a
                list of n_best may be shorter, since its texts differ. `protect` may be a regular expression, or
                several, of what else is to come out as it went in.
            settings: of [decode], for this call.

        Returns:
            Of a string a translation, of lines a list of them, each with what there is to warn of.

        Raises:
            ConfigError: a setting that is wrong or unknown, or that this model cannot meet.
            TypeError: something that is no text.
        """
        known = [*type(self.decode).model_fields, *(one.name for one in fields(Request))]
        for name in settings:
            if name not in known:
                raise ConfigError(f"unknown setting {name!r}{nearest(name, known)} (settings: {', '.join(known)})")
        if not isinstance(protect, bool):
            more = [protect] if isinstance(protect, str) else list(protect)
            settings, protect = {**settings, "protect": [*self.decode.protect, *more]}, True
        request = Request(n_best, align, details, sampling, protect, glossary, guard, mbr, draws, confidence, tag)
        decode = decode_with(self.decode, settings)
        if isinstance(text, bytes) or not isinstance(text, Iterable):
            raise TypeError(f"translate takes a string or lines, got {type(text).__name__}")
        given = [text] if isinstance(text, str) else list(text)
        joined_up = (LINE_BREAK.sub(" ", ENDED.sub("", one)) if isinstance(one, str) else one for one in given)
        made = [
            one
            if one.source == source
            else replace(one, source=source, warnings=one.warnings + [BROKEN] * (one.source != ENDED.sub("", source)))
            for source, one in zip(given, self.translations(joined_up, decode, request), strict=True)
        ]
        return made[0] if isinstance(text, str) else made
