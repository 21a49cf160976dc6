"""The job of exporting: a smaller bundle that says the same, or nearly, and says it faster."""

from dataclasses import dataclass
from pathlib import Path

import torch

from mtkit.config import Loaded
from mtkit.corpus import lexicon
from mtkit.errors import BundleError, ConfigError, DataError
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.inputs import find, usable
from mtkit.search.shortlist import Shortlist
from mtkit.store import bundle
from mtkit.store.bundle_config import is_exported
from mtkit.store.prepared import Prepared

LIKELY, FREQUENT = 60, 200  # target words kept of each source word, and for every sentence


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
    if loaded.exported:
        raise BundleError(f"{loaded.folder} was exported before: export from the bundle that training wrote")
    if out.resolve() in (loaded.folder.resolve(), model.resolve()):
        raise BundleError(f"{out} is the model itself: name another folder to export to")
    if out.exists() and not is_exported(out) and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} is no exported bundle: it would be lost; name a new folder, or remove it")
    if (old := out.with_name(out.name + ".old")).exists():
        raise BundleError(f"{old} is in the way of replacing {out}: remove it")
    shortlist = None
    if corpus is not None:
        shortlist = _shortlist(loaded, corpus)
    card = loaded.folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    bundle.export(out, loaded, precision, shortlist, text + _note(precision, shortlist))
    return Exported(_size(loaded.folder), _size(out))


def prepared_of(loaded: Loaded) -> Prepared:
    """The prepared corpus of a config.

    Raises:
        DataError: there is none: preprocess makes it.
    """
    found = usable(find(resolved(loaded)))
    if found is None:
        raise DataError("a shortlist is learnt from the prepared corpus, and there is none: run mtkit preprocess first")
    return found


def _shortlist(loaded: bundle.Bundle, corpus: Prepared) -> Shortlist:
    for name in loaded.config.tokenizers:
        if (loaded.folder / name).read_bytes() != (corpus.folder / name).read_bytes():
            raise ConfigError(
                f"{corpus.folder} has another tokenizer than {loaded.folder}: give the config that it was trained with"
            )
    learnt = lexicon.learn(corpus.split("train"), *loaded.config.vocab_sizes, LIKELY, FREQUENT)
    return Shortlist(learnt.likely_VN, learnt.frequent, copies=loaded.config.shared)


def _note(precision: str, shortlist: Shortlist | None) -> str:
    words = "" if shortlist is None else f", with a shortlist of {shortlist.likely_VN.shape[1]} words a source word"
    return f"\nExported in {precision}{words}; the scores above are those of the model that it was made of.\n"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".safetensors", ".model"))
