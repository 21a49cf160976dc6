"""What stands for spans is said once each and nests, against all translations of a tiny vocabulary for which that is
so."""

import itertools
from typing import Any

import pytest
import torch

from mtkit.schema import Decode
from mtkit.search.rules.each_once import EachOnce, make
from mtkit.search.rules.rule import Context
from mtkit.search.selection import Sample
from mtkit.search.sentence import Frame, Sentence, Vocabulary
from tests.search.test_search import BOS, EOS, VOCAB, Table, everything, run

LONGEST = 9  # so that there is room beside what has to come
OPEN, ALONE, CLOSE = 2, 3, 4  # and 5 is a word
PAIR = Frame((OPEN, ALONE, CLOSE), (-1, 0, 0), {0: 2})
FRAMES = {
    "nothing": Frame(),
    "alone": Frame((OPEN,), (-1,)),
    "two": Frame((OPEN, ALONE), (-1, -1)),
    "pair": Frame((OPEN, ALONE), (-1, 0), {0: 1}),
    "within": PAIR,
    "beside": Frame((OPEN, ALONE, CLOSE), (-1, 0, -1), {0: 1}),
}


def table(sentences: int, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(sentences, LONGEST + 1, VOCAB, VOCAB, generator=generator)
    return Table(logits, torch.zeros(sentences, 1, dtype=torch.long), torch.arange(sentences))


def rule(frames: list[Frame], limits: list[int]) -> EachOnce:
    sentences = [Sentence([[5]], frame=frame) for frame in frames]
    context = Context(Decode(), Vocabulary(BOS, EOS, [BOS]), sentences, torch.device("cpu"))
    vars(context)["limits"] = limits
    made = make(context)
    assert made is not None
    return made


def right(pieces: list[int], frame: Frame) -> bool:
    """By the definition: every piece once, what is opened is closed by its own, and all stands where it stood."""
    said = [frame.pieces.index(piece) for piece in pieces if piece in frame.pieces]
    if sorted(said) != list(range(len(frame.pieces))):
        return False
    opened: list[int] = []
    for number in said:
        if number in frame.closing.values():
            if not opened or frame.closing[opened.pop()] != number:
                return False
            continue
        if frame.within[number] != (opened[-1] if opened else -1):
            return False
        if number in frame.closing:
            opened.append(number)
    return not opened


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FRAMES)
def test_all_that_is_found_is_right(name: str, seed: int) -> None:
    """Beside one whose frame is the longest, and at every limit there is room for."""
    frame = FRAMES[name]
    limits = [len(frame.pieces), LONGEST, LONGEST - 1]
    state = table(3, seed)
    for beam in (1, 2, 50):
        rules = [rule([frame, PAIR, frame], limits)]
        found = run(state, limits, beam_size=beam, n_best=beam, rules=rules)
        for hypotheses, own in zip(found, (frame, PAIR, frame), strict=True):
            assert hypotheses
            assert all(right(h.pieces, own) for h in hypotheses)


def test_a_wide_beam_has_the_best_of_all_that_end_of_themselves() -> None:
    """Where an end is never the likeliest, and there is room, nothing is ruled out but what is wrong."""
    state, frame = table(2, 3), FRAMES["pair"]
    state.logits_BTVV[..., EOS] = -9.0
    others = Frame((OPEN, ALONE), (-1, -1))
    found = run(state, [5, 5], beam_size=4000, n_best=2000, rules=[rule([frame, others], [99, 99])])
    for sentence, own in enumerate((frame, others)):
        every = [(score, pieces) for score, pieces in everything(state, sentence, 5, 1.0) if right(pieces, own)]
        told = [h.pieces for h in found[sentence] if right(h.pieces, own)]  # at its limit one is ended as it is
        assert len(told) > 100
        assert told == [pieces for _, pieces in every]


def test_draws_are_right() -> None:
    limits, state = [LONGEST] * 2, table(2, 4)
    selection, rules = Sample(200, 1.0, 0, torch.tensor([1, 2])), [rule([PAIR, FRAMES["two"]], limits)]
    draws = run(state, limits, selection=selection, n_best=200, rules=rules)
    for hypotheses, frame in zip(draws, (PAIR, FRAMES["two"]), strict=True):
        assert len(hypotheses) == 200
        assert all(right(h.pieces, frame) for h in hypotheses)


def test_where_an_end_is_likeliest_what_is_left_comes() -> None:
    made = rule([PAIR], [20])
    logits = torch.zeros(1, 1, 6)
    logits[0, 0, EOS] = 1.0
    made.apply(logits, torch.empty(1, 1, 0, dtype=torch.long))
    assert (logits[0, 0] > -torch.inf).tolist() == [False, False, True, False, False, False]
    logits = torch.zeros(1, 1, 6)
    logits[0, 0, 5] = 1.0
    made.apply(logits, torch.empty(1, 1, 0, dtype=torch.long))
    assert (logits[0, 0] > -torch.inf).tolist() == [True, False, True, False, False, True]


def test_every_order_that_nests_can_be_said() -> None:
    """Step by step, whatever comes between."""
    frame = Frame((2, 3, 4, 5), (-1, 0, 0, -1), {0: 2})
    allowed = set[tuple[int, ...]]()
    for order in itertools.permutations(frame.pieces):
        made = rule([frame], [20])
        for at, piece in enumerate(order):
            logits = torch.zeros(1, 1, 7)
            logits[0, 0, 6] = 1.0
            made.apply(logits, torch.zeros(1, 1, at, dtype=torch.long))
            if logits[0, 0, piece] == -torch.inf:
                break
            made = made.reorder(torch.tensor([[0]]), torch.tensor([[piece]]))
        else:
            allowed.add(order)
    assert allowed == {one for one in itertools.permutations(frame.pieces) if right(list(one), frame)}
    assert len(allowed) == 2
