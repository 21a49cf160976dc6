"""The job of exporting: a smaller bundle that says the same, or nearly, and faster; or what others read: a folder for
CTranslate2, or a package for Argos Translate."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mtkit import files, reading
from mtkit.config import Loaded
from mtkit.corpus import lexicon
from mtkit.errors import BundleError, ConfigError, DataError, MtkitError
from mtkit.jobs.exporting import argos, card, specification, vocabulary_map
from mtkit.jobs.exporting.expressible import obstacles
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.inputs import find, usable
from mtkit.search.shortlist import Shortlist
from mtkit.store import bundle, bundle_config
from mtkit.store.bundle_config import is_exported
from mtkit.store.format import Format
from mtkit.store.prepared import Prepared
from mtkit.text.tokenizer import Tokenizer

LIKELY, FREQUENT = 60, 200  # target words kept of each source word, and for every sentence
CTRANSLATE2 = Format("ctranslate2", 1)
OURS = "mtkit.json"  # says in a folder for CTranslate2 that mtkit wrote it
TYPES = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}


@dataclass(frozen=True)
class Exported:
    """What was written."""

    bytes_before: int
    bytes_after: int
    """Of the files of weights, tokenizer and shortlist."""


def export(model: Path, out: Path, *, precision: str, corpus: Prepared | None) -> Exported:
    """Write a bundle with its weights in a precision, which is then also what it computes in by default.

    Args:
        corpus: prepared text to learn a lexical shortlist from; None: without one.

    Raises:
        BundleError: there is no model, it is an exported one already, or `out` is something else.
        ConfigError: the corpus has another tokenizer than the model.
    """
    loaded = bundle.load(model, torch.device("cpu"))
    _check(loaded.folder, loaded.config.kind, model, out, is_exported(out) or _is_for_ctranslate2(out))
    shortlist = None if corpus is None else _shortlist(loaded, corpus)
    text = bundle_config.card(loaded.folder)
    bundle.export(out, loaded, precision, shortlist, text + _note(precision, shortlist))
    return Exported(_size(loaded.folder), _size(out))


def export_to_ctranslate2(model: Path, out: Path, *, precision: str, corpus: Prepared | None) -> Exported:
    """Write a Transformer as CTranslate2 reads it, with its tokenizers and a card that says how it is used.

    Args:
        precision: of its weights; what it computes in is said where it is loaded.
        corpus: prepared text to learn a lexical shortlist from; None: without one.

    Raises:
        BundleError: as `export`, or the model is one that CTranslate2 cannot run; says why.
        ConfigError: as `export`, or the package ctranslate2 is not installed.
    """
    loaded = _runnable(model, out, is_exported(out) or _is_for_ctranslate2(out))
    shortlist = None if corpus is None else _shortlist(loaded, corpus)
    made = specification.specification(loaded)
    config, tokenizers = loaded.config, (loaded.source_tokenizer, loaded.target_tokenizer)
    with files.publish(out) as path:
        _save(made, precision, path)
        for name, tokenizer in zip(config.tokenizers, tokenizers, strict=False):
            (path / name).write_bytes(tokenizer.model)
        if shortlist is not None:
            names = [tokenizer.names for tokenizer in tokenizers]
            (path / "vmap.txt").write_text(vocabulary_map.text(shortlist, *names), encoding="utf-8")
        text = card.card(config, precision, shortlist is not None, bundle_config.card(loaded.folder))
        (path / "README.md").write_text(text, encoding="utf-8")
        (path / OURS).write_text(files.to_json(CTRANSLATE2.head()), encoding="utf-8")
    return Exported(_size(loaded.folder), _size(out))


def export_to_argos(model: Path, out: Path, *, precision: str) -> Exported:
    """Write a Transformer as a package that Argos Translate and LibreTranslate install.

    Args:
        out: the file; it ends in .argosmodel.
        precision: of its weights.

    Raises:
        BundleError: as `export_to_ctranslate2`, or the file is to be called otherwise.
        ConfigError: the package ctranslate2 is not installed.
    """
    argos.check_name(out)
    loaded = _runnable(model, out, argos.is_ours(out))
    made = specification.specification(loaded)
    text = bundle_config.card(loaded.folder) + _note(precision, None)
    with tempfile.TemporaryDirectory() as folder:
        _save(made, precision, Path(folder))
        argos.write(out, Path(folder), loaded.config, loaded.source_tokenizer, text)
    return Exported(_size(loaded.folder), out.stat().st_size)


def prepared_of(loaded: Loaded) -> Prepared:
    """The prepared corpus of a config.

    Raises:
        DataError: there is none: preprocess makes it.
    """
    found = usable(find(resolved(loaded)))
    if found is None:
        raise DataError("a shortlist is learnt from the prepared corpus, and there is none: run mtkit preprocess first")
    return found


def _runnable(model: Path, out: Path, ours: bool) -> bundle.Bundle:
    """A model that CTranslate2 can run; nothing is loaded, or imported, of one that it cannot.

    Args:
        ours: what stands at `out` is an export that may be replaced.
    """
    folder = bundle.locate(model)
    planned = bundle_config.read(folder)
    _check(folder, planned.kind, model, out, ours)
    hides = ["it has learnt of spans (data.spans), each of which a search must say once"]
    if found := obstacles(planned.model) + hides * (planned.spans is not None):
        raise BundleError(
            f"CTranslate2 cannot run {folder}: {'; '.join(found)}; a bundle of mtkit's own can be made of it"
        )
    specification.package()
    return bundle.load(model, torch.device("cpu"))


def _save(made: Any, precision: str, folder: Path) -> None:
    made.validate()
    made.optimize(TYPES[precision])
    made.save(str(folder))


def _check(folder: Path, kind: str, model: Path, out: Path, ours: bool) -> None:
    """Refuse to export what was exported, and to write over anything but an export."""
    if kind == "exported":
        raise BundleError(f"{folder} was exported before: export from the bundle that training wrote")
    if os.path.realpath(out) in map(os.path.realpath, (folder, model)):
        raise BundleError(f"{out} is the model itself: name another folder to export to")
    if out.exists() and not ours and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} is no exported bundle: it would be lost; name a new folder, or remove it")


def _is_for_ctranslate2(folder: Path) -> bool:
    """Whether a folder is one that this job wrote for CTranslate2."""
    try:
        CTRANSLATE2.check(reading.read_json(folder / OURS), folder / OURS)
    except (OSError, reading.Unreadable, MtkitError):
        return False
    return True


def _shortlist(loaded: bundle.Bundle, corpus: Prepared) -> Shortlist:
    ours = [loaded.source_tokenizer.model, loaded.target_tokenizer.model][: len(loaded.config.tokenizers)]
    theirs = [Tokenizer.read(path).model for path in corpus.tokenizer_files]
    if ours != theirs:
        raise ConfigError(
            f"{corpus.folder} has another tokenizer than {loaded.folder}: give the config that it was trained with"
        )
    split = corpus.split("train").within(loaded.config.vocab_sizes)
    learnt = lexicon.learn(split, *loaded.config.vocab_sizes, LIKELY, FREQUENT)
    return Shortlist(learnt.likely_VN, learnt.frequent, copies=loaded.config.shared)


def _note(precision: str, shortlist: Shortlist | None) -> str:
    words = "" if shortlist is None else f", with a shortlist of {shortlist.likely_VN.shape[1]} words a source word"
    return f"\nExported in {precision}{words}; the scores above are those of the model that it was made of.\n"


def _size(folder: Path) -> int:
    return sum(
        path.stat().st_size for path in folder.iterdir() if path.suffix in (".safetensors", ".bin", ".model", ".txt")
    )
