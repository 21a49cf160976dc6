"""What a memory has of like lines, as search is given it: each pair once through the decoders, and kept.

Must not know how search is steered.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace

from mtkit.search.ensemble import Ensemble
from mtkit.search.examples import Ids, examples
from mtkit.search.nearest import Example
from mtkit.text.memory import Memory
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator import request
from mtkit.translator.parts import Job
from mtkit.translator.request import STEERED, Line
from mtkit.translator.segment import Segmenter

MOST = 8  # pairs that steer a line
NUMBERS = 1 << 24  # of all that is kept, about; then all is forgotten


class Steered(Segmenter):
    """A segmenter whose sentences are steered by what a memory has of like ones; those with a prefix are not.

    Args:
        least: likeness of pairs that steer.
        ensemble: of the segmenter's models; what they make of a pair is about the same in any precision.
    """

    def __init__(self, segmenter: Segmenter, memory: Memory, least: float, ensemble: Ensemble) -> None:
        super().__init__(segmenter.members, segmenter.languages, segmenter.tag)
        self._memory, self._least = memory, least
        self._examples = Examples(segmenter, ensemble)

    def jobs(self, lines: Sequence[Line], protect: bool = True, own: Sequence[str] = ()) -> dict[int, Job]:
        """See `Segmenter.jobs`."""
        jobs = super().jobs(lines, protect, own)
        found = {
            (number, place): similar
            for number, job in jobs.items()
            for place, text in enumerate(job.given)
            if not job.sentences[place].prefix and (similar := self._memory.similar(text, MOST, self._least))
        }
        known = self._examples.of([pair for some in found.values() for pair in some])
        for (number, place), similar in found.items():
            job = jobs[number]
            source = frozenset(job.sentences[place].sources[0][len(self.heads[0]) :])  # all of them have the tag
            few = [example.within(source) for pair in similar if (example := known[pair])]
            if some := [example for example in few if example.values]:
                job.sentences[place] = replace(job.sentences[place], examples=some)
                job.origin = STEERED
        return jobs


class Examples:
    """Pairs and what decoders make of them; threads share it."""

    def __init__(self, segmenter: Segmenter, ensemble: Ensemble) -> None:
        self._segmenter, self._ensemble = segmenter, ensemble
        self._silent = _silent(segmenter.target)
        self._kept: dict[Pair, Example | None] = {}
        self._numbers = 0
        self._making = threading.Lock()

    def of(self, pairs: Sequence[Pair]) -> dict[Pair, Example | None]:
        """The example of each pair; None where a side is blank, or longer than what the models know."""
        with self._making:
            made = {pair: self._kept[pair] for pair in pairs if pair in self._kept}
            if new := [pair for pair in dict.fromkeys(pairs) if pair not in made]:
                found = self._made(new)
                if self._numbers > NUMBERS:
                    self._kept, self._numbers = {}, 0
                self._kept |= found
                self._numbers += sum(key.numel() for one in found.values() if one for key in one.keys)
                made |= found
            return made

    def _made(self, pairs: Sequence[Pair]) -> dict[Pair, Example | None]:
        jobs = self._segmenter.forced([request.Pair(source, target) for source, target in pairs])
        ids: dict[int, Ids] = {}
        for number, job in jobs.items():
            (sentence,) = job.sentences
            said = list(sentence.prefix[:-1])
            if max(map(len, (*sentence.sources, said))) <= self._segmenter.longest:
                ids[number] = (sentence.sources, said)
        target = self._segmenter.target
        found = examples(self._ensemble, list(ids.values()), bos=target.bos, eos=target.eos, silent=self._silent)
        made: dict[Pair, Example | None] = dict.fromkeys(pairs)
        return made | {pairs[number]: one for number, one in zip(ids, found, strict=True) if one.values}


def _silent(target: Tokenizer) -> frozenset[int]:
    """Pieces that no example speaks of: those that are never said, and digits, since like lines differ in numbers first
    of all, and the number of another line would be worse than any word."""
    spelled = {f"<0x{ord(digit):02X}>" for digit in "0123456789"}
    digits = [
        piece
        for piece, name in enumerate(target.names)
        if name in spelled or (any(map(str.isdigit, name)) and not name.startswith("<0x"))
    ]
    return frozenset([*target.never, *digits])
