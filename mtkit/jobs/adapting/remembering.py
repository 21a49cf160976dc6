"""A translation memory is kept beside a model: what was put right is written down, and counts without training."""

import fcntl
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit import files
from mtkit.errors import DataError
from mtkit.jobs.adapting import doubts
from mtkit.jobs.adapting.text import LEAST
from mtkit.jobs.listener import Listener
from mtkit.ops.device import choose_device
from mtkit.store import bundle
from mtkit.text.memory import Memory
from mtkit.text.readers.reader import Pair, locate

BREAKS = re.compile(r"[\t\r\n]+")  # what a line of SOURCE<TAB>TARGET cannot have


@dataclass(frozen=True)
class Remembered:
    """What became of some pairs.

    Attributes:
        new: sources that the memory did not have.
        corrected: of those that it had, the ones that have another target now.
        known: pairs that it had.
        left_out: pairs of which a side is blank.
        size: sources that it has now.
    """

    new: int
    corrected: int
    known: int
    left_out: int
    size: int


def remember(model: Path, texts: Sequence[Path], path: Path, *, device: str, listener: Listener) -> Remembered:
    """Add pairs to a memory, lines of SOURCE<TAB>TARGET, of which the last of a source counts; it is made if need be.

    Lines are only ever added, all at once: what somebody has written into it stays, and who reads it meanwhile sees
    either none of them or all.

    Raises:
        BundleError: there is no such model, or it is damaged.
        DataError: a text or the memory cannot be read, is no .tsv, or sides are swapped.
    """
    if path.suffix != ".tsv":
        raise DataError(f"{path}: a memory is written as lines of SOURCE<TAB>TARGET; name it {path.stem}.tsv, say")
    found = bundle.load(model, choose_device(device))
    languages = (found.source_lang, found.target_lang)
    pairs, left_out = _read(texts, languages)
    if len(pairs) >= LEAST and (warning := doubts.doubt(found, pairs[: doubts.ASKED], " and ".join(map(str, texts)))):
        listener.warn(warning)
    with files.as_os_error(path), path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held = Memory([path], languages)
        before = len(held)
        new = {source: target for source, target in pairs if held.target(source) != target}
        corrected = sum(held.target(source) is not None for source in new)
        size = file.seek(0, os.SEEK_END)
        lines = "".join(f"{source}\t{target}\n" for source, target in new.items())
        if lines and size:
            file.seek(size - 1)
            lines = lines if file.read(1) == b"\n" else f"\n{lines}"
        try:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), size)  # half of a pair would be a wrong one
            raise
    held.refresh()
    return Remembered(len(held) - before, corrected, len(pairs) - len(new), left_out, len(held))


def _read(texts: Sequence[Path], languages: Pair) -> tuple[list[Pair], int]:
    """The pairs of some texts, of each source the last, and how many have a blank side."""
    found: dict[str, str] = {}
    left_out = 0
    for reader in [locate(text, *languages) for text in texts]:
        for pair in reader:
            source, target = (BREAKS.sub(" ", side).strip() for side in pair)
            if source and target:
                found[source] = target
            else:
                left_out += 1
    return list(found.items()), left_out
