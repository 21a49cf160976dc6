"""From lines to what search is given: ids of whole lines, or of the parts of those that are too long.

A blank line, one that the tokenizers make nothing of, and one that has nothing to translate never reach the models.
Tokenizers are given folded text alone.
"""

from collections.abc import Iterator, Sequence

import torch

from mtkit.errors import DataError
from mtkit.search.sentence import Sentence
from mtkit.text import sentences, spans
from mtkit.text.fold import fold
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator import kept, unknown
from mtkit.translator.member import Member
from mtkit.translator.parts import Job
from mtkit.translator.request import Line, Pair

PART = 0x85EBCA6B  # what numbers of a line's parts are apart, far from those of other lines


class Segmenter:
    """Makes jobs of lines, for models that share the target tokenizer.

    Args:
        percent_first: in the source %5 is five percent.
    """

    def __init__(self, members: Sequence[Member], percent_first: bool = False) -> None:
        self.members = members
        self.target = members[0].target_tokenizer
        self.longest = members[0].max_pieces
        self.percent_first = percent_first

    @property
    def threads(self) -> int:
        """Of tokenizers: where another device computes, all."""
        here = self.members[0].model.source_VE.device.type == "cpu"
        return 1 if here else torch.get_num_threads()

    def jobs(self, lines: Sequence[Line], protect: bool = True) -> dict[int, Job]:
        """What is to be done for each line that is to be translated; place -> job.

        With a prefix every line is that is not blank.

        Args:
            protect: a line of placeholders and the like alone is not translated; where there are too many pieces, they
                are left out, and never cut.

        Raises:
            DataError: a prefix that the target vocabulary cannot write, or before a line that is too long for one.
        """
        made = {}
        for number, whole in self._encoded([line.text for line in lines]).items():
            line = lines[number]
            prefix = self._prefix(line)
            if not prefix and kept.wordless(line.text, protect):
                continue
            given, whole = self._given(line.text, whole, protect)
            length = self._length(whole)
            if length <= self.longest:
                made[number] = Job([line.text], [Sentence(whole, prefix, line.number)], [], [given])
                continue
            if prefix:
                raise DataError(
                    f"line {line.number + 1} is too long for a prefix: it has {length} pieces, and what is "
                    f"longer than {self.longest} is translated in parts; split it"
                )
            made[number] = self._in_parts(line, length, protect)
        return made

    def forced(self, pairs: Sequence[Pair]) -> dict[int, Job]:
        """The same for pairs of which no side is blank: the whole target and its end are the prefix."""
        made = {}
        for number, whole in self._encoded([pair.text for pair in pairs]).items():
            pair = pairs[number]
            target = fold(pair.target)
            if target.strip():
                prefix = [*self.target.encode([target])[0], self.target.eos]
                made[number] = Job([pair.text], [Sentence(whole, prefix, pair.number)], [])
        return made

    def has_unknown(self, sentence: Sentence) -> bool:
        """Whether there is something in it that the first model, whose attention is told, does not know."""
        strange = self.members[0].source_tokenizer.unknown
        return strange is not None and strange in sentence.sources[0]

    def _encoded(self, texts: list[str]) -> dict[int, list[list[int]]]:
        """The ids of each model, of the texts that are more than space to every one of them."""
        texts = list(map(fold, texts))
        of_models = enumerate(self._of_models(texts, self.threads))
        return {number: whole for number, whole in of_models if texts[number].strip() and all(whole)}

    def _of_models(self, texts: list[str], threads: int = 1) -> Iterator[list[list[int]]]:
        """Of each folded text, the ids of each model."""
        return map(list, zip(*(self._ids(one.source_tokenizer, texts, threads) for one in self.members), strict=True))

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

    def _in_parts(self, line: Line, length: int, protect: bool) -> Job:
        parts = self._split(line.text, protect)
        wholes = self._of_models(list(map(fold, parts)))
        given = [self._given(part, whole, protect) for part, whole in zip(parts, wholes, strict=True)]
        return Job(
            parts,
            [Sentence(ids, (), line.number + place * PART) for place, (_, ids) in enumerate(given)],
            [
                f"{length} pieces are more than the {self.longest} of the longest training sentence: "
                f"translated in {len(parts)} parts"
            ]
            * (len(parts) > 1),
            [text for text, _ in given],
        )

    def _length(self, ids: Sequence[list[int]]) -> int:
        """Of a text as each model's tokenizer makes it, as pieces of the first model: its share of the longest sentence
        that a model was trained on, of whichever model that is the largest."""
        if len(ids) == 1:
            return len(ids[0])
        lengths = zip(ids, self.members, strict=True)
        return max(-(-len(own) * self.longest // one.max_pieces) for own, one in lengths)

    def _lengths(self, texts: list[str]) -> list[int]:
        return list(map(self._length, self._of_models(list(map(fold, texts)))))

    def _given(self, text: str, ids: list[list[int]], protect: bool) -> tuple[str, list[list[int]]]:
        """What models are given of a text with these ids: itself, or, where that is too much, what is left of it
        without what comes out as it went in."""
        found = spans.find(text, self.percent_first) if protect and self._length(ids) > self.longest else []
        bare = spans.without(text, spans.quoted(text, found))[0].strip() if found else ""
        of_models = next(self._of_models([fold(bare)])) if bare else []
        return (bare, of_models) if of_models and all(of_models) else (text, ids)

    def _split(self, text: str, protect: bool) -> list[str]:
        text, signs = spans.hidden(text, spans.find(text, self.percent_first)) if protect else (text, {})
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
