"""The table of cleaning rules and repairs, and those of a config applied to pairs, in the table's order.

Which pairs come twice or nearly so is not known here, since that depends on all that came before (`near.py` has the
key), nor what a model says of them.
"""

import functools
from collections.abc import Mapping
from typing import Any

from mtkit.text.cleaning import agreement, language, leftovers, lengths, letters
from mtkit.text.cleaning.rule import Check, Make, Pair, Repair

RULES: dict[str, Make] = {
    "max_char_ratio": lengths.characters,
    "max_word_ratio": lengths.words,
    "max_marks": letters.marks,
    "max_repeats": letters.repeats,
    "script": letters.script,
    "numbers": agreement.numbers,
    "spans": agreement.spans,
    "language": language.language,  # the slowest comes last
}
"""Key of `[filter]` -> what makes the rule of its value. A rule is on where its value is neither 0 nor false."""
REPAIRS: dict[str, Repair] = {"mojibake": leftovers.unmangled, "html": leftovers.without_html}
"""Key, which says "drop" or "repair" -> what repairs a line. These see lines as they were read, in this order."""


class Cleaning:
    """Rules and repairs of a config, for a pair of languages.

    Args:
        settings: key -> value, of those that are on.
        languages: codes of source and target; of those that only repair, any.
    """

    def __init__(self, settings: Mapping[str, Any], languages: Pair = ("", "")) -> None:
        self.settings, self.languages = dict(settings), languages

    @functools.cached_property
    def _made(self) -> dict[str, Check | None]:
        on = {name: value for name in RULES if (value := self.settings.get(name))}
        return {name: RULES[name](value, self.languages) for name, value in on.items()}

    @functools.cached_property
    def checks(self) -> list[tuple[str, Check]]:
        """Rules with what they check, in their order.

        Raises:
            ConfigError: a rule needs a package that is not installed.
        """
        return [(name, check) for name, check in self._made.items() if check]

    @property
    def idle(self) -> list[str]:
        """Rules that have nothing to check in these languages."""
        return [name for name, check in self._made.items() if check is None]

    @functools.cached_property
    def repairs(self) -> list[tuple[str, Repair, bool]]:
        """Names with what repairs a line, and whether it is to."""
        on = {name: value for name in REPAIRS if (value := self.settings.get(name, "keep")) != "keep"}
        return [(name, REPAIRS[name], value == "repair") for name, value in on.items()]

    @functools.cached_property
    def _lost(self) -> bool:
        return bool(self.settings.get("mojibake", "keep") != "keep")

    def repaired(self, source: str, target: str) -> tuple[Pair, list[str], str | None]:
        """A pair as it was read, put right; the names of what put it right; and the rule that damage breaks, if any."""
        names: list[str] = []
        for name, repair, wanted in self.repairs:
            fixed = repair(source), repair(target)
            if fixed != (source, target):
                if not wanted:
                    return (source, target), names, name
                names.append(name)
                source, target = fixed
        lost = self._lost and (leftovers.undecodable(source) or leftovers.undecodable(target))
        return (source, target), names, "mojibake" if lost else None

    def broken(self, source: str, target: str) -> str | None:
        """The first rule that a pair breaks, as models see it, or None."""
        for name, check in self.checks:
            if check(source, target):
                return name
        return None


Settings = tuple[tuple[str, Any], ...]
"""Keys and values of what is on."""


@functools.cache
def cleaning(settings: Settings, languages: Pair = ("", "")) -> Cleaning:
    """The rules and repairs of some settings; compiled once in each process."""
    return Cleaning(dict(settings), languages)
