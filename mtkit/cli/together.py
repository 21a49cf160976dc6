"""What a command says and shows where several processes train together: the first one all of it, the others nothing."""

import sys
from typing import TYPE_CHECKING

from mtkit.cli.options import Messages

if TYPE_CHECKING:
    from mtkit.jobs.view import View
    from mtkit.schema import Config
    from mtkit.train.group import Group


class _Unsaid(Messages):
    """Not even warnings: the first one has the same."""

    def _print(self, message: str) -> None:
        pass


def messages_of(group: "Group", quiet: bool, verbose: bool) -> Messages:
    """What goes to stderr."""
    return _Unsaid(True) if group.rank else Messages(quiet, verbose)


def view_of(group: "Group", messages: Messages, config: "Config") -> "View":
    """What shows a run."""
    from mtkit.cli.training_view import LiveView, PlainView
    from mtkit.jobs.view import Silent

    if group.rank:
        return Silent()
    live = sys.stderr.isatty() and not messages.quiet
    return LiveView(messages, config) if live else PlainView(messages, config)
