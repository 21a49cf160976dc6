"""The few shapes that batches take where the same shape again and again is quick. Must not know tensors.

Lengths are rounded up by at most an eighth (or to the next even number), and sentences fill up what the budget of
tokens allows, so that a corpus has eight shapes an octave of lengths.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What of a batch does not depend on its text.

    Attributes:
        sentences: copies included; some may only fill up.
        source: positions of each source, its end included.
        target: positions of each target, its end included.
        copies: how often each pair stands there.
    """

    sentences: int
    source: int
    target: int
    copies: int = 1


def rounded(length: int) -> int:
    """The next length that batches have: a multiple of 2 up to 32, of 4 up to 64, and so on."""
    step = 1 << max(1, (length - 1).bit_length() - 4)
    return -(-length // step) * step


def shape_of(pairs: int, longest_source: int, longest_target: int, batch_tokens: int, copies: int = 1) -> Shape:
    """The shape of a batch.

    Args:
        pairs: without copies.
        longest_source: its end included.
        batch_tokens: pairs times the longer side, of a whole batch; the last one of a length, or a part of one, takes
            a half, a quarter and so on.
    """
    source, target = rounded(longest_source), rounded(longest_target)
    rows = max(pairs, batch_tokens // max(source, target))
    while rows > 1 and (half := (rows + 1) // 2) >= pairs:
        rows = half
    return Shape(rows * copies, source, target, copies)
