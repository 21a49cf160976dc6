"""Where a run's model looked when it said what it said; with torch, which nothing else of a report needs."""

from collections.abc import Sequence

from mtkit.jobs.likelihood import score
from mtkit.jobs.reporting.runs import RunFolder
from mtkit.report.findings import Attention
from mtkit.translator.request import Pair
from mtkit.translator.translator import Translator

MOST_CELLS = 10_000  # of a picture; a page holds many
PLACES = 4


def attention(run: RunFolder, pairs: Sequence[tuple[str, str]]) -> list[Attention | None]:
    """Attention of the best model of a run, by forcing each translation; None: of none, or of too long ones.

    Raises:
        BundleError: the model is damaged.
        ConfigError: it has no attention.
    """
    translator = Translator.load(run.folder, device="cpu", precision="fp32")
    numbered = [Pair(source, target, number) for number, (source, target) in enumerate(pairs)]
    return [_picture(one.tokens, one.source_tokens, one.attention) for one in score(translator, True, numbered)]


def _picture(
    tokens: Sequence[str], columns: Sequence[str] | None, rows: Sequence[Sequence[float]] | None
) -> Attention | None:
    if not rows or not columns or len(rows) * len(columns) > MOST_CELLS:
        return None
    if len(rows) != len(tokens) + 1 or any(len(row) != len(columns) for row in rows):
        return None  # a line in parts, each of which sees its own columns
    weights = tuple(tuple(round(weight, PLACES) for weight in row) for row in rows)
    return Attention(tuple(columns), (*tokens, "</s>"), weights)
