"""The model card that a bundle carries as README.md: written here, and read back here."""

import re
from dataclasses import dataclass

from mtkit.report.description import architecture
from mtkit.schema import Config

LOSS = "loss a token"
SCORE = re.compile(r"^\| (.+) \| (-?\d+\.\d+) \| (?:`(.*)` )?\|$", re.MULTILINE)
TRAINING = re.compile(r"^`mtkit train`, seed (\d+), ([\d,]+) updates, (\d+\.\d) minutes", re.MULTILINE)
INPUT = re.compile(r"^\| (.+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def card(
    config: Config,
    *,
    scores: dict[str, float],
    signatures: dict[str, str],
    update: int,
    minutes: float,
    hashes: dict[str, str],
    parameters: int,
    averaged: int = 0,
) -> str:
    """Markdown that says what the model is, what it scored and on which data.

    Args:
        scores: of the validation that chose it: loss, bleu, chrf.
        hashes: input file -> sha256.
        averaged: the validations whose weights were averaged into it; 0: it is the model of one.
    """
    data, parts = config.data, architecture(config.model)
    lines = [
        f"# {config.run_name}: {data.source_lang} to {data.target_lang}",
        "",
        f"A translation model of mtkit. Encoder: {parts['encoder']}. Decoder: {parts['decoder']}. "
        f"Attention: {parts['attention']}. Widths: {parts['widths']}. {parameters:,} parameters.",
        "",
        "    echo 'text' | mtkit translate --model FOLDER",
        "",
        "## Scores on dev",
        "",
        f"Greedy, at most {config.train.validate_lines} lines of dev, which also chose this model.",
        "",
        "| metric | score | signature |",
        "|---|---|---|",
        f"| {LOSS} | {scores['loss']:.4f} | |",
    ]
    lines += [f"| {name} | {scores[name]:.2f} | `{signature}` |" for name, signature in signatures.items()]
    lines += [
        "",
        "## Training",
        "",
        f"`mtkit train`, seed {config.seed}, {update:,} updates, {minutes:.1f} minutes"
        f"{f', the weights of {averaged} validations averaged' if averaged else ''}; the whole config follows.",
        "",
        "```json",
        config.model_dump_json(indent=1),
        "```",
        "",
        "## Data",
        "",
        "| file | sha256 |",
        "|---|---|",
        *(f"| {name} | `{value}` |" for name, value in sorted(hashes.items())),
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Past:
    """What a card tells of a model's training, in the digits that it prints."""

    seed: int
    update: int
    minutes: float
    scores: dict[str, float]
    """Of the validation that chose it: loss, bleu, chrf."""
    signatures: dict[str, str]
    hashes: dict[str, str]
    """Input file -> sha256."""


def read(text: str) -> Past | None:
    """What a card says; None where it is none of ours, or was rewritten (a card may be edited)."""
    training = TRAINING.search(text)
    rows = SCORE.findall(text)
    if not training or not rows:
        return None
    return Past(
        seed=int(training[1]),
        update=int(training[2].replace(",", "")),
        minutes=float(training[3]),
        scores={"loss" if name == LOSS else name: float(score) for name, score, _ in rows},
        signatures={name: signature for name, _, signature in rows if signature},
        hashes=dict(INPUT.findall(text)),
    )
