"""The job of translating: raw lines in, raw lines out, in order. Also the Python API.

A blank line gives a blank line and never reaches the model; a line that the tokenizer makes nothing of does
the same. A line longer than all that the model was trained on is translated in parts.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from mtkit.errors import BundleError, ConfigError, DataError
from mtkit.ops.device import choose_device
from mtkit.schema import Decode
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.search import Hypothesis, Ranking
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.store import bundle
from mtkit.text import sentences
from mtkit.translator.parts import Job, joined
from mtkit.translator.request import Candidate, Line, Request, Translation
from mtkit.translator.workers import Workers

WINDOW = 1024  # lines sorted and batched together at most
PART = 0x85EBCA6B  # what numbers of a line's parts are apart, far from those of other lines
Out = TypeVar("Out")


class Translator:
    """A loaded model, or several (an ensemble), ready to translate.

    >>> Translator.load("runs/demo").translate(["Open file"])
    """

    def __init__(self, loaded: list[bundle.Bundle], decode: Decode | None = None) -> None:
        """Take bundles; settings of search are `decode`, or what the first bundle carries.

        Raises:
            ConfigError: bundles with target tokenizers that differ.
        """
        self._bundles, first = loaded, loaded[0]
        for other in loaded[1:]:
            if other.target_tokenizer.model != first.target_tokenizer.model:
                raise ConfigError(
                    f"{other.folder} and {first.folder} have different target tokenizers: the models of an ensemble "
                    "must share one; train them on the same prepared corpus, or set tokenizer.model"
                )
        self.decode = decode or first.decode
        self.source_lang: str = first.info["source_lang"]
        self.target_lang: str = first.info["target_lang"]
        self._target = first.target_tokenizer
        self._longest: int = first.info["max_pieces"]
        self._models: dict[str, Ensemble] = {}

    @classmethod
    def load(cls, path: str | Path, *others: str | Path, device: str = "auto") -> "Translator":
        """Load a bundle, or a run's best one; with others an ensemble.

        Raises:
            BundleError: one is missing, damaged or of another format.
            ConfigError: they do not go together.
        """
        return cls([bundle.load(Path(one), choose_device(device)) for one in (path, *others)])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name: a process that was not forked loads the bundles again."""
        device = str(self._bundles[0].model.source_VE.device)
        return _loaded, ([one.folder for one in self._bundles], device, self.decode)

    @property
    def device(self) -> str:
        """Where it computes: "cpu" or "cuda"."""
        return self._bundles[0].model.source_VE.device.type

    @property
    def attends(self) -> bool:
        """Whether there is attention to look at."""
        return self._bundles[0].model.decoder.attends

    def translate(self, lines: Iterable[str], **settings: object) -> list[str]:
        """The best translation of each line; settings are those of [decode]."""
        decode = Decode.model_validate(self.decode.model_dump() | settings)
        return [translation.text for translation in self.translations(lines, decode)]

    def translations(
        self, lines: Iterable[str], decode: Decode | None = None, request: Request | None = None
    ) -> Iterator[Translation]:
        """Translate lines with all that is known of each, window by window, in their order.

        Raises:
            ConfigError: a request that cannot be met.
        """
        window: list[Line] = []
        for number, text in enumerate(lines):
            window.append(Line(text, number=number))
            if len(window) == WINDOW:
                yield from self.window(window, decode, request)
                window = []
        yield from self.window(window, decode, request)

    def window(
        self, lines: list[Line], decode: Decode | None = None, request: Request | None = None
    ) -> Iterator[Translation]:
        """Translate some lines together; yields each as soon as it and all before it are done."""
        decode, request = decode or self.decode, request or Request()
        self.check(decode, request)
        jobs = self._jobs(lines, request.forced)
        done: dict[int, Translation] = {n: Translation(line.text, []) for n, line in enumerate(lines) if n not in jobs}
        parts = [(number, place) for number, job in jobs.items() for place in range(len(job.parts))]
        wanted = [jobs[number].sentences[place] for number, place in parts]
        following = 0
        while following in done:
            yield done.pop(following)
            following += 1
        ensemble = self._in_precision(decode.precision)
        for rows, found in self._found(ensemble, wanted, decode, request):
            for row, hypotheses in zip(rows, found, strict=True):
                number, place = parts[row]
                job = jobs[number]
                job.found[place] = [self._candidate(job, place, one, request) for one in hypotheses]
                if all(job.found):
                    ranking = Ranking.of(decode)
                    done[number] = Translation(lines[number].text, joined(job, ranking, self.target_lang), job.warnings)
            while following in done:
                yield done.pop(following)
                following += 1

    def _found(
        self, ensemble: Ensemble, wanted: list[Sentence], decode: Decode, request: Request
    ) -> Iterator[tuple[list[int], list[list[Hypothesis]]]]:
        """Search; or, of what is forced, only score, over all words and with none ruled out."""
        target = self._target
        return translate_ids(
            ensemble,
            wanted,
            decode.model_copy(update={"beam_size": 1}) if request.forced else decode,
            Vocabulary(target.bos, target.eos, target.never, target.names),
            None if request.forced else self._bundles[0].shortlist,
            n_best=request.n_best,
            sampling=request.sampling,
            details=request.details,
            attention=request.align,
            ruled=not request.forced,
        )

    def warm_up(self) -> None:
        """Make ready what is made once, with one thread: so it can be shared with processes forked from this one."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        list(self.window([Line("a")], request=Request()))
        torch.set_num_threads(threads)

    def check(self, decode: Decode, request: Request) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: says what and why.
        """
        if request.sampling is None and request.n_best > decode.beam_size:
            raise ConfigError(
                f"--n-best {request.n_best} is larger than the beam of {decode.beam_size}: "
                "raise --beam-size or lower --n-best"
            )
        for wanted, flag in ((request.align, "--align"), (decode.coverage_penalty, "--coverage-penalty")):
            if wanted and not self.attends:
                raise ConfigError(f"{flag} needs attention, and this model has none (attention.name = none)")

    def _in_precision(self, precision: str) -> Ensemble:
        if precision not in self._models:
            eos = [one.source_tokenizer.eos for one in self._bundles]
            self._models[precision] = Ensemble([one.model for one in self._bundles], eos, precision)
        return self._models[precision]

    def _jobs(self, lines: list[Line], forced: bool) -> dict[int, Job]:
        """What is to be done for each line that is not blank; number in the window -> job."""
        ids = [one.source_tokenizer.encode([line.text for line in lines]) for one in self._bundles]
        jobs = {}
        for number, line in enumerate(lines):
            whole = [of_model[number] for of_model in ids]
            if not line.text.strip() or not all(whole) or (forced and not line.prefix.strip()):
                continue
            prefix = self._target.encode([line.prefix])[0] if line.prefix else []
            if forced:
                prefix.append(self._target.eos)
            elif self._target.decode(prefix) != line.prefix.strip(" ") or set(prefix) & set(self._target.never):
                raise DataError(
                    f"the prefix of line {line.number + 1}, {line.prefix!r}, cannot be written with the target "
                    f"vocabulary: it would become {self._target.decode(prefix)!r}; change it"
                )
            length = self._length(whole)
            if forced or length <= self._longest:
                jobs[number] = Job([line.text], [Sentence(whole, prefix, line.number)], [])
                continue
            if prefix:
                raise DataError(
                    f"line {line.number + 1} is too long for a prefix: it has {length} pieces, and what is "
                    f"longer than {self._longest} is translated in parts; split it"
                )
            parts = self._split(line.text)
            of_models = zip(*(one.source_tokenizer.encode(parts) for one in self._bundles), strict=True)
            jobs[number] = Job(
                parts,
                [Sentence(sources, (), line.number + place * PART) for place, sources in enumerate(of_models)],
                [
                    f"{length} pieces are more than the {self._longest} of the longest training sentence: "
                    f"translated in {len(parts)} parts"
                ],
            )
        return jobs

    def _length(self, ids: Sequence[list[int]]) -> int:
        """Of a text as each model's tokenizer makes it, as pieces of the first model: its share of the longest sentence
        that a model was trained on, of whichever model that is the largest."""
        lengths = zip(ids, self._bundles, strict=True)
        return max(-(-len(own) * self._longest // int(one.info["max_pieces"])) for own, one in lengths)

    def _lengths(self, texts: list[str]) -> list[int]:
        return [
            self._length(ids) for ids in zip(*(b.source_tokenizer.encode(texts) for b in self._bundles), strict=True)
        ]

    def _split(self, text: str) -> list[str]:
        made = sentences.split(text, self._longest, self._lengths)
        # What tokenizers make nothing of goes with what stands before it, or after it at the beginning.
        ids = zip(*(one.source_tokenizer.encode(made) for one in self._bundles), strict=True)
        parts: list[str] = []
        nothing = ""
        for part, of_models in zip(made, ids, strict=True):
            if all(of_models):
                parts.append(nothing + part)
                nothing = ""
            elif parts:
                parts[-1] += part
            else:
                nothing += part
        return parts

    def _candidate(self, job: Job, place: int, hypothesis: Hypothesis, request: Request) -> Candidate:
        text = self._target.decode(hypothesis.pieces)
        made = Candidate(text, hypothesis.score, hypothesis.logprob, self._target.pieces(hypothesis.pieces))
        if request.details:
            made = replace(made, token_logprobs=hypothesis.piece_logprobs)
        if request.align:
            assert hypothesis.attention is not None
            attention = hypothesis.attention.tolist()
            links = self._align(job.parts[place], job.sentences[place].sources[0], text, hypothesis.pieces, attention)
            made = replace(made, alignment=links, attention=attention if len(job.parts) == 1 else None)
        return made

    def _align(
        self, line: str, ids: list[int], text: str, pieces: list[int], attention: list[list[float]]
    ) -> list[tuple[int, int]]:
        # Each target word is linked to the source word that its pieces look at most; the end of the source,
        # where attention rests when nothing is to be looked at, is no word.
        source_words = self._bundles[0].source_tokenizer.words(ids, line)
        target_words = self._target.words(pieces, text)
        table = [[0.0] * (max(source_words) + 1) for _ in range(max(target_words, default=-1) + 1)]
        stride = self._bundles[0].model.stride  # a state of the memory stands for so many pieces
        for row, target_word in zip(attention, target_words, strict=False):
            for piece, source_word in enumerate(source_words):
                table[target_word][source_word] += row[piece // stride]
        return sorted((weights.index(max(weights)), word) for word, weights in enumerate(table) if any(weights))


def _loaded(paths: list[Path], device: str, decode: Decode) -> Translator:
    first, *others = paths
    translator = Translator.load(first, *others, device=device)
    translator.decode = decode
    return translator


def in_parallel(
    translator: Translator, request: Request, workers: int, threads: int = 1
) -> Workers[list[Line], list[Translation]]:
    """Processes that translate windows, each with so many threads.

    Raises:
        ConfigError: on a GPU, which one process keeps busy.
    """
    return shared(translator, functools.partial(_window, translator, request), workers, threads)


def shared(
    translator: Translator, work: Callable[[list[Any]], Out], workers: int, threads: int = 1
) -> Workers[list[Any], Out]:
    """Processes that do something to windows of numbered lines with a translator.

    Raises:
        ConfigError: on a GPU, which one process keeps busy.
    """
    if translator.device != "cpu":
        raise ConfigError(f"--workers {workers} is for CPUs, and this is a GPU: leave it out")
    translator.warm_up()
    return Workers(workers, work, _name, functools.partial(torch.set_num_threads, threads))


def _window(translator: Translator, request: Request, lines: list[Line]) -> list[Translation]:
    return list(translator.window(lines, request=request))


def _name(lines: list[Line]) -> str:
    first, last = lines[0].number + 1, lines[-1].number + 1
    return f"line {first}" if first == last else f"lines {first} to {last}"


def load_for(paths: list[Path], device: str, decode: Decode | None = None) -> Translator:
    """Load a translator; what `decode` says explicitly comes before what the bundle carries."""
    first, *others = paths
    translator = Translator.load(first, *others, device=device)
    if decode is not None:
        explicit = decode.model_dump(include=decode.model_fields_set)
        translator.decode = Decode.model_validate(translator.decode.model_dump() | explicit)
    return translator


def missing_run(path: Path) -> BundleError:
    """What to say where a config's run has no model yet."""
    return BundleError(f"there is no trained model at {path}: run mtkit train first, or name one with --model")
