"""Placeholders, tags and addresses come out of a translation as they went in.

A line is translated as it is, and a translation that has what the line has, as models say it that were trained on such
text, stays as it is. Where something was lost, invented or changed a little, that is mended in the text; where that
cannot be, the line is searched again, for other translations and without what must not change, which is then put in
where attention points. Knows what was asked of search and what it answered; must not know models.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from typing import TypeAlias

from mtkit.search.search import Hypothesis
from mtkit.search.sentence import Frame
from mtkit.text import spans
from mtkit.text.finder import Finder, Sought
from mtkit.text.fold import fold
from mtkit.text.masked import Masked
from mtkit.text.spans import Span
from mtkit.translator import kept, placing
from mtkit.translator.edits import Moves, Squeezed, carried, edited, gone, moved, overlap, starts
from mtkit.translator.parts import Job
from mtkit.translator.placing import Looked
from mtkit.translator.request import STEERED, Candidate, Line, Pair, Request, Translation

CHANGED = "came out changed and was put right"
LOST = "was lost in translation and is put where attention points; look whether it is in its place"
FORCED = "had to be put where the model would hardly have had it; look whether it is in its place"
HARDLY = log(0.01)
LOOPS, LOOPS_MORE = 2, 10  # more than so many pieces a source piece, and these, are no translation
TOGETHER = 1 << 16  # characters that are searched again at once, about: attention to more might not fit into memory
SHOWN = 40  # characters of what a warning is about

Search = Callable[[list[Line], Request], Iterable[Translation]]
Waiting: TypeAlias = "tuple[int, int, Job, Part, list[Candidate]]"
"""Line, part, and the translations of it that are not right."""


class Guard:
    """Looks at the translations of some lines, and has those searched again that cannot be mended.

    Args:
        languages: of source and target.
        request: what is wanted of each line.
        beam: hypotheses that search keeps.
        attends: whether there is attention to ask for.
        finder: of what must not change; None: by its form.
    """

    def __init__(
        self,
        languages: tuple[str, str],
        request: Request,
        beam: int,
        attends: bool,
        finder: Finder | None = None,
    ) -> None:
        self._request, self._beam, self._attends = request, beam, attends
        self._finder, self._in_target = finder or Finder.of(languages[0]), spans.percent_first(languages[1])
        self._waiting = deque[Waiting]()

    def passed(
        self, number: int, place: int, job: Job, line: Line | Pair, candidates: list[Candidate]
    ) -> list[Candidate]:
        """Translations of a part of a line as they are to be told; none: it has to be searched again."""
        if job.kept is None:  # once a line, however many parts it has
            job.kept = self._finder.find(line.text) if self._request.protect else []
        part = self._part(job.kept, job, place, line) if job.kept else None
        if part is None or not part.found:
            return candidates
        right = part.mended(candidates)
        if right and (self._request.sampling is None or len(right) == len(candidates)):
            if all(one.text != right[0].text for one in candidates):
                job.warnings.append(part.warning(candidates[0], CHANGED))
            return self._listed(right)
        self._waiting.append((number, place, job, part, candidates))
        return []

    def _part(self, found: list[Span], job: Job, place: int, line: Line | Pair) -> "Part":
        """A part of a line with what is found in it of the line's spans; none is cut."""
        start, end = job.bounds[place : place + 2]
        first, last = (bisect_left(found, bound, key=lambda one: one.start) for bound in (start, end))
        inside = range(first, last)
        opened = sorted(job.opening[b] for b in inside if job.opening.get(b, first) < first)
        closed = sorted(job.closing[a] for a in inside if job.closing.get(a, -1) >= last)
        return Part(
            job.parts[place],
            line.prefix if isinstance(line, Line) else "",
            job.sentences[place].number,
            [replace(one, start=one.start - start, end=one.end - start) for one in found[first:last]],
            ([found[a] for a in opened], [found[b] for b in closed]),
            self._in_target,
        )

    def again(self, search: Search) -> Iterator[tuple[int, int, list[Candidate]]]:
        """Line, part and translations of what was to be searched again.

        Args:
            search: gives translations of lines, in order: first others of what has more of them, then of the bare text
                of what is left.
        """
        while self._waiting:
            some, size = list[Waiting](), 0
            while self._waiting and size < TOGETHER:
                some.append(self._waiting.popleft())
                size += len(some[-1][3].text)
            yield from self._again(some, search)

    def _again(self, waiting: list[Waiting], search: Search) -> Iterator[tuple[int, int, list[Candidate]]]:
        asked = replace(self._request, protect=False)
        more = [one for one in waiting if self._has_others(*one)]
        lines = [part.line(part.text) for *_, part, _ in more]
        others = search(lines, replace(asked, n_best=self._beam)) if more else ()
        right = set[tuple[int, int]]()
        for (number, place, _, part, _), translation in zip(more, others, strict=True):
            if mended := part.mended(_unframed(translation)):
                right.add((number, place))
                yield number, place, mended[:1]
        waiting = [one for one in waiting if one[:2] not in right]
        lines = [part.line(part.bare[0]) for *_, part, _ in waiting]
        bare = search(lines, replace(asked, align=self._attends)) if waiting else ()
        for (number, place, job, part, first), translation in zip(waiting, bare, strict=True):
            if translation.origin == STEERED:  # a memory may know the bare text alone
                job.origin = STEERED
            job.warnings.append(part.warning(first[0], LOST))
            placed = list(map(part.placed, _unframed(translation))) or list(map(part.forced, first))
            made = self._listed([*part.mended(first), *placed])[: asked.n_best]
            yield number, place, list(map(self._as_asked, made))

    def _has_others(self, number: int, place: int, job: Job, part: "Part", first: list[Candidate]) -> bool:
        """Whether there is more to be had of the part as it is than was asked for.

        Of lists and of draws all has been seen; with a prefix, or too long for the models, it cannot be searched
        so; without a word there is nothing else to be said, and where they say the same again and again, no other
        translation is worth the time.
        """
        sentence = job.sentences[place]
        whole = not sentence.prefix and job.given[place] == job.parts[place]
        one = self._request.sampling is None and self._request.n_best == 1 < self._beam
        words = not kept.wordless(part.text)
        return one and whole and words and len(first[0].tokens) <= LOOPS * len(sentence.sources[0]) + LOOPS_MORE

    def _listed(self, candidates: list[Candidate]) -> list[Candidate]:
        """Of a list each text once; draws may be the same."""
        return unique(candidates) if self._request.sampling is None else candidates

    def _as_asked(self, candidate: Candidate) -> Candidate:
        if self._request.align:
            return candidate
        return replace(candidate, alignment=None, attention=None, source_tokens=None, stride=1)


@dataclass(frozen=True)
class Part:
    """A line, or a part of one, in which something must not change.

    Attributes:
        prefix: what its translations begin with, which nothing is done to.
        number: what chance depends on.
        found: what must not change.
        around: what is opened before it and closed in it, and what is opened in it and closed after it.
        percent_first: of its translations, see `spans.find`.
    """

    text: str
    prefix: str
    number: int
    found: list[Span]
    around: tuple[list[Span], list[Span]] = ([], [])
    percent_first: bool = False

    @cached_property
    def quoted(self) -> list[Span]:
        """The same with the marks in which it stands alone, since these say nothing without it."""
        return spans.quoted(self.text, self.found)

    @cached_property
    def bare(self) -> tuple[str, list[int]]:
        """The text without it and without white space at its ends, and where each of its characters stands."""
        text, places = spans.without(self.text, self.quoted)
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        return text[start:end], places[start:end]

    def line(self, text: str) -> Line:
        """What is searched in its place."""
        return Line(text, self.prefix, self.number)

    def mended(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those translations that have everything, or to which little is to be done for that."""
        return [better for one in candidates if (better := self._mended(one)) is not None]

    def warning(self, candidate: Candidate, what: str) -> str:
        """What is to be said of something that a translation had not."""
        missing, more = difference(self.found, self._find(candidate.text))
        return told(missing or more or self.found[:1], what)

    @cached_property
    def _sought(self) -> Sought:
        return Sought(self.text, self.found, self.percent_first)

    def _find(self, text: str, put: bool = True) -> list[Span]:
        """What a translation has; see `Sought.find`."""
        return self._sought.find(text, put)

    def _floor(self, text: str) -> int:
        """Where what was forced ends."""
        prefix = fold(self.prefix).strip(" ")
        return len(prefix) if text.startswith(prefix) else 0

    def _is_right(self, text: str) -> bool:
        """Whether a translation has everything as often, and as many enclose text."""
        found = self._find(text)
        mine, its = (Counter(one.text for one in some) for some in (self.found, found))
        pairs = (len(spans.pairs([*self.around[0], *some, *self.around[1]])) for some in (self.found, found))
        return mine == its and next(pairs) == next(pairs)

    def _mended(self, candidate: Candidate) -> Candidate | None:
        """None: something was lost."""
        text = candidate.text
        if self._is_right(text):
            return candidate
        floor, found = self._floor(text), self._find(text)
        missing, more = difference(self.found, found)
        taken = bytearray(len(text))
        beyond = {one.start for one in more}
        for one in found:
            if one.start not in beyond:
                _take(taken, one.start, one.end)
        mine = {one.text for one in self.found}
        strange = [one for one in more if one.text not in mine]
        edits: list[tuple[int, int, str]] = []
        squeezed = Squeezed.of(text, floor)
        wanted, missing = missing, []
        places = {one.text: squeezed.find(one.text) for one in wanted}
        for one in wanted:
            if place := alike(one, places[one.text], strange, taken, floor):
                _take(taken, *place)
                edits.append((*place, one.text))
                more, strange = (
                    [other for other in some if not overlap((other.start, other.end), place)]
                    for some in (more, strange)
                )
            else:
                missing.append(one)
        if missing or len(more) > len(self.found):  # the latter says the same again and again
            return None
        edits += [(*gone(text, one, floor), "") for one in more if one.start >= floor]
        made, moves = edited(text, edits)
        if not self._is_right(made):
            return None
        links = candidate.alignment
        if links is not None:
            links = sorted(carried(links, None, moved(text, made, moves)))
        return replace(candidate, text=made, alignment=links)

    def placed(self, candidate: Candidate) -> Candidate:
        """A translation of the bare text, with everything put in."""
        bare, places = self.bare
        text, moves = self._cleared(candidate.text)
        made, then = self._put(text, looked(candidate, text, places))
        links = candidate.alignment
        if links is not None:
            source = moved(bare, self.text, list(enumerate(places)))
            target = moved(candidate.text, made, moves, then)
            links = sorted(carried(links, source, target) | self._links(made))
        return replace(candidate, text=made, alignment=links)

    def forced(self, candidate: Candidate) -> Candidate:
        """A translation of the whole, with everything put in anew: where there is nothing else to be translated."""
        made, _ = self._put(self._cleared(candidate.text)[0], None)
        return replace(
            candidate, text=made, alignment=None if candidate.alignment is None else sorted(self._links(made))
        )

    def _cleared(self, text: str) -> tuple[str, Moves]:
        """A translation without what is to be put in, or was invented."""
        floor = self._floor(text)
        return edited(
            text, [(*gone(text, one, floor), "") for one in self._find(text, put=False) if one.start >= floor]
        )

    def _put(self, text: str, looked: Looked | None) -> tuple[str, Moves]:
        """Everything put into a translation, but what its prefix has."""
        floor = self._floor(text)
        there = Counter(one.text for one in self._find(text[:floor]))
        found: list[Span] = []
        for one, whole in zip(self.found, self.quoted, strict=True):
            if not taken_from(there, one.text):
                found.append(whole)
        made = placing.place(self.text, found, text, looked, floor, around=self.around)
        if self._is_right(made[0]):
            return made
        loose = placing.place(self.text, found, text, looked, floor, loose=True, around=self.around)
        return loose if self._is_right(loose[0]) else made

    def _links(self, made: str) -> set[tuple[int, int]]:
        """Links between the words that have the same of it."""
        source, target = starts(self.text), starts(made)
        found: dict[str, deque[Span]] = {}
        for one in self._find(made):
            found.setdefault(one.text, deque()).append(one)
        links = set[tuple[int, int]]()
        for one in self.found:
            if same := found.get(one.text):
                links.add((bisect_right(source, one.start) - 1, bisect_right(target, same.popleft().start) - 1))
        return links


def told(about: Sequence[Span], what: str) -> str:
    """What is to be said of some spans, at least one."""
    text = about[0].text
    others = f" (and {len(about) - 1} more)" if len(about) > 1 else ""
    shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    quote = "'" if '"' in shown else '"'
    return f"{quote}{shown}{quote}{others} {what}"


def unlikely(hypothesis: Hypothesis, frame: Frame, mask: Masked) -> list[Span]:
    """The spans that a model has put where it would hardly have, since they had to come."""
    numbers = {piece: number for number, piece in enumerate(frame.pieces)}
    said = zip(hypothesis.pieces, hypothesis.piece_logprobs or (), strict=False)
    return [mask.found[numbers[piece]] for piece, logprob in said if piece in numbers and logprob < HARDLY]


def _unframed(translation: Translation) -> list[Candidate]:
    """Translations without the white space at the ends of their line, which the whole line will get."""
    return [replace(one, text=one.text.strip()) for one in translation.candidates]


def difference(wanted: Sequence[Span], found: Sequence[Span]) -> tuple[list[Span], list[Span]]:
    """What is missing, and what there is beyond what was wanted."""
    sides = []
    for some, others in ((wanted, found), (found, wanted)):
        there = Counter(one.text for one in others)
        sides.append([one for one in some if not taken_from(there, one.text)])
    return sides[0], sides[1]


def taken_from(there: Counter[str], text: str) -> bool:
    """Take one of something, if there is one."""
    there[text] -= 1
    return there[text] >= 0


def _take(taken: bytearray, start: int, end: int) -> None:
    taken[start:end] = b"\1" * (end - start)


def alike(
    span: Span, places: Iterator[tuple[int, int]], more: Sequence[Span], taken: bytearray, floor: int
) -> tuple[int, int] | None:
    """Where a translation has something that was meant to be a span: the same but for white space, case and width, or
    another of its kind.

    Args:
        places: where it is but for these, in order; those before were taken.
        more: spans of the translation that its source has not.
        taken: 1 for each character of what stands for other spans.
        floor: where it may begin.
    """
    for place in places:
        if not any(taken[slice(*place)]):
            whole = [place, *((one.start, one.end) for one in more if overlap(place, (one.start, one.end)))]
            return min(start for start, _ in whole), max(end for _, end in whole)
    for one in more:
        if one.start >= floor and (one.kind, one.role) == (span.kind, span.role):
            return one.start, one.end
    return None


def looked(candidate: Candidate, text: str, places: Sequence[int]) -> Looked | None:
    """Attention by characters; None: there is none, or it is of several parts.

    Args:
        text: of the translation.
        places: where in the line the characters stand that were translated.
    """
    weights, names = candidate.attention, candidate.source_tokens
    if not weights or not names or len(weights) != len(candidate.tokens) + 1 or len(names) != len(weights[0]):
        return None
    columns = placing.ranges(names[:-1], len(places))
    in_line = [(places[start], places[end - 1] + 1) if start < end else (0, 0) for start, end in columns]
    return Looked(weights, placing.ranges(candidate.tokens, len(text)), in_line)


def unique(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first of each text."""
    found: dict[str, Candidate] = {}
    for one in candidates:
        found.setdefault(one.text, one)
    return list(found.values())
