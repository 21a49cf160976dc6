"""Which form of a computation may be taken: a fast one must not outlive the plain one that it was written for."""


def fits(cls: type, fast: str, *plain: str) -> bool:
    """Whether a class's `fast` method was written for its `plain` ones: in the same class as each of them or below.

    A subclass that gives a plain method anew, and nothing else, would otherwise be trained by the fast form of its
    parent, and search with another function than it was trained for.
    """
    return _distance(cls, fast) <= min(_distance(cls, name) for name in plain)


def _distance(cls: type, name: str) -> int:
    """How far up the line of its bases a class finds `name`."""
    return next(i for i, base in enumerate(cls.__mro__) if name in vars(base))
