"""A shortlist as CTranslate2 reads it: of every source piece those that may translate it, a line each."""

from collections.abc import Iterable, Sequence

from mtkit.search.shortlist import Shortlist


def text(shortlist: Shortlist, source: Sequence[str], target: Sequence[str]) -> str:
    """What vmap.txt holds: a source piece, a tab and its translations; a line of no piece goes with every sentence.

    Args:
        source, target: pieces by their ids.
    """
    made = [_line("", shortlist.always.tolist(), target)]
    for piece, name in enumerate(source):
        ids = shortlist.likely_VN[piece].tolist()
        made.append(_line(name, [*ids, piece] if shortlist.copies else ids, target))
    return "".join(made)


def _line(name: str, ids: Iterable[int], target: Sequence[str]) -> str:
    names = (target[one] for one in dict.fromkeys(ids) if one >= 0)
    return f"{name}\t{' '.join(names)}\n"
