"""BLEU, chrF and TER as sacreBLEU computes them, each with its signature (Post 2018)."""

import importlib.util
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from mtkit.errors import DataError

LANGUAGES = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
EXTRAS = {"ja-mecab": "MeCab", "ko-mecab": "mecab_ko"}


@dataclass(frozen=True)
class Score:
    """A number with what makes it comparable."""

    name: str
    score: float
    signature: str
    text: str
    """As sacreBLEU prints it."""
    details: dict[str, Any]
    """Whatever else the metric says of itself, unrounded."""


def tokenizer_for(tokenize: str, target_lang: str) -> tuple[str, str]:
    """The sacreBLEU tokenizer that a setting means for a language, and a warning or "".

    Raises:
        DataError: a tokenizer asked for by name is not installed.
    """
    asked = tokenize
    if tokenize == "auto":
        tokenize = LANGUAGES.get(target_lang.lower().replace("_", "-").split("-")[0], "13a")
    if tokenize in EXTRAS and importlib.util.find_spec(EXTRAS[tokenize]) is None:
        extra = tokenize.split("-")[0]
        advice = f"the tokenizer {tokenize} is not installed (pip install 'sacrebleu[{extra}]')"
        if asked != "auto":
            raise DataError(f"{advice}; install it, or choose --tokenize char")
        return "char", f"{advice}; BLEU is computed over characters instead (tokenize = char)"
    return tokenize, ""


def bleu(hypotheses: list[str], references: list[list[str]], tokenize: str = "13a") -> Score:
    """BLEU (Papineni et al. 2002); `references` holds one list a reference set."""
    metric = BLEU(tokenize=tokenize)
    result = metric.corpus_score(hypotheses, references)
    details = {
        "precisions": result.precisions,
        "brevity_penalty": result.bp,
        "hypothesis_length": result.sys_len,
        "reference_length": result.ref_len,
    }
    return Score("bleu", result.score, str(metric.get_signature()), str(result), details)


def chrf(hypotheses: list[str], references: list[list[str]], tokenize: str = "13a") -> Score:
    """chrF2 (Popovic 2015); needs no tokenizer."""
    metric = CHRF()
    result = metric.corpus_score(hypotheses, references)
    return Score("chrf", result.score, str(metric.get_signature()), str(result), {})


def ter(hypotheses: list[str], references: list[list[str]], tokenize: str = "13a") -> Score:
    """Translation edit rate (Snover et al. 2006), lower is better; its tokenizer is tercom's."""
    metric = TER()
    result = metric.corpus_score(hypotheses, references)
    return Score(
        "ter",
        result.score,
        str(metric.get_signature()),
        str(result),
        {"edits": result.num_edits, "reference_length": result.ref_length},
    )
