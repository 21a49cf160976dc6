"""Search that has to say something, against all translations of a tiny vocabulary that say it."""

from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest
import torch

from mtkit.schema import Decode
from mtkit.search import allocation
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.phrases import Automaton
from mtkit.search.rules.forced import Forced
from mtkit.search.rules.never import Never
from mtkit.search.rules.rule import Context
from mtkit.search.rules.rules import Rules
from mtkit.search.search import Hypothesis, Ranking
from mtkit.search.selection import Selection
from mtkit.search.sentence import APART, OPENING, WITHIN, Group, Phrase, Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from tests.contract.family import cover, make, name_of
from tests.search.test_search import BOS, EOS, LONGEST, NEVER, SOURCES, everything, run, step, table
from tests.search.test_tables import in_tables

NAMES = ["<s>", "</s>", "▁a", "b", "▁c", "."]
A, B, C, DOT = 2, 3, 4, 5
WORD_A, WORD_AB, WORD_C, WORD_B = Phrase((A,)), Phrase((A, B)), Phrase((C,)), Phrase((B,), APART)
CASES = {
    "a word": (Group((WORD_A,)),),
    "a word of two pieces": (Group((WORD_AB,)),),
    "one that begins with itself": (Group((Phrase((A, A, C)),)),),
    "one of two": (Group((WORD_AB, Phrase((C, C)))),),
    "two": (Group((WORD_A,)), Group((WORD_C,))),
    "twice": (Group((WORD_A,), 2),),
    "any ending": (Group((Phrase((A,), open_ended=True),)),),
    "no letter before it": (Group((WORD_B,)),),
    "at the beginning": (Group((Phrase((C,), OPENING), WORD_AB)),),
    "nested": (Group((WORD_A,)), Group((Phrase((C, A)),))),
}


def said(pieces: list[int], phrase: Phrase) -> int:
    """How often: by strings, of which those of whole words are as far apart as they are."""
    count = 0
    for start in range(len(pieces) - len(phrase.pieces) + 1):
        end = start + len(phrase.pieces)
        before = NAMES[pieces[start - 1]][-1] if start else "."
        after = NAMES[pieces[end]][0] if end < len(pieces) else " "
        fits = {WITHIN: True, APART: not before.isalpha(), OPENING: before == "."}[phrase.before]
        count += pieces[start:end] == [*phrase.pieces] and fits and (phrase.open_ended or not after.isalpha())
    return count


def says(pieces: list[int], groups: tuple[Group, ...]) -> bool:
    return all(sum(said(pieces, phrase) for phrase in group.phrases) >= group.count for group in groups)


def allocated(groups: list[tuple[Group, ...]], limits: list[int], beam: int) -> Selection:
    decode = Decode.model_validate({"beam_size": beam})
    sentences = [Sentence([[2]], groups=some) for some in groups]
    context = Context(decode, Vocabulary(BOS, EOS, NEVER, NAMES), sentences, torch.device("cpu"))
    vars(context)["limits"] = limits
    return allocation.make(context, beam)


@pytest.mark.parametrize("name", CASES)
def test_a_wide_beam_finds_the_best_of_all_that_say_it(name: str) -> None:
    groups, limits = CASES[name], [LONGEST, 3, 4]
    state = table(3, 7)
    found = run(state, limits, selection=allocated([groups] * 3, limits, 4000), n_best=5)
    for sentence, limit in enumerate(limits):
        best = [one for one in everything(state, sentence, limit, 1.0) if says(one[1], groups)][:5]
        assert best
        assert [h.pieces for h in found[sentence]] == [pieces for _, pieces in best]
        assert [h.score for h in found[sentence]] == pytest.approx([score for score, _ in best], abs=1e-5)


@pytest.mark.parametrize("beam", [1, 2, 5])
def test_a_narrow_beam_says_it_and_each_sentence_has_what_it_has_alone(beam: int) -> None:
    every = [CASES[name] for name in CASES] * 3
    limits, state = [4 + row % 2 for row in range(len(every))], table(len(every), 11)
    found = run(state, limits, selection=allocated(every, limits, beam), n_best=beam)
    for sentence, (groups, hypotheses) in enumerate(zip(every, found, strict=True)):
        assert hypotheses
        assert all(says(h.pieces, groups) for h in hypotheses)
        alone = run(
            state.keep(torch.tensor([sentence])).__class__(
                state.logits_BTVV[sentence : sentence + 1], torch.zeros(1, 1, dtype=torch.long), torch.zeros(1).long()
            ),
            limits[sentence : sentence + 1],
            selection=allocated([groups], limits[sentence : sentence + 1], beam),
            n_best=beam,
        )
        assert list(map(astuple, alone[0])) == list(map(astuple, hypotheses))


def test_where_there_is_no_room_for_it_what_there_is_comes_out() -> None:
    groups = (Group((Phrase((A, B, C)),)),)
    (found,) = run(table(1, 3), [2], selection=allocated([groups], [2], 3), n_best=3)
    assert found
    assert not any(says(h.pieces, groups) for h in found)


def test_tables_find_the_same() -> None:
    every = [*CASES.values()]
    limits, made = [4 + row % 2 for row in range(len(every))], list[list[list[Any]]]()
    for searching in (run_plain, in_tables_of):
        found = searching(limits, allocated(every, limits, 3))
        made.append([[(h.pieces, pytest.approx(h.score, abs=1e-6)) for h in some] for some in found])
    assert made[0] == made[1]


def run_plain(limits: list[int], selection: Selection) -> list[list[Hypothesis]]:
    return run(table(len(limits), 5), limits, selection=selection, n_best=2)


def in_tables_of(limits: list[int], selection: Selection) -> list[list[Hypothesis]]:
    rules = Rules(Forced(EOS, torch.tensor(limits)), [Never(NEVER)])
    return in_tables(step, table(len(limits), 5), rules, Ranking(1.0), selection, bos=BOS, n_best=2)


def test_the_automaton_falls_back_to_what_was_begun_anew() -> None:
    """After a a the phrase a a b goes on with b, and after a a a it does so, too (Knuth, Morris and Pratt 1977)."""
    leaves = np.zeros(6, np.int64)
    automaton = Automaton([Group((Phrase((A, A, B)),))], leaves)
    state, gains = 0, []
    for piece in (A, A, A, B, A):
        state = automaton.next[state, automaton.alphabet.index(piece)]
        gains.append((int(automaton.gains[state, 0]), bool(automaton.pending[state, 0])))
    assert gains == [(1, False), (2, False), (2, False), (3, True), (1, False)]


@pytest.mark.parametrize("system", cover()[::7], ids=name_of)
def test_every_model_says_it_with_a_shortlist_and_in_an_ensemble(system: dict[str, Any]) -> None:
    model = make(system).eval()
    size = len(model.output.bias_V)
    names = ["<s>", "</s>", *(f"▁{number}" if number % 2 else str(number) for number in range(2, size))]
    vocabulary = Vocabulary(BOS, EOS, NEVER, names)
    groups = (Group((Phrase((5, 4)), Phrase((3,)))), Group((Phrase((size - 1 - size % 2,)),)))
    plain = [Sentence([ids, ids]) for ids in SOURCES]
    mixed = [replace(one, groups=groups if row % 2 else ()) for row, one in enumerate(plain)]
    shortlist = Shortlist(np.full((size, 1), 6), np.array([7, EOS]), False)
    ensemble = Ensemble([model, model], [EOS, EOS])
    for listed in (shortlist, None):
        decode = Decode.model_validate({"beam_size": 2})
        free = dict(_found(translate_ids(ensemble, plain, decode, vocabulary, listed)))
        found = dict(_found(translate_ids(ensemble, mixed, decode, vocabulary, listed)))
        for row, sentence in enumerate(mixed):
            if not sentence.groups:
                assert found[row] == free[row]
                continue
            text = [0, *found[row], 0]
            assert 3 in text or any(text[i : i + 2] == [5, 4] for i in range(len(text)))
            assert size - 1 - size % 2 in text


def _found(batches: Any) -> Any:
    for rows, found in batches:
        for row, hypotheses in zip(rows, found, strict=True):
            yield row, hypotheses[0].pieces
