"""A line that is translated in parts, and how the translations of its parts become one."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

from mtkit.search.search import Ranking
from mtkit.search.sentence import Group, Sentence
from mtkit.text import sentences, spans
from mtkit.text.masked import Masked
from mtkit.text.spans import Span
from mtkit.translator.request import MODEL, Candidate


@dataclass
class Job:
    """A line that is to be translated: in one part, unless it is very long.

    Attributes:
        given: what models are given of each part; default: all of it.
        origin: who says so, as `Translation` tells it.
        found: the translations of each part; [] where they are missing.
        kept: what must not change in the line; None: nobody has looked for it.
        masks: of parts in which pieces of their own stand for that, how.
        forced: what is said, as models are given it, if nothing is searched.
    """

    parts: list[str]
    sentences: list[Sentence]
    warnings: list[str]
    given: list[str] = field(default_factory=list)
    origin: str = MODEL
    found: list[list[Candidate]] = field(init=False)
    missing: int = field(init=False)
    kept: list[Span] | None = None
    masks: dict[int, Masked] = field(default_factory=dict)
    forced: str = ""

    def __post_init__(self) -> None:
        self.given = self.given or self.parts
        self.found = [[]] * len(self.parts)  # each is replaced, none is written into
        self.missing = len(self.parts)

    def put(self, place: int, candidates: list[Candidate]) -> None:
        """Take the translations of a part."""
        self.missing += bool(self.found[place]) - bool(candidates)
        self.found[place] = candidates

    def ask(self, place: int, groups: tuple[Group, ...]) -> None:
        """Have a part say something."""
        self.sentences[place] = replace(self.sentences[place], groups=groups)

    @cached_property
    def bounds(self) -> list[int]:
        """Where in the line each part begins, and where the last one ends."""
        return [0, *accumulate(map(len, self.parts))]

    @cached_property
    def closing(self) -> dict[int, int]:
        """Which of `kept` enclose text together: see `spans.pairs`."""
        return spans.pairs(self.kept or [])

    @cached_property
    def opening(self) -> dict[int, int]:
        """The same the other way round."""
        return {last: first for first, last in self.closing.items()}


def joined(job: Job, ranking: Ranking, language: str) -> list[Candidate]:
    """The translations of a line from those of its parts: best to best, second to second, then by their scores, in
    which coverage does not count."""
    if len(job.parts) == 1:
        return job.found[0]
    made = []
    together = sentences.join(["a", "b"], language) == "ab"
    for rank in range(max(len(found) for found in job.found)):
        some = [found[min(rank, len(found) - 1)] for found in job.found]
        links: list[tuple[int, int]] = []
        source = target = 0  # white-space words so far
        open_source = open_target = False  # whether the last one goes on
        for part, one in zip(job.parts, some, strict=True):
            source -= open_source and not part[0].isspace()
            target -= open_target and bool(one.text)
            links += [(s + source, t + target) for s, t in one.alignment or []]
            source, target = source + len(part.split()), target + len(one.text.split())
            open_source, open_target = not part[-1].isspace(), together and target > 0
        logprob = sum(one.logprob for one in some)
        tokens = [token for one in some for token in one.tokens]
        scores = [score for one in some for score in one.token_logprobs or []]
        looked = [one.attention for one in some if one.attention is not None]
        made.append(
            Candidate(
                sentences.join([one.text for one in some], language),
                logprob / ranking.normal(len(tokens) + len(some)),
                logprob,
                tokens,
                scores if some[0].token_logprobs is not None else None,
                links if some[0].alignment is not None else None,
                [row for rows in looked for row in rows] if looked else None,
                [name for one in some for name in one.source_tokens or []] if looked else None,
                some[0].stride,
            )
        )
    return sorted(made, key=lambda one: -one.score)
