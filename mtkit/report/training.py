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
    hashes: dict[str, str]
    """Input file -> sha256."""
    config: dict[str, Any] = {}
    """The whole config, as plain values: it may name choices of plug-ins that are not here."""
