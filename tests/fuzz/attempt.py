"""A try: what is changed, the command that meets it, and what may come of it."""

import enum
import json
import os
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from mtkit import files
from tests.fuzz.toy import Toy


class Expected(enum.Enum):
    """What may come of a try."""

    ANYTHING = "right or refused"
    REFUSAL = "refused"
    SAME = "as if nothing had been changed"


class Place(enum.Enum):
    """What may stand where a file should."""

    MISSING = "nothing"
    FOLDER = "a folder"
    PIPE = "a pipe"
    DANGLING = "a link to nothing"
    CIRCLE = "a link to itself"
    ZEROS = "a link to /dev/zero"
    NULL = "a link to /dev/null"
    FULL = "a link to /dev/full"
    UNREADABLE = "a link to a memory that cannot be read"


OWN = [Place.MISSING, Place.FOLDER, Place.DANGLING, Place.CIRCLE, Place.NULL, Place.UNREADABLE]
"""Of what users name themselves, which may be a pipe, and may have no end."""
LINKS = {
    Place.DANGLING: "nowhere",
    Place.ZEROS: "/dev/zero",
    Place.NULL: "/dev/null",
    Place.FULL: "/dev/full",
    Place.UNREADABLE: "/proc/self/mem",
}


@dataclass(frozen=True)
class Try:
    """What is changed, and the command that meets it."""

    member: str
    """The file, within the toy; "": none."""
    content: bytes | Place
    """What it holds then, or what stands in its place."""
    change: str
    """The same in words."""
    command: tuple[str, ...]
    needs: tuple[str, ...]
    """Files and folders of the toy."""
    expected: Expected = Expected.ANYTHING
    sealed: bool = False
    """Whether the checksums of the folder are made right again."""
    stdin: bytes = b""
    removed: tuple[str, ...] = field(default=())
    """Of what is needed, what is not there."""

    def __str__(self) -> str:
        seal = ", sealed again" if self.sealed else ""
        return f"{self.member}: {self.change}{seal}; mtkit {' '.join(self.command)}"[:600]


def lay(one: Try, toy: Toy, folder: Path) -> None:
    """Lay out what a try needs, changed."""
    for name in one.needs:
        source, target = toy.folder / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    for name in one.removed:
        shutil.rmtree(folder / name)
    if not one.member:
        return
    path = folder / one.member
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if isinstance(one.content, bytes):
        path.write_bytes(one.content)
        if one.sealed:
            _seal(path.parent, path.name)
    elif one.content is Place.FOLDER:
        path.mkdir()
    elif one.content is Place.PIPE:
        os.mkfifo(path)
    elif one.content is Place.CIRCLE:
        path.symlink_to(path.name)
    elif one.content in LINKS:
        path.symlink_to(LINKS[one.content])


def _seal(folder: Path, name: str) -> None:
    """Make the checksums of a folder right again, as whoever changes a file on purpose would."""
    if name in (files.CHECKSUMS, "manifest.json"):
        return
    path = folder / files.CHECKSUMS
    if path.exists():
        sums = json.loads(path.read_text(encoding="utf-8"))
        if name in sums:
            sums[name] = files.sha256(folder / name)
            path.write_text(files.to_json(sums), encoding="utf-8")
    manifest = folder / "manifest.json"
    if manifest.exists():
        table = json.loads(manifest.read_text(encoding="utf-8"))
        if name in table["files"]:
            table["files"][name] = (folder / name).stat().st_size
            if name in table.get("checksums", ()):  # those of before had none
                table["checksums"][name] = f"{zlib.crc32((folder / name).read_bytes()):08x}"
            manifest.write_text(files.to_json(table), encoding="utf-8")
