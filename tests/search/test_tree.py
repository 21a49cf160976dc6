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
from mtkit.search.tree import UNNAMED, Node, Watched
from tests.search.test_search import BOS, EOS, LONGEST, NEVER, VOCAB, Table, logprob, run, step, table


def watched(
    state: Table, beam: int, *, n_best: int = 1, coverage: float = 0.0, min_length: int = 0, no_repeat: int = 0
) -> tuple[list[Node], Watched[Table]]:
    """The tree of a search, which is held to what the same search finds unwatched."""
    ranking = Ranking(coverage_penalty=coverage)
    more = [NoRepeat(no_repeat)] if no_repeat else []
    rules = Rules(Forced(EOS, torch.tensor([LONGEST])), [Never(NEVER), MinLength(min_length, EOS), *more])
    tree = Watched(step, rules, Beam(beam), ranking, BOS)
    (found,) = search(tree.step, state, tree.rules, ranking, tree.selection, bos=BOS, n_best=n_best, source_lengths=[3])
    options = {"n_best": n_best, "min_length": min_length, "no_repeat_ngram": no_repeat}
    (plain,) = run(state, [LONGEST], beam_size=beam, coverage_penalty=coverage, **options)
    assert [(h.pieces, h.score) for h in found] == [(h.pieces, h.score) for h in plain]
    ended = sorted((node for node in tree.nodes() if node.score is not None), key=lambda node: -(node.score or 0))
    for hypothesis, leaf in zip(found, ended, strict=False):
        assert [node.piece for node in tree.path(leaf.number)][:0:-1] == hypothesis.pieces
        assert leaf.score == pytest.approx(hypothesis.score, abs=1e-5)
    assert tree.best().number == ended[0].number
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


def test_the_penalty_of_coverage_is_in_the_scores_of_ends() -> None:
    differences = []
    for seed in range(5):
        nodes, _ = watched(table(1, seed), 3, n_best=3, coverage=0.7)
        for node in nodes:
            if node.score is not None:
                differences.append(Ranking().score(node.logprob, node.step, None) - node.score)
    assert max(differences) > 1


def test_each_piece_stands_beside_the_five_likeliest_others() -> None:
    nodes, tree = watched(table(1, 2), 2)
    state = table(1, 2)
    said = [node.piece for node in tree.path(tree.best().number)][::-1]
    for length, node in enumerate(reversed(list(tree.path(tree.best().number)))):
        others = [one for one in nodes if one.parent == node.parent and one.number != node.number]
        last = said[length - 1] if length else BOS
        logprobs = state.logits_BTVV[0, length, last].log_softmax(-1)
        wanted = sorted((float(logprobs[piece]) for piece in range(VOCAB) if piece != node.piece), reverse=True)[:5]
        assert sorted((one.piece_logprob for one in others), reverse=True)[:5] == pytest.approx(wanted, abs=1e-5)


def test_what_was_dropped_and_why() -> None:
    nodes, _ = watched(table(1, 1), 2, min_length=3, no_repeat=1)
    out = {(node.piece, node.why) for node in nodes if node.fate == "ruled out"}
    assert {why for _, why in out} == {UNNAMED, "min_length = 3", "no_repeat_ngram = 1"}
    assert (EOS, "min_length = 3") in out
    assert all(
        node.why == UNNAMED or node.piece != NEVER[0] for node in nodes if node.fate == "ruled out" and node.step < 3
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


def test_at_its_greatest_length_a_hypothesis_can_but_end() -> None:
    nodes, _ = watched(table(1, 1), 2, min_length=LONGEST)
    last = [node for node in nodes if node.step == LONGEST + 1]
    assert {(node.piece == EOS, node.fate, node.why) for node in last if node.piece not in NEVER} == {
        (True, "ended", ""),
        (False, "ruled out", "max_ratio"),
    }


def test_a_prefix_rules_out_all_else() -> None:
    rules = Rules(Forced(EOS, torch.tensor([LONGEST]), torch.tensor([[4, EOS]])))
    tree = Watched(step, rules, Beam(1), Ranking(), BOS)
    search(tree.step, table(1, 0), tree.rules, Ranking(), tree.selection, bos=BOS)
    nodes = tree.nodes()
    assert [node.piece for node in tree.path(tree.best().number)] == [EOS, 4]
    assert {(node.fate, node.why) for node in nodes if node.number not in (0, 1, tree.best().number)} == {
        ("ruled out", "prefix")
    }
    assert tree.best().logprob == pytest.approx(logprob(table(1, 0), 0, (4,)), abs=1e-5)


def test_a_tree_is_of_one_sentence() -> None:
    with pytest.raises(ValueError, match="2 sentences"):
        Watched(step, Rules(Forced(EOS, torch.tensor([3, 3]))), Beam(1), Ranking(), BOS)
