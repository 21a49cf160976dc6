"""CTranslate2 as an engine: `PYTHON -m benchmarks.engine_ctranslate2 MODEL`, in a Python that has it and sentencepiece.

MODEL is what `mtkit export --to ctranslate2` wrote. All of a text is given to it at once, to be sorted and cut into
batches of so many tokens, which its threads share.
"""

import sys
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece

from benchmarks.engine import Settings, serve

LONGEST = 500  # pieces of a translation


class CTranslate2:
    """See Engine. Settings of its own: type (that it computes in) and batch (tokens)."""

    def __init__(self, folder: Path) -> None:
        names = ("source.model", "target.model") if (folder / "source.model").exists() else ("tokenizer.model",) * 2
        self.source, self.target = (
            sentencepiece.SentencePieceProcessor(model_file=str(folder / name)) for name in names
        )
        self.folder = folder
        self.loaded: tuple[str, int, int] | None = None
        self.translator: Any = None
        self.settings: Settings = {}

    def load(self, settings: Settings) -> None:
        """See Engine."""
        self.settings = settings
        wanted = settings["type"], settings["workers"], settings["threads"]
        if self.loaded != wanted:
            self.translator = None  # two of them would be more memory than one
            kind, workers, threads = wanted
            self.translator = ctranslate2.Translator(
                str(self.folder), device="cpu", compute_type=kind, inter_threads=workers, intra_threads=threads
            )
            self.loaded = wanted

    def translate(self, lines: list[str], length: int | None) -> list[str]:
        """See Engine."""
        threads = self.settings["workers"] * self.settings["threads"] if len(lines) > 1 else 1
        pieces = self.source.encode(lines, out_type=str, num_threads=threads)
        lengths = {"min_decoding_length": length or 1, "max_decoding_length": length or LONGEST}
        found = self.translator.translate_batch(
            pieces,
            beam_size=self.settings["beam"],
            max_batch_size=self.settings["batch"],
            batch_type="tokens",
            max_input_length=0,
            **lengths,
        )
        texts: list[str] = self.target.decode([one.hypotheses[0] for one in found], num_threads=threads)
        return texts

    def search(self, lines: list[str]) -> list[tuple[list[str], float]]:
        """See Engine."""
        found = self.translator.translate_batch(
            self.source.encode(lines, out_type=str),
            beam_size=self.settings["beam"],
            max_batch_size=self.settings["batch"],
            batch_type="tokens",
            length_penalty=0,
            min_decoding_length=0,
            max_decoding_length=LONGEST,
            return_scores=True,
        )
        return [(one.hypotheses[0], one.scores[0]) for one in found]


if __name__ == "__main__":
    serve(CTranslate2(Path(sys.argv[1])))
