"""mtkit as an engine: `python -m benchmarks.engine_mtkit MODEL`, a bundle."""

import contextlib
import gc
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine import Settings, serve
from mtkit.config import decode_with
from mtkit.schema import Decode
from mtkit.translator.parallel import in_parallel
from mtkit.translator.request import Line, Request
from mtkit.translator.translator import WINDOW, Translator

NO_LIMIT = 100.0


class Mtkit:
    """See Engine. Settings of its own: precision and batch (tokens)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.translator: Translator | None = None
        self.workers: Any = None
        self.open = contextlib.ExitStack()

    def load(self, settings: Settings) -> None:
        """See Engine."""
        self.open.close()
        self.workers = None
        torch.set_num_threads(settings["threads"])
        asked = {"beam_size": settings["beam"], "precision": settings["precision"], "batch_tokens": settings["batch"]}
        self.translator = Translator.load(self.folder, device="cpu", **asked)
        self.translator.warm_up()
        gc.collect()
        gc.freeze()  # as the command does
        if settings["workers"] > 1:
            self.workers = self.open.enter_context(
                in_parallel(self.translator, Request(), settings["workers"], settings["threads"])
            )

    def translate(self, lines: list[str], length: int | None) -> list[str]:
        """See Engine."""
        assert self.translator is not None
        given = [Line(text, number=number) for number, text in enumerate(lines)]
        if length is not None:
            return [one.text for one in self.translator.window(given, self._of_length(length))]
        if self.workers is None:
            return [one.text for one in self.translator.window(given)]
        chunks = [given[start : start + WINDOW] for start in range(0, len(given), WINDOW)]
        return [one.text for some in self.workers.in_order(chunks) for one in some]

    def search(self, lines: list[str]) -> list[tuple[list[str], float]]:
        """See Engine."""
        assert self.translator is not None
        free = decode_with(self.translator.decode, {"length_penalty": 0.0, "max_ratio": NO_LIMIT})
        made = self.translator.translations(lines, free, Request(protect=False))
        best: Iterable[Any] = (one.candidates[0] for one in made)
        return [(one.tokens, one.logprob) for one in best]

    def _of_length(self, length: int) -> Decode:
        """Settings that leave but one length to sources of ten pieces less."""
        assert self.translator is not None
        return decode_with(self.translator.decode, {"min_length": length, "max_ratio": 1.0})


if __name__ == "__main__":
    serve(Mtkit(Path(sys.argv[1])))
