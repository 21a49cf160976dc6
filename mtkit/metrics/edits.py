"""Edits of translation edit rate, shifts of words among them: the numbers that sacreBLEU finds, sooner for long lines.

Shifts are found greedily (Snover et al. 2006), under the limits of sacreBLEU, which are Tercom's for the most part:
they make the number. All shifts of a round are tried side by side, row by row of the table of edit distances, and none
where the round will exceed the limit of tries, after which none is made.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MAX_LENGTH, MAX_DISTANCE = 10, 50  # of a shift, in words
MAX_TRIES = 1000  # shifts looked at for a pair of lines
BEAM = 25  # words around the diagonal
NEVER = 1 << 29  # a distance of what is outside of the beam

Words = NDArray[np.int32]
Shift = tuple[int, int, int]  # from, how many, to

SUBSTITUTE, DELETE, INSERT = range(3)


def edits(hypothesis: Sequence[str], reference: Sequence[str]) -> int:
    """Words inserted, deleted, substituted or shifted to make the hypothesis the reference."""
    if not reference or not hypothesis:
        return len(reference) + len(hypothesis)
    ids: defaultdict[str, int] = defaultdict(lambda: len(ids))
    words_N, reference_M = (np.array([ids[word] for word in words], np.int32) for words in (hypothesis, reference))
    shifts = tries = 0
    while True:
        (distance,), rows = _distances(words_N[None], reference_M)
        found = []
        for shift in _shifts(words_N.tolist(), reference_M.tolist(), _path(rows, len(reference_M))):
            found.append(shift)
            if len(found) + tries >= MAX_TRIES:
                return shifts + int(distance)
        if not found:
            return shifts + int(distance)
        tries += len(found)
        shifted_CN = np.stack([_shifted(words_N, shift) for shift in found])
        left_C, _ = _distances(shifted_CN, reference_M)
        # The greatest gain; of equals the longest, then the one from the left, then the one to the left.
        best = min(range(len(found)), key=lambda c: (left_C[c], -found[c][1], found[c][0], found[c][2]))
        if left_C[best] >= distance:
            return shifts + int(distance)
        shifts, words_N = shifts + 1, shifted_CN[best]


Rows = list[tuple[int, NDArray[np.int8]]]


def _distances(words_CN: Words, reference_M: Words) -> tuple[NDArray[np.int32], Rows]:
    """Edit distances of C hypotheses as long as each other, looked for near the diagonal.

    Returns:
        The distances, and of the first one the last step to each cell, a row a word: where it begins, and steps.
    """
    (C, N), M = words_CN.shape, len(reference_M)
    ratio = M / N
    beam = math.ceil(ratio / 2 + BEAM) if ratio / 2 > BEAM else BEAM
    places_M1 = np.arange(M + 1, dtype=np.int32)
    last_CM1, next_CM1 = np.tile(places_M1, (C, 1)), np.empty((C, M + 1), np.int32)
    rows: Rows = []
    for row in range(1, N + 1):
        middle = math.floor(row * ratio)
        start, end = max(0, middle - beam), M + 1 if row == N else min(M + 1, middle + beam)
        first = max(1, start)  # to the column 0 only deletions lead
        # What the next row may look at beside this one's cells; the last one looks at all that is to the right.
        next_CM1[:, max(0, start - 1) : start] = NEVER
        next_CM1[:, end : M + 1 if row == N - 1 else end + math.ceil(ratio) + 1] = NEVER
        deleted_Cw = last_CM1[:, start:end] + 1
        kept_Cw = last_CM1[:, first - 1 : end - 1] + (words_CN[:, row - 1 : row] != reference_M[first - 1 : end - 1])
        best_Cw = deleted_Cw.copy()
        np.minimum(best_Cw[:, first - start :], kept_Cw, out=best_Cw[:, first - start :])
        # Insertions: a step to the right costs 1, so what counts is the least of distance less column so far.
        best_Cw -= places_M1[start:end]
        np.minimum.accumulate(best_Cw, axis=1, out=best_Cw)
        best_Cw += places_M1[start:end]
        np.minimum(best_Cw, NEVER, out=next_CM1[:, start:end])
        steps = np.where(deleted_Cw[0] == best_Cw[0], DELETE, INSERT).astype(np.int8)
        steps[first - start :][kept_Cw[0] == best_Cw[0, first - start :]] = SUBSTITUTE
        rows.append((start, steps))
        last_CM1, next_CM1 = next_CM1, last_CM1
    return last_CM1[:, M], rows


def _path(rows: Rows, place: int) -> list[int]:
    """The steps from nothing to the whole table, in order."""
    steps, row = [], len(rows)
    while row or place:
        start, of_row = rows[row - 1]
        step = int(of_row[place - start]) if row else INSERT
        steps.append(step)
        row -= step != INSERT
        place -= step != DELETE
    return steps[::-1]


def _shifts(words: list[int], reference: list[int], steps: list[int]) -> Iterator[Shift]:
    """What may be shifted: wrong words that stand elsewhere in the reference, to where that is wrong, too.

    Args:
        steps: of the words to the reference.
    """
    beside: list[int] = []  # the word that a place of the reference stands beside
    wrong, missed = [0], [0]  # how many words before a place are wrong, and how many of the reference
    for step in steps:
        at = len(wrong) - 1
        if step == SUBSTITUTE:
            error = int(words[at] != reference[len(missed) - 1])
            beside.append(at)
            wrong.append(wrong[-1] + error)
            missed.append(missed[-1] + error)
        elif step == DELETE:
            wrong.append(wrong[-1] + 1)
        else:
            beside.append(at - 1)
            missed.append(missed[-1] + 1)
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, word in enumerate(reference):
        places[word].append(place)
    for start, word in enumerate(words):
        all_of_it = places.get(word, [])
        near = bisect_left(all_of_it, start - MAX_DISTANCE), bisect_right(all_of_it, start + MAX_DISTANCE)
        for place in all_of_it[slice(*near)]:
            for length in range(1, 1 + min(MAX_LENGTH, len(words) - start, len(reference) - place)):
                if words[start + length - 1] != reference[place + length - 1]:
                    break
                right = wrong[start + length] == wrong[start] or missed[place + length] == missed[place]
                if right or start <= beside[place] < start + length:
                    continue
                tried = -1
                for before in range(place - 1, place + length):
                    target = beside[before] + 1 if before >= 0 else 0
                    if target != tried:
                        yield start, length, target
                    tried = target


def _shifted(words_N: Words, shift: Shift) -> Words:
    """Words with some of them elsewhere; a target within them counts from their beginning, in what is left."""
    start, length, target = shift
    rest = np.concatenate((words_N[:start], words_N[start + length :]))
    place = target if target <= start + length else target - length
    return np.concatenate((rest[:place], words_N[start : start + length], rest[place:]))
