"""Forms of operations in C, which `mtkit.ops.table` names. Must not know models.

`compiler` compiles, by `programs` that there are, `cache` keeps, `prototypes` says what each function takes, `call`
checks and calls, `takes` says which arguments fit; the rest are the forms.
"""

from contextlib import AbstractContextManager

from mtkit.ops import compute
from mtkit.ops.native.compiler import Status, allowed, status

__all__ = ["Status", "allowed", "off", "status"]


def off() -> AbstractContextManager[None]:
    """Take torch's forms while this is entered, in this thread."""
    return compute.changed(native=False)
