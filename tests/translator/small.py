"""Translators that are built, not trained: their texts make no sense, and everything around the texts can be tested."""

import functools
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Decode, Model
from mtkit.store import bundle
from mtkit.text import tokenizer
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.member import Member
from mtkit.translator.translator import Translator
from tests.system.toy import WORDS

LONGEST = 20
LINES = ["the red dog sees the cat", "one two", "", "the house", "and the small cat finds three big dogs", "nine"]
CONVOLUTION = {"kernel": 3, "channels": 6}


@functools.cache
def pieces(byte_fallback: bool = True) -> Tokenizer:
    """Of both languages of the toy."""
    words = [*WORDS, *WORDS.values()]
    lines = [" ".join(words[(start + step) % len(words)] for step in range(0, 40, 3)) for start in range(len(words))]
    kind: dict[str, Any] = {"kind": "unigram", "normalization": "identity", "byte_fallback": byte_fallback}
    return Tokenizer(tokenizer.train(iter(lines), vocab_size=380 if byte_fallback else 120, **kind))


def decode(**settings: Any) -> Decode:
    """Settings of search, of which the others are left to whoever has more to say."""
    return Decode.model_validate(settings)


def table(conv: int = 0, **keys: Any) -> Model:
    """A small [model]; `conv`: the stride of a convolution below the encoder, 0 for none."""
    made: dict[str, Any] = {"embed_dim": 16, "hidden_dim": 16} | keys
    if conv:
        made["encoder"] = {"conv": [CONVOLUTION | {"stride": conv}]}
    return Model.model_validate(made)


def model_of(settings: Model, words: Tokenizer, seed: int = 3) -> Seq2Seq:
    """With parameters that all matter, in eval mode."""
    torch.manual_seed(seed)
    made = build(settings, words.vocab_size, words.vocab_size, shared=True)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.4)
    return made.eval()


def translator(conv: int = 0, longest: int = LONGEST, languages: tuple[str, str] = ("en", "de"), **keys: Any) -> Any:
    """One that is nowhere on disk."""
    words = pieces()
    return Translator([Member(model_of(table(conv, **keys), words), words, words, longest)], Decode(), languages)


def written(folder: Path, seed: int = 3, languages: tuple[str, str] = ("en", "de"), **keys: Any) -> Path:
    """A bundle on disk."""
    words, settings = pieces(), table(**keys)
    about = bundle.describe(settings, decode(max_ratio=2), [words], languages, LONGEST)
    bundle.write(folder, model_of(settings, words, seed), [words], about, "a card")
    return folder
