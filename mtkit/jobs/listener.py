"""Whoever is told what a job does. Must not know how it is shown."""

from typing import Protocol


class Listener(Protocol):
    """Is told lines for the user."""

    def say(self, message: str, remedy: str = "") -> None:
        """A line, and what kind of way out there is (`MtkitError.remedy`)."""

    def warn(self, message: str) -> None:
        """A line of something that is perhaps not as it should be."""
