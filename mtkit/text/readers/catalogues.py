"""Catalogues of gettext: messages with their translations, but for fuzzy, obsolete and empty ones. By polib."""

import importlib
import importlib.util
import re
import struct
from collections.abc import Iterator
from typing import Any, ClassVar

from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.readers.reader import Pair, Reader

LARGEST = 1 << 28  # bytes
_LINE = re.compile(r"\(line (\d+)\):?\s*")


class PO(Reader):
    """What a catalogue says of each message: of one with a plural, the singular with its first form and the plural with
    its last one. The languages are those that the config says: a catalogue names one at most."""

    suffix = ".po"
    expects = "a catalogue of gettext"
    opens: ClassVar[str] = "pofile"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        if importlib.util.find_spec("polib") is None:
            raise DataError(f"{path}: to read it takes polib: pip install 'mtkit[po]'")
        for entry in self._catalogue():
            if entry.obsolete or "fuzzy" in getattr(entry, "flags", ()):  # compiled ones have no flags
                continue
            forms = [form for _, form in sorted(entry.msgstr_plural.items())] if entry.msgid_plural else [entry.msgstr]
            if len(forms) > 1 and forms[0]:
                yield _line(entry.msgid), _line(forms[0])
            source = entry.msgid_plural or entry.msgid
            if forms and forms[-1]:
                yield _line(source), _line(forms[-1])

    def _catalogue(self) -> Any:
        (path,) = self.files
        data = bytearray()
        for block in compression.blocks(path):
            data += block
            if len(data) > LARGEST:
                raise DataError(f"{path} has more than {LARGEST:,} bytes; expected {self.expects}")
        try:
            return self._read(bytes(data))
        except (OSError, ValueError, LookupError, AttributeError, struct.error) as error:
            found = _LINE.search(str(error))
            where = f"{path}, line {found[1]}" if found else str(path)
            raise DataError(f"{where}: no or a broken catalogue of gettext; msgfmt says more of it") from None

    def _read(self, data: bytes) -> Any:
        polib = importlib.import_module("polib")
        encoding = re.search(rb'"Content-Type:[^"]*charset=([\w.:-]+)', data)
        name = encoding[1].decode() if encoding and encoding[1] != b"CHARSET" else "utf-8"
        return polib.pofile(data.decode(name).removeprefix("\ufeff"))


class MO(PO):
    """The same, compiled."""

    suffix = ".mo"
    expects = "a compiled catalogue of gettext"

    def _read(self, data: bytes) -> Any:
        return importlib.import_module("polib").mofile(data)


def _line(text: str) -> str:
    return " ".join(text.splitlines())
