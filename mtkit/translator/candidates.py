"""What a hypothesis is as a translation of its part of a line. Must not know search but by its hypotheses."""

from dataclasses import replace

from mtkit.search.search import Hypothesis
from mtkit.text import fold, languages
from mtkit.text.masked import Masked
from mtkit.translator import alignment, copying, unknown
from mtkit.translator.edits import carried, moved
from mtkit.translator.member import Member
from mtkit.translator.parts import Job
from mtkit.translator.request import Candidate, Request
from mtkit.translator.spelled import Spelled


def restored(candidate: Candidate, mask: Masked, part: str, percent_first: bool) -> Candidate:
    """A translation with spans in place of what stands for them.

    Args:
        part: what was masked.
        percent_first: of the translation, see `mtkit.text.spans.find`.
    """
    text, moves = mask.restored(candidate.text, part, percent_first)
    links = candidate.alignment
    if links is not None:
        links = sorted(carried(links, moved(mask.text, part, mask.moves), moved(candidate.text, text, moves)))
    return replace(candidate, text=text, alignment=links)


def candidate(
    first: Member,
    hypothesis: Hypothesis,
    text: str,
    job: Job,
    place: int,
    request: Request,
    language: str | None = None,
) -> Candidate:
    """A hypothesis, with what is wanted of it beyond its text.

    Args:
        first: the model whose attention it is told with.
        text: of its pieces.
        place: of the part.
        language: of the translation, into which what is unknown is copied; None: nothing is.
    """
    target = first.target_tokenizer
    made = Candidate(text, hypothesis.score, hypothesis.logprob, target.pieces(hypothesis.pieces))
    if request.details:
        made = replace(made, token_logprobs=hypothesis.piece_logprobs)
    if not request.align and language is None:
        return made
    source, sentence, stride = first.source_tokenizer, job.sentences[place], first.model.stride
    ids, part, numbers = sentence.sources[0], fold.fold(job.given[place]), fold.words(job.given[place])
    attention = None if hypothesis.attention is None else hypothesis.attention.tolist()
    told = int(ids[0] in first.told)  # a tag, which is no text
    ids = ids[told:]
    if told and stride == 1 and attention is not None:
        attention, told = [row[1:] for row in attention], 0
    before = [""] * told  # where a column has more than the tag, it stays one
    spelled = unknown.spelled(source, ids, part)
    links: list[tuple[int, int]] = []
    if request.align:
        assert attention is not None
        source_words = [0] * told + [numbers[word] for word in source.words(ids, part, spelled)]
        given = target.surfaces(text) if target.unknown in hypothesis.pieces else None  # of what is scored only
        target_words = target.words(hypothesis.pieces, text, given)
        links = alignment.links(attention, source_words, target_words, stride)
        made = replace(
            made,
            alignment=links,
            attention=attention,
            source_tokens=alignment.columns(before + source.pieces([*ids, source.eos]), stride),
            stride=stride,
        )
    if language is not None and spelled:
        known = unknown.Source.of(before + spelled, [False] * told + [piece == source.unknown for piece in ids], stride)
        said = Spelled(text, target.ends(hypothesis.pieces, text))
        fixed = said.ends[len(sentence.prefix) - 1] if sentence.prefix else 0
        copied = copying.copied(known, said, attention, languages.language(language).spaced, fixed)
        made = replace(made, text=copied.text)
        if request.align:
            made = replace(made, alignment=copied.links(links, text, known.spelled, numbers))
    return made
