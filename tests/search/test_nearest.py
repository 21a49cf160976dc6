"""Search that is steered: the mixture beside its reference, for the whole family, and what is left as it is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mtkit.ops.native import compiler
from mtkit.ops.table import form
from mtkit.schema import Decode
from mtkit.search import batched, nearest
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.examples import examples
from mtkit.search.nearest import Example, Nearest, mixed
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from tests.contract.family import BOS, EOS, SOURCES, TARGETS, batch_of, cover, make, name_of

WORDS = Vocabulary(bos=BOS, eos=EOS, never=[0, BOS])


def drawn(seed: int, lengths: list[int], width: int = 6, pieces: int = 9) -> list[Example]:
    torch.manual_seed(seed)
    return [
        Example(
            (torch.rand(length, width, dtype=torch.float64),),
            torch.randint(3, pieces, (length,)).tolist(),
            [()] * length,
        )
        for length in lengths
    ]


def test_the_mixture_is_that_of_whole_distributions() -> None:
    given = [drawn(1, [3, 5]), [], drawn(2, [2])]
    made = Nearest.of(0, given, list, EOS)
    states_BKE = torch.rand(3, 4, 6, dtype=torch.float64)
    states_BKE[0, 0] = given[0][1].keys[0][2]  # a key itself
    states_BKE[2, 1] *= -1  # far from all
    logits_BKV = torch.randn(3, 4, 9, dtype=torch.float64)
    logits_BKV[:, :, 0] = -torch.inf
    before_BKV = logits_BKV.clone()
    made.mix(logits_BKV, states_BKE)
    for b, some in enumerate(given):
        for k in range(4):
            wanted_V = mixed(before_BKV[b, k], states_BKE[b, k], some)
            assert torch.allclose(logits_BKV[b, k].log_softmax(0), wanted_V, rtol=1e-12, atol=1e-12)
    assert torch.equal(logits_BKV[1], before_BKV[1])
    assert torch.equal(logits_BKV[2, 1], before_BKV[2, 1])
    share = logits_BKV[0, 0].softmax(0)[given[0][1].values[2]]
    assert share > nearest.MOST / 2  # of two examples one may tell another piece nearby


def test_the_same_of_some_of_the_sentences() -> None:
    given = [drawn(1, [3]), drawn(2, [4]), drawn(3, [2, 6])]
    every, few = Nearest.of(0, given, list, EOS), torch.tensor([0, 2])
    states_BKE, logits_BKV = torch.rand(3, 2, 6, dtype=torch.float64), torch.randn(3, 2, 9, dtype=torch.float64)
    kept_BKV = logits_BKV[few]
    kept = every.keep(few)
    assert kept is not None
    kept.mix(kept_BKV, states_BKE[few])
    every.mix(logits_BKV, states_BKE)
    assert torch.equal(kept_BKV, logits_BKV[few])


@pytest.mark.parametrize("threads", [1, 2])
def test_the_form_in_c_is_the_reference(threads: int) -> None:
    given = [drawn(1, [30, 5], 37, 200), [], drawn(2, [70], 37, 200), drawn(3, [9, 20, 33], 37, 200)]
    few = [[replace(one, keys=(one.keys[0].float(),)) for one in some] for some in given]
    states_BKE, logits_BKV = torch.rand(4, 5, 37, dtype=torch.float64), torch.randn(4, 5, 203, dtype=torch.float64) * 3
    states_BKE[0, 2] = given[0][0].keys[0][4]
    states_BKE[3, 1] *= -1
    made_BKV = logits_BKV.float()
    exact, rounded = (Nearest.of(0, some, list, EOS) for some in (given, few))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            rounded.mix(made_BKV, states_BKE.float())
            exact.mix(logits_BKV, states_BKE)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(made_BKV.double(), logits_BKV, atol=2e-4, rtol=1e-4)
    tables = (rounded.places_R, rounded.keys_RME, rounded.squares_RM, rounded.far_RM, rounded.pieces_RU)
    with torch.inference_mode():
        name = form("mix_told", made_BKV, states_BKE.float(), *tables, rounded.spread_RMU, 0.1, 0.2, 0.5, 3)
    assert name == ("torch" if compiler.compiled() is None else "c")


@pytest.mark.parametrize("choice", cover()[::3], ids=name_of)
def test_states_are_those_of_teacher_forcing(choice: dict[str, Any]) -> None:
    ensemble = Ensemble([make(choice)], [EOS])
    pairs = [([source], target) for source, target in zip(SOURCES, TARGETS, strict=True)]
    made = examples(ensemble, pairs, bos=BOS, eos=EOS)
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        with torch.inference_mode():
            states_LE, values_L = ensemble.models[0](batch_of([row]))
        assert torch.allclose(states_LE, made[row].keys[0], atol=1e-5)
        assert made[row].values == values_L.tolist() == [*target, EOS]
        assert len(made[row].about) == len(made[row].values)
        assert {piece for pieces in made[row].about for piece in pieces} <= {*source}


def test_what_each_piece_is_about() -> None:
    """By attention, of which the search of the same pieces tells, too."""
    ensemble = Ensemble([make(attention__name="additive")], [EOS])
    source, target = SOURCES[2], TARGETS[1]
    forced = Sentence([source], [*target, EOS])
    ((_, ((hypothesis,),)),) = translate_ids(ensemble, [forced], Decode(), WORDS, attention=[0], ruled=False)
    assert hypothesis.attention is not None
    looked = hypothesis.attention.argmax(1).tolist()
    (made,) = examples(ensemble, [([source], target)], bos=BOS, eos=EOS)
    assert made.about == [tuple(source[place : place + 1]) for place in looked]


def test_what_it_says_of_another_sentence() -> None:
    keys = torch.arange(8.0).view(4, 2)
    made = Example((keys, keys + 1), [7, 8, 9, EOS], [(3,), (4, 5), (6,), ()])
    few = made.within(frozenset([5, 3]))
    assert (few.values, few.about) == ([7, 8, EOS], [(3,), (4, 5), ()])
    assert torch.equal(few.keys[1], keys[[0, 1, 3]] + 1)
    assert made.within(frozenset([3, 4, 6])) is made


def steered(ensemble: Ensemble, given: list[list[Example]], **options: Any) -> list[tuple[list[int], float]]:
    """The best translation of each source, and its log-probability."""
    sentences = [
        Sentence([ids] * len(ensemble.models), number=i, examples=some)
        for i, (ids, some) in enumerate(zip(SOURCES, given, strict=True))
    ]
    found: dict[int, tuple[list[int], float]] = {}
    decode = Decode.model_validate({"beam_size": options.pop("beam", 1), "max_ratio": 8})
    for rows, some in translate_ids(ensemble, sentences, decode, WORDS, **options):
        found |= {row: (best.pieces, best.logprob) for row, (best, *_) in zip(rows, some, strict=True)}
    return [found[row] for row in range(len(sentences))]


def logprob(ensemble: Ensemble, source: list[int], target: list[int], given: list[Example]) -> float:
    """The reference: step by step, whole distributions of each model mixed, then their mean."""
    states, total = list(ensemble.encode(ensemble.padded([[source]] * len(ensemble.models))).state.parts), 0.0
    for last, piece in zip([BOS, *target], [*target, EOS], strict=True):
        told = []
        for i, model in enumerate(ensemble.models):
            with ensemble.entered():
                features_11H, states[i], _ = model.decoder.step(model.target_VE[torch.tensor([[last]])], states[i])
                state_E = model.output.project(features_11H)[0, 0]
                told.append(mixed(model.output(features_11H)[0, 0], state_E, given, i).exp())
        total += float(torch.stack(told).mean(0)[piece].log())
    return total


@pytest.mark.parametrize("in_tables", [False, True])
@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("decoder", ["recurrent", "transformer"])
def test_what_was_said_of_the_same_sentence_is_said(
    decoder: str, beam: int, in_tables: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched, "in_tables", lambda device: in_tables)
    monkeypatch.setattr(nearest, "MOST", 0.9)  # these models know nothing, and are sure of it
    ensemble = Ensemble([make({"decoder.name": decoder}), make(embed_dim=5)], [EOS, EOS])
    pairs = [([source] * 2, target) for source, target in zip(SOURCES, TARGETS, strict=True)]
    made = examples(ensemble, pairs, bos=BOS, eos=EOS)
    plain = steered(ensemble, [[]] * 4, beam=beam)
    given = [[made[0]], [], [made[2], made[1]], []]
    found = steered(ensemble, given, beam=beam)
    for source, some, (pieces, total) in zip(SOURCES, given, found, strict=True):
        assert total == pytest.approx(logprob(ensemble, source, pieces, some), abs=1e-4)
    assert [found[1][0], found[3][0]] == [plain[1][0], plain[3][0]]
    assert [found[0][0], found[2][0]] != [plain[0][0], plain[2][0]]
    if beam == 1:
        every = [[one] for one in made]
        few = Shortlist(np.full((17, 1), 3), np.array([3]), False)
        for shortlist in (None, few):  # what examples say may be said whatever the list has
            assert [pieces for pieces, _ in steered(ensemble, every, shortlist=shortlist)] == TARGETS


def test_pieces_that_nothing_is_said_of() -> None:
    ensemble = Ensemble([make()], [EOS])
    (made,) = examples(ensemble, [([[5, 6]], [4, 7, 4, 8])], bos=BOS, eos=EOS, silent={4})
    assert made.values == [7, 8, EOS]
    assert made.keys[0].shape == (3, 6)
