"""A search that is watched finds what it finds unwatched, and its tree is that search."""

import math

import pytest
import torch

from mtkit.search.rules.forced import Forced
from mtkit.search.rules.min_length import MinLength
from mtkit.search.rules.never import Never
from mtkit.search.rules.no_repeat import NoRepeat
from mtkit.search.rules.rules import Rules
from mtkit.search.search import Ranking, search
from mtkit.search.selection import Beam
from mtkit.search.tree import Node, Watched
from tests.search.test_search import BOS, EOS, LONGEST, NEVER, Table, logprob, run, step, table


def watched(state: Table, beam: int, *more: MinLength | NoRepeat, n_best: int = 1) -> tuple[list[Node], Watched[Table]]:
    rules = Rules(Forced(EOS, torch.tensor([LONGEST])), [Never(NEVER), *more])
    tree = Watched(step, rules, Beam(beam), Ranking(), BOS)
    found = search(tree.step, state, tree.rules, Ranking(), tree.selection, bos=BOS, n_best=n_best)[0]
    asked = {"min_length": one.length for one in more if isinstance(one, MinLength)}
    asked |= {"no_repeat_ngram": one.ngram for one in more if isinstance(one, NoRepeat)}
    (plain,) = run(state, [LONGEST], beam_size=beam, n_best=n_best, **asked)
    assert [(h.pieces, h.score) for h in found] == [(h.pieces, h.score) for h in plain]
    ended = sorted((node for node in tree.nodes() if node.fate == "ended"), key=lambda node: -(node.score or 0))
    for hypothesis, leaf in zip(found, ended, strict=False):
        assert [node.piece for node in tree.path(leaf.number)][:0:-1] == hypothesis.pieces
        assert leaf.score == pytest.approx(hypothesis.score, abs=1e-5)
    return tree.nodes(), tree


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("beam", [1, 3])
def test_the_best_leaf_is_what_search_finds(seed: int, beam: int) -> None:
    nodes, tree = watched(table(1, seed), beam, n_best=beam)
    for node in nodes[1:]:
        words = tuple(one.piece for one in tree.path(node.number))[::-1]
        assert node.step == len(words)
        assert node.parent < node.number
        if node.piece == EOS and node.fate == "ended":
            assert node.logprob == pytest.approx(logprob(table(1, seed), 0, words[:-1]), abs=1e-5)
    going = [node for node in nodes if node.fate == "goes on"]
    assert all(sum(node.step == length for node in going) <= beam for length in range(1, LONGEST + 2))


def test_what_was_dropped_and_why() -> None:
    nodes, _ = watched(table(1, 1), 2, MinLength(3, EOS), NoRepeat(1))
    out = {(node.piece, node.why) for node in nodes if node.fate == "ruled out"}
    assert {"Never", "MinLength", "NoRepeat", "Forced"} <= {why for _, why in out}
    assert (EOS, "MinLength") in out
    assert all(
        node.why == "Never" or node.piece != NEVER[0] for node in nodes if node.fate == "ruled out" and node.step < 3
    )
    parents = {node.parent for node in nodes}
    assert all((node.fate == "goes on") == (node.number in parents) for node in nodes)
    low = [node for node in nodes if node.fate == "too low"]
    assert low
    for node in low:  # nothing of this step that was left is likelier than what was taken
        taken = [one.logprob for one in nodes if one.step == node.step and one.fate in ("goes on", "ended", "given up")]
        assert len(taken) < 2 or node.logprob <= min(taken) + 1e-6
    assert all(
        math.isclose(node.logprob, nodes[node.parent].logprob + node.piece_logprob, abs_tol=1e-6) for node in nodes[1:]
    )


def test_a_tree_is_of_one_sentence() -> None:
    with pytest.raises(ValueError, match="2 sentences"):
        Watched(step, Rules(Forced(EOS, torch.tensor([3, 3]))), Beam(1), Ranking(), BOS)
