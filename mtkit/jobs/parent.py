"""The parent of a run, the model that it begins from: what is taken over of it, and what cards tell of it."""

from collections.abc import Sequence

import torch

from mtkit import files
from mtkit.config import Loaded
from mtkit.jobs import origin
from mtkit.model import inherit, tensors
from mtkit.model.inherit import Rows
from mtkit.model.seq2seq import Seq2Seq
from mtkit.report.training import Parent
from mtkit.store import bundle, bundle_config
from mtkit.text.tokenizer import Tokenizer
from mtkit.text.vocabularies import written_in


def describe(loaded: Loaded, tokenizers: Sequence[Tokenizer]) -> Parent:
    """What is to be known of the model that a config begins from.

    Args:
        tokenizers: of the run: one for both sides, or the source's and the target's.
    """
    folder = origin.find(loaded)
    found = bundle_config.read(folder)
    parts, took = loaded.config.train.init_parts, "all weights"
    if parts:
        told: list[str] = [part for part in parts if part != inherit.EMBEDDINGS]
        if inherit.EMBEDDINGS in parts:
            theirs = [Tokenizer.read(folder / name) for name in found.tokenizers]
            told.append(_pieces(_rows(tokenizers, theirs)[: len(tokenizers)]))
        took = ", ".join(told)
    return Parent(
        name=loaded.config.train.init_from,
        sha256=files.sha256(folder / bundle.WEIGHTS),
        languages=(found.source_lang, found.target_lang),
        max_pieces=found.max_pieces,
        took=took,
        exported=found.decode.precision if found.kind == "exported" else "",
        training=found.training,
    )


def take_over(model: Seq2Seq, loaded: Loaded, tokenizers: Sequence[Tokenizer]) -> None:
    """Fill a model that was just built with what its config takes of another one."""
    found, parts = bundle.load(origin.find(loaded), torch.device("cpu")), loaded.config.train.init_parts
    if not parts:
        tensors.assign(model, tensors.named(found.model))
        return
    rows = _rows(tokenizers, [found.source_tokenizer, found.target_tokenizer])
    inherit.take(model, found.model, parts, (rows[0], rows[1]))


def _rows(own: Sequence[Tokenizer], other: Sequence[Tokenizer]) -> list[Rows]:
    """Of source and target, which pieces stand for which."""
    return [written_in(own[side], other[side]) for side in (0, -1)]


def _pieces(rows: Sequence[Rows]) -> str:
    """How many embeddings are taken over, in words."""
    counts = [len(there) for side in rows for there in side]
    same, several, none = counts.count(1), sum(count > 1 for count in counts), counts.count(0)
    return f"embeddings of {same:,} pieces ({several:,} others are means of several, {none:,} begin anew)"
