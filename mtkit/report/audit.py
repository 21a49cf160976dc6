"""The page on a training text before anything is trained on it: plain values in, HTML out. Must not know torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtkit.report.page import render

Row = tuple[str, str]
Sample = tuple[Row, ...]
"""A pair; of one that stood before, that one, and then the pair; of a repaired one, a side before and after."""
LONGEST = 400  # characters of a text that are shown


@dataclass(frozen=True)
class RuleFacts:
    """What a rule finds in a text."""

    rule: str
    setting: str
    """How a config says it; "": the rule is always on."""
    what: str
    """What it does, in a sentence."""
    pairs: tuple[int, ...]
    """How many it finds, of each corpus."""
    samples: tuple[tuple[Sample, ...], ...]
    """Some of them, of each corpus."""

    @property
    def total(self) -> int:
        return sum(self.pairs)


@dataclass(frozen=True)
class AuditFacts:
    """What is known of a text and of rules on it.

    Attributes:
        languages: of each entry of data.train.
        corpora: what each entry of data.train is called.
        read: pairs of each.
        dropped: rules that are on; a pair counts for the first that it breaks.
        repaired: what put pairs right.
        off: rules that are off, as they would find the pairs that stay; here a pair counts for each.
        by_pieces: the rules on lengths in pieces are among them, for which a tokenizer has to be there.
        notes: what is odd about the text, a sentence each.
    """

    languages: tuple[Row, ...]
    corpora: tuple[str, ...]
    read: tuple[int, ...]
    dropped: tuple[RuleFacts, ...]
    repaired: tuple[RuleFacts, ...]
    off: tuple[RuleFacts, ...]
    by_pieces: bool
    notes: tuple[str, ...]

    @property
    def stay(self) -> tuple[int, ...]:
        """Pairs of each corpus that no rule drops."""
        return tuple(read - sum(rule.pairs[at] for rule in self.dropped) for at, read in enumerate(self.read))


def page(facts: AuditFacts) -> str:
    """One file."""
    title = f"The text before training: {sum(facts.stay):,} of {sum(facts.read):,} pairs stay"
    rows = [(rule.rule, *_counts(rule.pairs, facts.read)) for rule in facts.dropped if rule.total]
    values = {
        "title": title,
        "facts": facts,
        "head": [*facts.corpora, *(["all"] if len(facts.corpora) > 1 else [])],
        "rows": rows,
        "read": list(_counts(facts.read)),
        "stay": list(_counts(facts.stay, facts.read)),
        "dropped": [rule for rule in facts.dropped if rule.total],
        "nothing": [rule.setting or rule.rule for rule in facts.dropped if not rule.total],
        "repaired": [rule for rule in facts.repaired if rule.total],
        "off": sorted((rule for rule in facts.off if rule.total), key=lambda rule: -rule.total),
        "off_nothing": [rule.setting for rule in facts.off if not rule.total],
        "longest": LONGEST,
    }
    return render("audit.html", values)


def _counts(pairs: Sequence[int], of: Sequence[int] = ()) -> Iterator[str]:
    """The numbers of the corpora, and of all if there are several; with the share that they are of others."""
    for count, whole in zip((*pairs, sum(pairs)), (*of, sum(of)) if of else (0,) * (len(pairs) + 1), strict=True):
        yield f"{count:,} ({count / whole:.1%})" if whole else f"{count:,}"
        if len(pairs) == 1:
            return
