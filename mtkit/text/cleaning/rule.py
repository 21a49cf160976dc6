"""What a cleaning rule is. Must not know any of them."""

from collections.abc import Callable
from typing import Any

Pair = tuple[str, str]
Check = Callable[[str, str], bool]
"""Whether source and target, as models see them, break the rule."""
Repair = Callable[[str], str]
"""What a line was before it was damaged; itself where nothing is wrong with it."""
Make = Callable[[Any, Pair], Check | None]
"""From the value of the key and the languages' codes: what is checked; None: in these there is nothing to check."""


def either(line_is: Callable[[str], bool]) -> Check:
    """The rule that a side breaks by itself."""
    return lambda source, target: line_is(source) or line_is(target)
