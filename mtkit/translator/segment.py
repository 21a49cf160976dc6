"""From lines to what search is given: ids of whole lines, or of the parts of those that are too long.

A blank line, one that the tokenizers make nothing of, and one that has nothing to translate never reach the models.
Tokenizers are given folded text alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import torch

from mtkit.errors import DataError
from mtkit.search.sentence import Frame, Sentence, Vocabulary
from mtkit.store.bundle_config import TagFacts
from mtkit.text import sentences, spans
from mtkit.text.finder import Finder
from mtkit.text.fold import fold
from mtkit.text.masked import Masked, Masks
from mtkit.text.reserved import SPANS, plain
from mtkit.text.terms import Glossary
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator import kept, telling, unknown
from mtkit.translator.member import Member
from mtkit.translator.parts import Job
from mtkit.translator.request import Line, Pair, Request, Translation
from mtkit.translator.wording import Wording

SPACES = re.compile(" {2,}")
TOGETHER = 1 << 18  # characters whose ids are made at once
PER_PIECE = 16  # characters, at most, of nearly all
FORCED = 4096  # pieces of a side that is only scored, or so many times those of the longest training sentence:
TIMES_LONGEST = 16  # all of it is looked at in one go, which a Transformer needs the square of it for
PART = 0x85EBCA6B  # what numbers of a line's parts are apart, far from those of other lines

_finder_of = lru_cache(maxsize=64)(Finder.of)
_masks_of = lru_cache(maxsize=64)(Masks)


class Segmenter:
    """Makes jobs of lines, for models that share the target tokenizer.

    Args:
        languages: of source and target.
        tag: what is said before every source; None: nothing.
    """

    def __init__(
        self, members: Sequence[Member], languages: tuple[str, str] = ("", ""), tag: TagFacts | None = None
    ) -> None:
        self.members, self.languages, self.tag = members, languages, tag
        self.heads = [telling.head(one, tag) for one in members]
        self.target = members[0].target_tokenizer
        target = self.target
        self.vocabulary = Vocabulary(target.bos, target.eos, target.never, target.names, target.spelling)
        self.longest = self._most_of(0)
        known = [one.spans for one in members]
        # An ensemble sees one text: all of its models have learnt of spans, or none is shown what stands for them.
        self._trained = None if None in known else tuple(dict.fromkeys(p for some in known for p in some or ()))

    def _masks(self, own: Sequence[str]) -> Masks | None:
        return None if self._trained is None else _masks_of(self.languages, (*self._trained, *own))

    def finder(self, own: Sequence[str] = ()) -> Finder:
        """What looks for spans in sources.

        Args:
            own: regular expressions of what is one, too.
        """
        masks = self._masks(own)
        return masks.finder if masks else _finder_of(self.languages[0], tuple(own))

    def _most_of(self, member: int) -> int:
        """Pieces of the longest text that a model was trained on."""
        return self.members[member].max_pieces - len(self.heads[member])

    def _sentence(self, ids: list[list[int]], prefix: Sequence[int], number: int) -> Sentence:
        """What search is given of a text with these ids: they follow what is said before it."""
        if any(self.heads):
            ids = [[*head, *own] for head, own in zip(self.heads, ids, strict=True)]
        return Sentence(ids, prefix, number)

    @property
    def threads(self) -> int:
        """Of tokenizers: where another device computes, all."""
        here = self.members[0].model.source_VE.device.type == "cpu"
        return 1 if here else torch.get_num_threads()

    def jobs(self, lines: Sequence[Line], protect: bool = True, own: Sequence[str] = ()) -> dict[int, Job]:
        """What is to be done for each line that is to be translated; place -> job.

        With a prefix every line is that is not blank.

        Args:
            protect: a line of placeholders and the like alone is not translated; where there are too many pieces, they
                are left out, and never cut; and models that have learnt of them are given what stands for them.
            own: regular expressions of what else is protected.

        Raises:
            DataError: a prefix that the target vocabulary cannot write, or before a line that is too long for one.
        """
        made = {}
        finder, masks = self.finder(own) if protect else None, self._masks(own)
        masked = [self._masked(line, masks, protect) for line in lines] if masks else [None] * len(lines)
        texts = [one.text if one else plain(fold(line.text)) for line, one in zip(lines, masked, strict=True)]
        for number, whole in self._encoded(texts).items():
            line, mask = lines[number], masked[number]
            prefix = self._prefix(line) if line.prefix else []
            marked = finder is not None and finder.may_have(line.text)
            if not prefix and kept.wordless(line.text, finder if marked else None):
                continue
            if whole and self._length(whole) <= self.longest:
                sentence = self._sentence(whole, prefix, line.number)
                job = Job([line.text], [sentence], [], kept=None if marked else [])
                made[number] = self._framed(job, 0, mask) if mask else job
                continue
            given, whole = self._given(line.text, [] if mask else whole, finder)
            length = self._length(whole) if whole else self._length_of(line.text)
            if whole and length <= self.longest:
                made[number] = Job([line.text], [self._sentence(whole, prefix, line.number)], [], [given])
                continue
            if prefix:
                raise DataError(
                    f"line {line.number + 1} is too long for a prefix: it has {length} pieces, and what is "
                    f"longer than {self.longest} is translated in parts; split it"
                )
            made[number] = self._in_parts(line, length, finder, masks)
        return made

    def _masked(self, line: Line, masks: Masks, protect: bool) -> Masked | None:
        """A line as models are given it that have learnt of spans; None: as it is."""
        if line.prefix:  # which may have some of them
            return None
        mask = masks.line(line.text) if protect else Masked(plain(line.text), [], [])
        return None if mask.text == line.text else mask

    def _framed(self, job: Job, place: int, mask: Masked) -> Job:
        """A job of which models are given a part with spans hidden, to say each once."""
        ids = tuple(self.target.id_of(symbol) for symbol in SPANS[: len(mask.found)])
        frame = Frame(ids, tuple(mask.within), mask.closing)
        job.given = [*job.given[:place], mask.text, *job.given[place + 1 :]]
        job.sentences[place] = replace(job.sentences[place], frame=frame)
        job.masks[place] = mask
        return job

    def forced(self, pairs: Sequence[Pair]) -> dict[int, Job]:
        """The same for pairs of which no side is blank, or too long (`too_long`): the whole target and its end are the
        prefix."""
        made = {}
        masks = self._masks(())
        both = [masks.both(pair.text, pair.target) for pair in pairs] if masks else []
        texts = [mask.text for mask, _ in both] or [plain(fold(pair.text)) for pair in pairs]
        for number, whole in self._encoded(texts).items():
            pair = pairs[number]
            target = fold(both[number][1] if masks else pair.target)
            if target.strip() and not self.too_long(pair, whole):
                prefix = [*self.target.encode([target])[0], self.target.eos]
                job = Job([pair.text], [self._sentence(whole, prefix, pair.number)], [], [texts[number]], forced=target)
                if masks:
                    job.masks[0] = both[number][0]
                made[number] = job
        return made

    def too_long(self, pair: Pair, source: list[list[int]] | None = None) -> str:
        """Why a pair is not scored, if a side is too long for it; else "".

        Args:
            source: its ids, if they are known, of each model.
        """
        most = max(FORCED, TIMES_LONGEST * self.longest)
        for side, text, ids in (("source", pair.text, source), ("target", pair.target, None)):
            pieces = self._length(ids) if ids else self._length_of(text, self.target if side == "target" else None)
            if pieces > most:
                return f"the {side} has {pieces:,} pieces, more than the {most:,} that are scored in one go: split it"
        return ""

    def ask(self, lines: Sequence[Line], jobs: dict[int, Job], glossary: Glossary, finder: Finder | None) -> None:
        """Have lines say the terms that are in them, in each part its own; none of what a finder finds."""
        wording = Wording(glossary, self.target)
        for number, job in jobs.items():
            for place, text in enumerate(job.given):
                folded = fold(text)
                found = finder.find(folded) if finder else []
                asked = glossary.find(folded, [(one.start, one.end) for one in found])
                asked = [one for one in asked if one.source not in lines[number].said]
                if groups := tuple(wording.groups(asked)):
                    job.ask(place, groups)

    def without_model(self, line: Line | Pair, request: Request, finder: Finder) -> Translation:
        """What comes of a line or a pair that `jobs` or `forced` left out."""
        if isinstance(line, Line):
            return kept.as_it_is(line.text, request, finder)
        why = self.too_long(line)
        return Translation(line.text, [], [why] if why else [])

    def has_unknown(self, sentence: Sentence) -> bool:
        """Whether there is something in it that the first model, whose attention is told, does not know."""
        strange = self.members[0].source_tokenizer.unknown
        return strange is not None and strange in sentence.sources[0]

    def _encoded(self, texts: list[str]) -> dict[int, list[list[int]]]:
        """The ids of each model, of the texts that are more than space to every one of them; none of a text that is too
        long to have a look at its ids."""
        folded = {number: text for number, line in enumerate(texts) if (text := fold(line)).strip()}
        brief = {number: text for number, text in folded.items() if not self._is_long(text)}
        found = zip(brief, self._of_models(list(brief.values()), self.threads), strict=True)
        known = {number: whole for number, whole in found if all(whole)}
        return {number: known.get(number, []) for number in folded if number in known or number not in brief}

    @property
    def _most(self) -> int:
        """Characters of what may be translated as one."""
        return max(sentences.LONG, PER_PIECE * self.longest)

    def _is_long(self, text: str) -> bool:
        """Whether a folded text is longer than any that could be translated as one, by its characters."""
        return len(text) > self._most and len(SPACES.sub(" ", text)) > self._most

    def _of_models(self, texts: list[str], threads: int = 1) -> Iterator[list[list[int]]]:
        """Of each folded text, the ids of each model."""
        for some in sentences.groups(texts, TOGETHER):
            ids = (self._ids(one.source_tokenizer, some, threads) for one in self.members)
            yield from map(list, zip(*ids, strict=True))

    def _length_of(self, text: str, tokenizer: Tokenizer | None = None) -> int:
        """The pieces of a text, counted block by block; None: of sources."""
        parts = sentences.blocks(fold(text))
        if tokenizer is not None:
            return sum(len(tokenizer.encode([part])[0]) for part in parts)
        return sum(self._lengths([part])[0] for part in parts)

    @staticmethod
    def _ids(tokenizer: Tokenizer, texts: list[str], threads: int) -> list[list[int]]:
        """Of each text; a word with a letter that is unknown is so as a whole."""
        ids = tokenizer.encode(texts, threads)
        if tokenizer.unknown is None:
            return ids
        return [unknown.known_words(tokenizer, own, text) for own, text in zip(ids, texts, strict=True)]

    def _prefix(self, line: Line) -> list[int]:
        prefix = fold(line.prefix)
        if not prefix:
            return []
        ids = self.target.encode([prefix])[0]
        if self.target.decode(ids) != prefix.strip(" ") or set(ids) & set(self.target.never):
            raise DataError(
                f"the prefix of line {line.number + 1}, {line.prefix!r}, cannot be written with the target "
                f"vocabulary: it would become {self.target.decode(ids)!r}; change it"
            )
        return ids

    def _in_parts(self, line: Line, length: int, finder: Finder | None, masks: Masks | None) -> Job:
        parts = self._split(line.text, finder)
        wholes = self._of_models([plain(fold(part)) for part in parts])
        same: dict[int, int] = {}  # of millions of ids each number is kept once
        kept_once = ([[same.setdefault(i, i) for i in ids] for ids in whole] for whole in wholes)
        given = [self._given(part, whole, finder) for part, whole in zip(parts, kept_once, strict=True)]
        job = Job(
            parts,
            [self._sentence(ids, (), line.number + place * PART) for place, (_, ids) in enumerate(given)],
            [
                f"{length} pieces are more than the {self.longest} of the longest training sentence: "
                f"translated in {len(parts)} parts"
            ]
            * (len(parts) > 1),
            [text for text, _ in given],
        )
        if masks and finder:
            hidden = [(place, mask) for place, part in enumerate(parts) if (mask := masks.line(part)).found]
            wholes = self._of_models([fold(mask.text) for _, mask in hidden])
            for (place, mask), ids in zip(hidden, wholes, strict=True):
                if self._length(ids) <= self.longest:
                    job.sentences[place] = replace(job.sentences[place], sources=self._sentence(ids, (), 0).sources)
                    self._framed(job, place, mask)
        return job

    def _length(self, ids: Sequence[list[int]]) -> int:
        """Of a text as each model's tokenizer makes it, as pieces of the first model: its share of the longest sentence
        that a model was trained on, of whichever model that is the largest."""
        if len(ids) == 1:
            return len(ids[0])
        return max(-(-len(own) * self.longest // self._most_of(member)) for member, own in enumerate(ids))

    def _lengths(self, texts: list[str]) -> list[int]:
        return list(map(self._length, self._of_models(list(map(fold, texts)))))

    def _given(self, text: str, ids: list[list[int]], finder: Finder | None) -> tuple[str, list[list[int]]]:
        """What models are given of a text with these ids (none: it is too long for them): itself, or, where that is too
        much, what is left of it without what comes out as it went in."""
        much = not ids or self._length(ids) > self.longest
        found = finder.find(text) if finder and much else []
        bare = ""
        if found and len(text) - sum(one.end - one.start for one in found) <= self._most:
            bare = spans.without(text, spans.quoted(text, found))[0].strip()
        of_models = next(self._of_models([plain(fold(bare))])) if bare else []
        return (bare, of_models) if of_models and all(of_models) else (text, ids)

    def _split(self, text: str, finder: Finder | None) -> list[str]:
        text, signs = spans.hidden(text, finder.find(text)) if finder else (text, {})
        nothing_of = dict.fromkeys(signs, "")

        def lengths(texts: list[str]) -> list[int]:
            return self._lengths([one.translate(nothing_of) for one in texts] if signs else texts)

        made = sentences.split(text, self.longest, lengths)
        # What tokenizers make nothing of goes with what stands before it, or after it at the beginning.
        ids = self._of_models([fold(part.translate(nothing_of)) for part in made])
        parts: list[str] = []
        nothing = ""
        for part, of_models in zip(made, ids, strict=True):
            part = part.translate(signs)
            if all(of_models):
                parts.append(nothing + part)
                nothing = ""
            elif parts:
                parts[-1] += part
            else:
                nothing += part
        return parts or [nothing]
