"""The facts of a training: how a model came to be and what it scored, for its bundle, its card and tables.

Must not know torch.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict


class TrainingFacts(BaseModel):
    """What is known of the training of a model, unrounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str = "mtkit train"
    """What was called, with its options."""
    seed: int
    """Of everything random."""
    updates: int
    """After which it is the model."""
    minutes: float
    """Spent training and validating."""
    precision: str = ""
    """Of the matrix products in training: fp32 or bf16; "": not known."""
    parameters: int = 0
    """How many there are; 0: not known."""
    averaged: int = 0
    """The validations whose weights were averaged into it; 0: it is the model of one."""
    scores: dict[str, float]
    """Metric -> score of the validation that chose it: loss, bleu, chrf."""
    signatures: dict[str, str]
    """Metric -> how its score was computed."""
    directions: dict[str, dict[str, float]] = {}
    """Direction, "en-de" -> metric -> score, of which `scores` has the means; {}: there is one direction."""
    hashes: dict[str, str]
    """Input file -> sha256."""
    config: dict[str, Any] = {}
    """The whole config, as plain values: it may name choices of plug-ins that are not here."""
    parent: "Parent | None" = None
    """What it was begun from; None: from nothing."""
    share: float = 1.0
    """Of what was trained in its weights; the rest are its parent's."""
    measured: "list[Measured]" = []
    """What its parent and it score on some texts."""

    @property
    def parents(self) -> "list[Parent]":
        """The whole line that it comes from, nearest first."""
        line, one = [], self.parent
        while one is not None:
            line.append(one)
            one = one.training.parent if one.training else None
        return line


class Measured(BaseModel):
    """The scores of a model and of its parent on a text, by the same metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str
    """What people call it."""
    pairs: int
    before: dict[str, float]
    """Metric -> score of the parent, loss among them."""
    after: dict[str, float]
    signatures: dict[str, str]


class Parent(BaseModel):
    """A model that another one was begun from."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """As the config of the child names it."""
    sha256: str
    """Of its weights."""
    languages: tuple[str, str]
    max_pieces: int
    """Of the longest source that it was trained on."""
    took: str
    """What was taken over of it, in words."""
    exported: str = ""
    """The precision that its weights had been rounded to; "": none."""
    training: TrainingFacts | None = None
    """None: nothing is known of it."""
