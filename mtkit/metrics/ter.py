"""Translation edit rate as sacreBLEU computes it (Snover et al. 2006), in less time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sacrebleu.metrics.ter import TER, TERScore

from mtkit.errors import DataError
from mtkit.metrics.additive import Additive
from mtkit.metrics.edits import edits

LONGEST = 10_000
"""Words of a line: in the worst case edits are searched for a thousand times over, which of these takes minutes, and of
twenty times as many a day."""


class _Quick(TER):
    """sacreBLEU's, but for the search of edits, in which a line of 500 words can take half a minute.

    Raises:
        DataError: a line is longer than LONGEST; names it.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        for lines in references:
            for _ in _short(lines, "reference"):
                pass
        super().__init__(references=references)

    def _extract_corpus_statistics(self, hypotheses: Any, references: Any) -> Any:
        checked: Any = _short(hypotheses, "translation")  # line by line, as somebody follows them
        return super()._extract_corpus_statistics(checked, references)

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict[str, Any]) -> list[float]:
        words, references = hypothesis.split(), ref_kwargs["ref_words"]
        length = sum(map(len, references)) / len(references)
        return [min(edits(words, reference) for reference in references), length]


def _short(lines: Iterable[str], what: str) -> Iterator[str]:
    """Lines that are short enough; refuses others."""
    for number, line in enumerate(lines, 1):
        if len(line) > 2 * LONGEST and (words := len(line.split())) > LONGEST:
            raise DataError(
                f"line {number} of the {what}s has {words:,} words, and TER takes {LONGEST:,} at most: is it a text "
                "without line ends? Cut it, or leave ter out of the metrics",
                remedy="metrics",
            )
        yield line


def _details(result: TERScore) -> dict[str, Any]:
    return {"edits": result.num_edits, "reference_length": result.ref_length}


ter = Additive(lambda texts: _Quick(texts.references), _details)
"""Edits and shifts over reference words, in percent, lower is better; its tokenizer is tercom's."""
