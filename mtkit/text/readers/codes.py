"""Which of the languages, columns or keys of a file is the one that is wanted. Must not know formats."""

from collections.abc import Iterable

SIDES = (("source", "src", "src_text", "source_text"), ("target", "tgt", "trg", "tgt_text", "target_text"))
"""What columns of source and target are called where they are not called by a language."""


def best(wanted: str, names: Iterable[str]) -> str | None:
    """The name that is a language's code, of any case, with - or _; else the first that begins with it.

    None: there is none.
    """
    plain = {name: name.replace("_", "-").lower() for name in names}
    code = wanted.replace("_", "-").lower()
    same = [name for name, one in plain.items() if one == code]
    nearly = [name for name, one in plain.items() if one.startswith(f"{code}-") or (code.startswith(f"{one}-") and one)]
    return next(iter([*same, *nearly]), None)


def columns(languages: tuple[str, str], names: Iterable[str]) -> tuple[str, str] | None:
    """The names of source and target: by their languages, or else as SIDES says; None: there are none."""
    names = list(names)
    found = [best(language, names) for language in languages]
    if None in found or found[0] == found[1]:
        lower = {name.strip().lower(): name for name in names}
        found = [next((lower[one] for one in side if one in lower), None) for side in SIDES]
    source, target = found
    return None if source is None or target is None else (source, target)
