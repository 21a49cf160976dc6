"""Which instructions products in C are formed with: the best that the processor had when the library was compiled."""

import functools

from mtkit.ops.compute import current
from mtkit.ops.native import call, compiler

# By the number that `quantised_form` and `tiles_form` give.
INT8 = ("", "AVX2", "AVX-512", "AVX-VNNI", "AVX-512 VNNI", "AMX", "NEON dot product")
BF16 = ("", "AVX2", "AVX-512", "AVX-512 BF16", "AMX", "NEON BF16")
_FORMS = {"int8": ("quantised_form", INT8), "bf16": ("tiles_form", BF16)}


def unit(precision: str) -> str:
    """What forms products in "int8" or "bf16" here, as one of the names above; "": nothing in C."""
    return _compiled(precision) if current().native else ""


@functools.cache
def _compiled(precision: str) -> str:
    function, names = _FORMS[precision]
    return "" if compiler.compiled() is None else names[call.call(function, (), ())]


def lacking(precision: str) -> str:
    """Why `unit` says that there is nothing."""
    status = compiler.status()
    if not status.ready:
        return f"there is no compiled code here ({status})"
    if not current().native:
        return "compiled code is switched off here"
    return f"this processor has none of {', '.join(_FORMS[precision][1][1:])}"
