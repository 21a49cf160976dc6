"""The error tree, and what a lack of memory looks like; imports nothing of mtkit.

A message says what was got, what was expected and what to do next, in one or two lines. Errors are
raised where they are found and caught once, in `mtkit.cli.main`, which prints them without a traceback.

MtkitError
├── ConfigError     a wrong key, type or combination in the config
├── DataError       input text or prepared corpus that cannot be used
├── BundleError     a bundle or checkpoint that is missing, damaged or of another version
├── RunError        a run folder that is in use, or that belongs to another config
│   └── DivergedError   a training that has gone wrong for good
├── WorkerError     a process that shared the work has ended before its time
└── Stopped         a signal asked for the end, and everything is saved
"""

import re

_NO_MEMORY = re.compile(r"out of memory|allocate memory|not enough memory|ALLOC_FAILED")  # a GPU's and a CPU's words


def out_of_memory(error: BaseException) -> bool:
    """Whether this error, torch's or Python's, says that memory ran out."""
    return isinstance(error, MemoryError) or bool(_NO_MEMORY.search(str(error)))


class MtkitError(Exception):
    """Base of every error that is the input's, the data's or the environment's, not ours.

    Attributes:
        remedy: what kind of way out there is, for whoever has more to say of it than the message: the command line adds
            its flags (`mtkit.cli.remedies`). "": none.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(MtkitError):
    """A wrong key, type or combination in the config."""


class DataError(MtkitError):
    """Input text or a prepared corpus that cannot be used."""


class BundleError(MtkitError):
    """A bundle or checkpoint that is missing, damaged or of another version."""


class RunError(MtkitError):
    """A run folder that is in use, or that belongs to another config."""


class DivergedError(RunError):
    """A training that has gone wrong for good: going on with it ends in the same way."""


class WorkerError(MtkitError):
    """A process that shared the work has ended before its time."""


class Stopped(MtkitError):
    """A signal asked for the end, and everything is saved."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end of work of which nothing is to be saved; like Ctrl-C, no error."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"signal {signal}")
        self.exit_code = 128 + signal
