"""The Python API: raw lines in, translations out, in order.

A blank line gives a blank line and never reaches the model; a line that the tokenizer makes nothing of does the same.
One without a letter, but for those of placeholders and the like if these are protected, comes out as it went in, like
the white space at the ends of any line. A line longer than all that the model was trained on is translated in parts.
Whatever translates goes through here: the commands, validation, and whoever imports mtkit, from as many threads as they
like.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mtkit.config import decode_with
from mtkit.errors import ConfigError
from mtkit.ops.device import choose_device
from mtkit.schema import Decode
from mtkit.search.batched import translate_ids
from mtkit.search.search import Hypothesis, Ranking
from mtkit.store import bundle
from mtkit.store.bundle_config import TagFacts
from mtkit.text import spans
from mtkit.text.characters import completed
from mtkit.text.terms import Glossary
from mtkit.translator import again, checks, kept, sure, telling
from mtkit.translator.calls import Calls
from mtkit.translator.candidates import candidate, restored
from mtkit.translator.guard import FORCED, Guard, unlikely
from mtkit.translator.guard import told as told_of
from mtkit.translator.member import Member
from mtkit.translator.parts import Job, joined
from mtkit.translator.precision import Choice, Ensembles
from mtkit.translator.request import Line, Pair, Request, Translation, distinct
from mtkit.translator.segment import Segmenter
from mtkit.translator.wording import Wording

WINDOW = 1024  # lines sorted and batched together at most, ...
WINDOW_ELSEWHERE = 16_384  # ... and on a GPU, whose batches are larger
LOG = logging.getLogger(__name__)


class Translator(Calls):
    """A loaded model, or several (an ensemble), ready to translate; it does not change, and threads may share it.

    >>> translator = Translator.load("runs/demo")
    >>> translator.translate("Open file").text
    >>> [one.text for one in translator.translate(["Open file", "Save"], beam_size=1)]
    """

    def __init__(
        self, members: Sequence[Member], decode: Decode, languages: tuple[str, str], tag: str | None = None
    ) -> None:
        """Take models; `decode` says how to search.

        Args:
            languages: of source and target, where models are told no tag that says others.
            tag: what they are told, of all that they were trained with; None: what they take where nothing is said.

        Raises:
            ConfigError: target tokenizers that differ, or an unknown tag.
        """
        first = members[0]
        for other in members[1:]:
            if other.target_tokenizer.model != first.target_tokenizer.model:
                raise ConfigError(
                    f"{other.name} and {first.name} have different target tokenizers: the models of an ensemble "
                    "must share one; train them on the same prepared corpus, or set tokenizer.model"
                )
        self._members = list(members)
        eos = [one.source_tokenizer.eos for one in members]
        self._ensembles = Ensembles([one.model for one in members], eos)
        self._asked, self._decode = decode, self._settled(decode)
        self._tag = telling.chosen(self._members, tag)
        self.source_lang, self.target_lang = self._tag.languages if self._tag else languages
        self._segmenter = Segmenter(self._members, (self.source_lang, self.target_lang), self._tag)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *others: str | Path,
        device: str = "auto",
        decode: Decode | None = None,
        tag: str | None = None,
        **settings: object,
    ) -> "Translator":
        """Load a bundle, or a run's best one; with others an ensemble.

        Args:
            device: auto, cpu, cuda or cuda:N.
            tag: what stands before each source, of the tags that the model was trained with ("2de", say); None: what it
                takes where nothing is said.
            decode: settings of search, of which those that were set come before what the first bundle carries.
            settings: of [decode], which come before both.

        Raises:
            BundleError: one is missing, damaged or of another format.
            ConfigError: they do not go together, a setting is wrong, or the tag is none of theirs.
        """
        loaded = [bundle.load(Path(one), choose_device(device)) for one in (path, *others)]
        first = loaded[0]
        given = {} if decode is None else decode.model_dump(include=decode.model_fields_set)
        LOG.info("loaded %s", ", ".join(str(one.folder) for one in loaded))
        return cls(
            [Member.of(one) for one in loaded],
            decode_with(first.decode, given | settings),
            (first.source_lang, first.target_lang),
            tag,
        )

    def tagged(self, tag: str | None) -> "Translator":
        """The same models told something else; None: what they take where nothing is said.

        Raises:
            ConfigError: the tag is none of theirs.
        """
        made = object.__new__(type(self))  # copies are made by name, as pickling is
        made.__dict__ |= self.__dict__
        made._tag = telling.chosen(self._members, tag)
        if made._tag and self._tag and made._tag != self._tag:
            made.source_lang, made.target_lang = made._tag.languages
            made._segmenter = Segmenter(self._members, made._tag.languages, made._tag)
            return made
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name: a process that was not forked loads the bundles again."""
        device = str(self._members[0].model.source_VE.device)
        return _loaded, ([one.name for one in self._members], device, self.decode, self.tag)

    @property
    def decode(self) -> Decode:
        """How it searches where nothing else is said, with the precision that is taken."""
        return self._decode

    @property
    def asked(self) -> Decode:
        """The same with the precision that was asked for, which may be "auto"."""
        return self._asked

    @property
    def precision(self) -> Choice:
        """In which precision it forms products where nothing else is said, and why."""
        return self._ensembles.choice(self._asked.precision)

    def _settled(self, decode: Decode) -> Decode:
        """Settings with the precision that is taken where one was asked for, or "auto"."""
        return decode.model_copy(update={"precision": self._ensembles.choice(decode.precision).name})

    @property
    def device(self) -> str:
        """Where it computes: "cpu" or "cuda"."""
        return self._members[0].model.source_VE.device.type

    @property
    def names(self) -> list[str]:
        """Of the bundles: their folders."""
        return [one.name for one in self._members]

    @property
    def tag(self) -> str | None:
        """What stands before each source; "": nothing, None: they were trained without tags."""
        return self._tag.name if self._tag else None

    @property
    def tags(self) -> list[TagFacts]:
        """All that can stand there, first what is taken where nothing is said."""
        return list(self._members[0].tags)

    @property
    def members(self) -> list[Member]:
        """The models, with what each reads and writes."""
        return list(self._members)

    @property
    def window_lines(self) -> int:
        """Lines that are best given to it together, at most."""
        return WINDOW if self.device == "cpu" else WINDOW_ELSEWHERE

    def multiplications(self, lines: int) -> int:
        """Of a step of search for so many lines, about."""
        return self._ensembles.numbers * lines * self.decode.beam_size

    def unwritable(self, glossary: Glossary) -> list[str]:
        """Terms of a glossary that its vocabulary cannot write, as they are asked for."""
        wording = Wording(glossary, self._segmenter.target)
        forms = [term.targets or term.sources for term in glossary.terms]
        return [some[0].text for some in forms if not any(map(wording.phrases, some))]

    @property
    def attends(self) -> bool:
        """Whether there is attention to look at."""
        return self._members[0].model.decoder.attends

    @property
    def has_confidence(self) -> bool:
        """Whether it can tell how sure one can be of its translations."""
        return len(self._members) == 1 and self._members[0].estimator is not None

    def translations(
        self, lines: Iterable[str], decode: Decode | None = None, request: Request | None = None
    ) -> Iterator[Translation]:
        """Translate lines one after another, window by window, in their order.

        Raises:
            ConfigError: a request that cannot be met.
            TypeError: a line that is no string.
        """
        most, window = self.window_lines, list[Line]()
        for number, text in enumerate(lines):
            if not isinstance(text, str):
                raise TypeError(f"line {number + 1} is no string but {type(text).__name__}")
            window.append(Line(text, number=number))
            if len(window) == most:
                yield from self.window(window, decode, request)
                window = []
        yield from self.window(window, decode, request)

    def window(
        self, lines: Sequence[Line], decode: Decode | None = None, request: Request | None = None
    ) -> Iterator[Translation]:
        """Translate some lines together; yields each as soon as it and all before it are done.

        Raises:
            ConfigError: a request that cannot be met.
            DataError: a prefix that cannot be obeyed.
        """
        decode, request = self._settled(decode) if decode else self.decode, request or Request()
        if request.tag is not None:
            told = self.tagged(request.tag)
            yield from told.window(lines, decode, replace(request, tag=None))
            return
        self.check(decode, request)
        estimator = self._members[0].estimator if request.confidence else None  # there is one: see `check`
        asked = sure.asked(request) if estimator else request
        if request.glossary is None and not request.guard and not request.mbr:
            found = self._plain(lines, decode, asked)
        else:
            pair, names = (self.source_lang, self.target_lang), self._segmenter.target.names
            found = again.looked_over(self._plain, lines, decode, asked, pair, names)
        yield from sure.told(found, estimator, request) if estimator else found

    def _plain(self, lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
        """Translations as search finds them; with a glossary such as say the terms of each line."""
        jobs = self._segmenter.jobs(lines, request.protect, decode.protect)
        if request.glossary is not None:
            finder = self._segmenter.finder(decode.protect) if request.protect else None
            self._segmenter.ask(lines, jobs, request.glossary, finder)
        yield from self._answers(lines, jobs, decode, request, forced=False)

    def forced(self, pairs: Sequence[Pair], decode: Decode | None = None, align: bool = False) -> Iterator[Translation]:
        """The targets of some pairs, with what the model says of them: no rule acts, and every piece may be said.

        Where one side is blank there is no candidate.

        Raises:
            ConfigError: align without attention.
        """
        decode = self._settled(decode) if decode else self.decode
        request = Request(align=align, details=True, protect=False)
        self.check(decode, request)
        greedy = decode.model_copy(update={"beam_size": 1})
        yield from self._answers(pairs, self._segmenter.forced(pairs), greedy, request, forced=True)

    def _answers(
        self,
        lines: Sequence[Line] | Sequence[Pair],
        jobs: dict[int, Job],
        decode: Decode,
        request: Request,
        forced: bool,
    ) -> Iterator[Translation]:
        sources = [line.text for line in lines]
        others = [number for number in range(len(lines)) if number not in jobs]
        languages, finder = (self.source_lang, self.target_lang), self._segmenter.finder(decode.protect)
        done = {n: self._segmenter.without_model(lines[n], request, finder) for n in others}
        guard = Guard(languages, request, decode.beam_size, self.attends, finder)
        percent_first = spans.percent_first(self.target_lang)
        ranking, following = Ranking.of(decode), 0

        def finish(number: int) -> None:
            job = jobs[number]
            if not job.missing:
                candidates = joined(job, ranking, self.target_lang)
                if not forced:
                    candidates = kept.framed(sources[number], candidates)
                if request.sampling is None:
                    candidates = distinct(candidates, request.n_best)
                done[number] = Translation(sources[number], candidates, job.warnings, job.origin, parts=len(job.parts))

        def ready() -> Iterator[Translation]:
            nonlocal following
            while following in done:
                yield done.pop(following)
                following += 1

        yield from ready()
        target, unknown = self._segmenter.target, self._segmenter.has_unknown
        for parts, found in self._found(jobs, decode, request, forced):
            pieces = [one.pieces for hypotheses in found for one in hypotheses]
            texts: Iterator[str] = map(completed, target.decode_all(pieces, self._segmenter.threads))
            if forced:  # decoded it would be without what is unknown
                texts = (jobs[number].forced for number, _ in parts)
            for (number, place), hypotheses in zip(parts, found, strict=True):
                job = jobs[number]
                copies = not forced and unknown(job.sentences[place])
                language = self.target_lang if copies else None
                told = job, place, request, language
                made = [candidate(self._members[0], one, next(texts), *told) for one in hypotheses]
                if request.confidence and len(made) > 1:
                    made[0] = replace(made[0], margin=made[0].score - made[1].score)
                    made = made if request.sampling or request.n_best > 1 else made[:1]
                if mask := job.masks.get(place):
                    made = [restored(one, mask, job.parts[place], percent_first) for one in made]
                    if about := unlikely(hypotheses[0], job.sentences[place].frame, mask):
                        job.warnings.append(told_of(about, FORCED))
                job.put(place, guard.passed(number, place, job, lines[number], made))
                finish(number)
            yield from ready()
        for number, place, made in guard.again(lambda some, asked: self._plain(some, decode, asked)):
            jobs[number].put(place, made)
            finish(number)
            yield from ready()
        assert following == len(lines), f"{len(lines)} lines have {following} translations"

    def _found(
        self, jobs: dict[int, Job], decode: Decode, request: Request, forced: bool
    ) -> Iterator[tuple[list[tuple[int, int]], list[list[Hypothesis]]]]:
        """Batch by batch, parts of lines, as (place of the line, place in it), with their hypotheses.

        Where something is unknown attention is wanted, too.
        """
        parts = [(number, place) for number, job in jobs.items() for place in range(len(job.sentences))]
        if not parts:
            return
        # The margin is that to the next hypothesis, whatever becomes of its text.
        second = request.confidence and request.sampling is None and request.n_best == 1 < decode.beam_size
        looked: Sequence[int] = range(len(parts) if request.align else 0)
        if self.attends and not (request.align or forced):
            unknown = self._segmenter.has_unknown
            looked = [at for at, (n, place) in enumerate(parts) if unknown(jobs[n].sentences[place])]
        # A text may be found in several spellings, and of a list each counts once.
        listed = request.sampling is None and request.n_best > 1
        batches = translate_ids(
            self._ensembles.of(decode.precision),
            [jobs[number].sentences[place] for number, place in parts],
            decode,
            self._segmenter.vocabulary,
            None if forced else self._members[0].shortlist,
            n_best=decode.beam_size if listed else 2 if second else request.n_best,
            sampling=request.sampling,
            details=request.details or any(job.masks for job in jobs.values()),
            attention=looked,
            ruled=not forced,
        )
        for rows, found in batches:
            yield [parts[row] for row in rows], found

    def check(self, decode: Decode, request: Request) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: says what and why.
        """
        checks.refuse(decode, request, self.names, attends=self.attends, sure=self.has_confidence)

    def warm_up(self) -> None:
        """Make ready what is made once, with one thread: so it can be shared with processes forked from this one."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            list(self.window([Line("a")]))
        finally:
            torch.set_num_threads(threads)


def _loaded(names: list[str], device: str, decode: Decode, tag: str | None) -> Translator:
    first, *others = names
    return Translator.load(first, *others, device=device, tag=tag, **decode.model_dump())
