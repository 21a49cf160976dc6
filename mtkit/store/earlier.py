"""Bundles of formats 2 and 3 in the words of today. Nothing else knows what they looked like."""

import json
import re
from collections.abc import Mapping
from typing import Any

_LOSS = "loss a token"
_SCORE = re.compile(r"^\| (.+) \| (-?\d+\.\d+) \| (?:`(.*)` )?\|$", re.MULTILINE)
_TRAINING = re.compile(
    r"^`mtkit train`, seed (\d+), ([\d,]+) updates, (\d+\.\d) minutes(?:, the weights of (\d+) validations averaged)?",
    re.MULTILINE,
)
_INPUT = re.compile(r"^\| (.+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)
_PARAMETERS = re.compile(r"([\d,]+) parameters\.$", re.MULTILINE)
_CONFIG = re.compile(r"^```json\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def upgraded(table: Mapping[str, Any], card: str) -> dict[str, Any]:
    """The config.json of a bundle of format 2 or 3 as one of format 4: their number said what kind they are."""
    kind = "exported" if table["format_version"] == 3 else "trained"
    return {**table, "kind": kind, "training": training_of(card)}


def training_of(card: str) -> dict[str, Any] | None:
    """What the card of a bundle of format 2 or 3 says of its training, in the digits that it prints.

    These bundles noted it nowhere else, and nothing newer is read from a card. None where it is none of ours, or was
    rewritten, as a card may be.
    """
    training = _TRAINING.search(card)
    rows = _SCORE.findall(card)
    if not training or not rows:
        return None
    parameters, config = _PARAMETERS.search(card), _CONFIG.search(card)
    return {
        "seed": int(training[1]),
        "updates": _number(training[2]),
        "minutes": float(training[3]),
        "averaged": int(training[4] or 0),
        "parameters": _number(parameters[1]) if parameters else 0,
        "scores": {"loss" if name == _LOSS else name: float(score) for name, score, _ in rows},
        "signatures": {name: signature for name, _, signature in rows if signature},
        "hashes": dict(_INPUT.findall(card)),
        "config": _table(config[1]) if config else {},
    }


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _table(text: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except ValueError:
        return {}
    return table if isinstance(table, dict) else {}
