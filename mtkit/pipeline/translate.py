"""The job of translating: raw lines in, raw lines out, in order. Also the Python API.

A blank line gives a blank line and never reaches the model; a line that the tokenizer makes nothing of does
the same. Lines are read as they come and sorted by length within a window, so that a slow source is answered
at once and an endless one fits into memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mtkit.decode.batched import Options, translate_ids
from mtkit.decode.search import Hypothesis
from mtkit.errors import BundleError, ConfigError
from mtkit.pipeline import bundle
from mtkit.pipeline.device import choose_device
from mtkit.schema import Decode

WINDOW = 2048  # lines sorted and batched together at most


@dataclass(frozen=True)
class Candidate:
    """One translation of a line."""

    text: str
    score: float
    """What search ranks by: the log-probability over the length penalty."""
    logprob: float
    tokens: list[str]
    alignment: list[tuple[int, int]] | None = None
    """(source word, target word), numbered from 0 over white-space words; None: not asked for."""


@dataclass(frozen=True)
class Translation:
    """What became of a line."""

    source: str
    candidates: list[Candidate]
    """Best first; empty for a blank line."""
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The best translation; "" for a blank line."""
        return self.candidates[0].text if self.candidates else ""


class Translator:
    """A loaded model, ready to translate.

    >>> Translator.load("runs/demo").translate(["Open file"])
    """

    def __init__(self, loaded: bundle.Bundle) -> None:
        self._bundle = loaded
        self.decode = loaded.decode
        self.target_lang: str = loaded.info["target_lang"]

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> "Translator":
        """Load a bundle, or a run's best one.

        Raises:
            BundleError: it is missing, damaged or of another format.
        """
        return cls(bundle.load(Path(path), choose_device(device)))

    def translate(self, lines: Iterable[str], **settings: object) -> list[str]:
        """The best translation of each line; settings are those of [decode]."""
        decode = Decode.model_validate(self.decode.model_dump() | settings)
        return [translation.text for translation in self.translations(lines, decode)]

    def translations(
        self, lines: Iterable[str], decode: Decode | None = None, n_best: int = 1, align: bool = False
    ) -> Iterator[Translation]:
        """Translate lines with all that is known of each, window by window, in their order.

        Raises:
            ConfigError: n_best is larger than the beam, or align without attention.
        """
        window: list[str] = []
        for line in lines:
            window.append(line)
            if len(window) == WINDOW:
                yield from self.window(window, decode, n_best, align)
                window = []
        yield from self.window(window, decode, n_best, align)

    def window(
        self, lines: list[str], decode: Decode | None = None, n_best: int = 1, align: bool = False
    ) -> Iterator[Translation]:
        """Translate some lines together; yields each as soon as it and all before it are done."""
        decode = decode or self.decode
        self.check(decode, n_best, align)
        source, target = self._bundle.source_tokenizer, self._bundle.target_tokenizer
        done: dict[int, Translation] = {}
        ids: list[list[int]] = []
        numbers: list[int] = []
        for number, (line, pieces) in enumerate(zip(lines, source.encode(lines), strict=True)):
            if line.strip() and pieces:
                ids.append(pieces)
                numbers.append(number)
            else:
                done[number] = Translation(line, [])
        options = Options(
            beam_size=decode.beam_size,
            length_penalty=decode.length_penalty,
            max_ratio=decode.max_ratio,
            batch_tokens=decode.batch_tokens,
            n_best=n_best,
            with_attention=align,
        )
        special = {"source_eos": source.eos, "bos": target.bos, "eos": target.eos}
        following = 0
        while following in done:
            yield done.pop(following)
            following += 1
        for rows, found in translate_ids(self._bundle.model, ids, options, **special, never=target.never):
            for row, hypotheses in zip(rows, found, strict=True):
                line = lines[numbers[row]]
                candidates = [self._candidate(line, ids[row], hypothesis) for hypothesis in hypotheses]
                done[numbers[row]] = Translation(line, candidates, self._warnings(ids[row]))
            while following in done:
                yield done.pop(following)
                following += 1

    def check(self, decode: Decode, n_best: int, align: bool) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: says what and why.
        """
        if n_best > decode.beam_size:
            raise ConfigError(
                f"--n-best {n_best} is larger than the beam of {decode.beam_size}: raise --beam-size or lower --n-best"
            )
        if align and not self._bundle.model.decoder.attends:
            raise ConfigError("--align needs attention, and this model has none (attention.name = none)")

    def _candidate(self, line: str, ids: list[int], hypothesis: Hypothesis) -> Candidate:
        target = self._bundle.target_tokenizer
        text = target.decode(hypothesis.words)
        alignment = self._align(line, ids, text, hypothesis) if hypothesis.attention is not None else None
        return Candidate(text, hypothesis.score, hypothesis.logprob, target.pieces(hypothesis.words), alignment)

    def _align(self, line: str, ids: list[int], text: str, hypothesis: Hypothesis) -> list[tuple[int, int]]:
        # Each target word is linked to the source word that its pieces look at most; the end of the source,
        # where attention rests when nothing is to be looked at, is no word.
        assert hypothesis.attention is not None
        source_words = self._bundle.source_tokenizer.words(ids, line)
        target_words = self._bundle.target_tokenizer.words(hypothesis.words, text)
        table = [[0.0] * (max(source_words) + 1) for _ in range(max(target_words, default=-1) + 1)]
        stride = self._bundle.model.stride  # a state of the memory stands for so many pieces
        for row, target_word in zip(hypothesis.attention.tolist(), target_words, strict=False):
            for piece, source_word in enumerate(source_words):
                table[target_word][source_word] += row[piece // stride]
        return sorted((weights.index(max(weights)), word) for word, weights in enumerate(table) if any(weights))

    def _warnings(self, ids: list[int]) -> list[str]:
        longest = self._bundle.info["max_pieces"]
        if len(ids) > longest:
            return [f"{len(ids)} pieces are more than the {longest} of the longest training sentence"]
        return []


def load_for(path: Path, device: str, decode: Decode | None = None) -> Translator:
    """Load a translator; what `decode` says explicitly comes before what the bundle carries."""
    translator = Translator.load(path, device)
    if decode is not None:
        explicit = decode.model_dump(include=decode.model_fields_set)
        translator.decode = Decode.model_validate(translator.decode.model_dump() | explicit)
    return translator


def missing_run(path: Path) -> BundleError:
    """What to say where a config's run has no model yet."""
    return BundleError(f"there is no trained model at {path}: run mtkit train first, or name one with --model")
