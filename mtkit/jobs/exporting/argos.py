"""A package that Argos Translate and LibreTranslate install: a folder for CTranslate2 in a zip, with what they ask for.

What makes text of pieces there is the source's tokenizer: it spells bytes, and takes pieces that it does not know by
their names, so that a target's own is not missed.
"""

import zipfile
from pathlib import Path
from typing import Any

from mtkit import files, reading
from mtkit.errors import BundleError, MtkitError
from mtkit.server.names import name_of
from mtkit.store.bundle_config import BundleConfig
from mtkit.store.format import Format
from mtkit.text.languages import primary
from mtkit.text.tokenizer import Tokenizer

ENDING = ".argosmodel"
VERSION = "1.0"  # of the package: they ask which of two is newer
SINCE = "1.9.0"  # of Argos Translate, whose packages look so
FORMAT = Format("argos package", 1)
OURS = "mtkit.json"  # says in a package that mtkit wrote it
SMALL = 1 << 16  # bytes of what says that it is ours
THEN = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same model is the same package; a zip knows no earlier time


def check_name(out: Path) -> None:
    """Refuse a name by which they would not know it.

    Raises:
        BundleError: it does not end as packages do, or is a folder's.
    """
    if out.suffix != ENDING:
        raise BundleError(f"{out}: packages of Argos Translate end in {ENDING}: name it {out.name or 'model'}{ENDING}")
    if out.is_dir():
        raise BundleError(f"{out} is a folder, and a package is a file: name another one")


def is_ours(path: Path) -> bool:
    """Whether a file is a package that mtkit wrote."""
    try:
        with zipfile.ZipFile(path) as package:
            found = [one for one in package.infolist() if one.filename.split("/")[1:] == [OURS]]
            if len(found) != 1 or found[0].file_size > SMALL:
                return False
            FORMAT.check(reading.parse_json(package.read(found[0]), str(path)), path)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, reading.Unreadable, MtkitError):
        return False
    return True


def write(out: Path, model: Path, config: BundleConfig, source: Tokenizer, card: str) -> None:
    """Write the package atomically.

    Args:
        model: the folder for CTranslate2.
        source: its tokenizer.
        card: README.md, which they show.
    """
    languages = primary(config.source_lang), primary(config.target_lang)
    root = f"translate-{languages[0]}_{languages[1]}-{VERSION.replace('.', '_')}"
    with files.writing(out) as file, zipfile.ZipFile(file, "w") as package:
        for name, data in (
            ("metadata.json", files.to_json(_metadata(*languages)).encode()),
            ("README.md", card.encode()),
            ("sentencepiece.model", source.model),
            (OURS, files.to_json(FORMAT.head()).encode()),
        ):
            package.writestr(_entry(f"{root}/{name}", len(data)), data)
        for path in sorted(model.iterdir()):
            info = _entry(f"{root}/model/{path.name}", path.stat().st_size)
            with path.open("rb") as read, package.open(info, "w") as written:
                while block := read.read(1 << 20):
                    written.write(block)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, THEN)
    made.file_size = size  # says beforehand whether it is one of those that need more than 32 bits
    made.external_attr = 0o644 << 16
    return made


def _metadata(source: str, target: str) -> dict[str, Any]:
    return {
        "package_version": VERSION,
        "argos_version": SINCE,
        "from_code": source,
        "from_name": name_of(source),
        "to_code": target,
        "to_name": name_of(target),
        "type": "translate",
    }
