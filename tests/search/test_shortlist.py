"""Search over a shortlist: as over all words where it has all, and each sentence with its own where it has not."""

import numpy as np
import pytest
import torch

from mtkit.schema import Decode
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.search import Hypothesis
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from tests.contract.family import EOS, VOCAB, make

SOURCES = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14, 15], [16, 6], [3, 4, 5, 6]]
NEVER = [0, 1]


def run(
    shortlist: Shortlist | None, wanted: list[Sentence], ensemble: Ensemble | None = None, n_best: int = 1
) -> list[list[Hypothesis]]:
    ensemble = ensemble or Ensemble([make()], [EOS])
    found: list[list[Hypothesis]] = [[] for _ in wanted]
    for rows, some in translate_ids(ensemble, wanted, Decode(), Vocabulary(1, EOS, NEVER), shortlist, n_best=n_best):
        for row, hypotheses in zip(rows, some, strict=True):
            found[row] = hypotheses
    return found


def table(width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(-1, VOCAB, (VOCAB, width)).astype(np.int32)


WANTED = [Sentence([ids]) for ids in SOURCES]


def test_a_list_of_all_words_changes_nothing() -> None:
    everything = Shortlist(table(2), np.arange(VOCAB, dtype=np.int32), copies=False)
    for some, all_words in zip(run(everything, WANTED, n_best=3), run(None, WANTED, n_best=3), strict=True):
        assert [h.pieces for h in some] == [h.pieces for h in all_words]
        assert [h.score for h in some] == pytest.approx([h.score for h in all_words], abs=1e-5)


@pytest.mark.parametrize("copies", [True, False])
def test_each_sentence_has_its_own_candidates(copies: bool) -> None:
    short = Shortlist(table(2), np.array([7], np.int32), copies)
    together = run(short, WANTED, n_best=2)
    for sentence, hypotheses in zip(WANTED, together, strict=True):
        allowed = {7, *short.likely_VN[sentence.sources[0]].ravel().tolist()}
        allowed |= set(sentence.sources[0]) if copies else set()
        assert all(set(h.pieces) <= allowed - {*NEVER, EOS} for h in hypotheses)
        (alone,) = run(short, [sentence], n_best=2)
        assert [h.pieces for h in alone] == [h.pieces for h in hypotheses]
        assert [h.score for h in alone] == pytest.approx([h.score for h in hypotheses], abs=1e-5)


def test_a_prefix_may_be_anything() -> None:
    short = Shortlist(np.full((VOCAB, 1), 3, np.int32), np.array([7], np.int32), copies=False)
    wanted = [Sentence([ids], prefix=[12, 4, 12]) for ids in SOURCES]
    for (h,) in run(short, wanted):
        assert h.pieces[:3] == [12, 4, 12]
        assert set(h.pieces[3:]) <= {3, 7, 12, 4}


def test_an_ensemble_takes_the_same_list() -> None:
    short = Shortlist(table(3), np.array([7], np.int32), copies=True)
    model = make()
    alone = run(short, WANTED, Ensemble([model], [EOS]))
    pairs = [Sentence([ids, ids]) for ids in SOURCES]
    twice = run(short, pairs, Ensemble([model, model], [EOS, EOS]))
    assert [h[0].pieces for h in alone] == [h[0].pieces for h in twice]
    assert [h[0].score for h in alone] == pytest.approx([h[0].score for h in twice], abs=1e-5)


def test_candidates_say_where_words_stand() -> None:
    short = Shortlist(np.array([[-1], [9], [4]], np.int32), np.array([6], np.int32), copies=False)
    made = short.listed([[1], [2, 2]], [[0], [0]], torch.device("cpu"))
    assert made.pieces.tolist() == [0, 4, 6, 9]
    assert made.places([9, 0]) == [3, 0]
    assert made.among([4, 5, 9]) == [1, 3]
    assert (made.ruled_out_BC == 0).tolist() == [[True, False, True, True], [True, True, True, False]]
