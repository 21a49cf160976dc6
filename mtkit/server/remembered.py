"""What people have suggested, as a memory that answers before a model does. Must not know HTTP."""

import threading

from mtkit.server.suggestions import Suggestion, Suggestions, lines
from mtkit.text.memory import seen
from mtkit.translator.memory import remembered
from mtkit.translator.request import Translation


class Remembered:
    """The newest suggestions for lines: those that the database has when a pair of languages is first asked for, and
    those that come then. Threads may share it."""

    def __init__(self, suggestions: Suggestions) -> None:
        self._suggestions = suggestions
        self._of: dict[tuple[str, str], dict[str, str]] = {}
        self._one_at_a_time = threading.Lock()

    def is_read(self, source_lang: str, target_lang: str) -> bool:
        """Whether what the database has for these languages was read, so that looking is quick."""
        return (source_lang, target_lang) in self._of

    def translation(self, source_lang: str, target_lang: str, line: str) -> Translation | None:
        """What a line is to be, with the white space around it; None: nobody has said.

        Raises:
            DataError: the database cannot be read.
        """
        target = self._pairs(source_lang, target_lang).get(seen(line))
        return None if target is None else remembered(line, target)

    def add(self, suggestion: Suggestion) -> None:
        """Know one that was accepted."""
        known = self._pairs(suggestion.source_lang, suggestion.target_lang)
        for source, target in lines(suggestion.source, suggestion.suggestion):
            known[seen(source)] = target

    def _pairs(self, source_lang: str, target_lang: str) -> dict[str, str]:
        pair = source_lang, target_lang
        if pair not in self._of:
            with self._one_at_a_time:
                if pair not in self._of:
                    given = (each for both in self._suggestions.pairs(*pair) for each in lines(*both))
                    self._of[pair] = {seen(source): target for source, target in given}
        return self._of[pair]
