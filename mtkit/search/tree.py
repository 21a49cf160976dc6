"""Search of one sentence, written down: every hypothesis that was weighed, and what became of it.

It is the search itself that is watched, through what it is given: a step, rules and a selection that note what passes
them and change nothing. Must not know models, nor how a tree is shown.

Dimensions: K hypotheses of the sentence, M afterwards, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from torch import Tensor

from mtkit.search.rules.rules import Rules
from mtkit.search.search import Ranking, State, Step
from mtkit.search.selection import Selection

Fate = Literal["goes on", "ended", "too low", "ruled out", "given up"]
"""What became of a hypothesis: it is carried on; it is complete; others of this step scored higher; a rule forbids it;
search was over before it ended."""
S = TypeVar("S", bound=State)
UNNAMED = "makes no text"  # what rules forbid that have no setting: special pieces, bytes that are no character
BESIDE = 5  # pieces a hypothesis that are noted beside each that was taken: the likeliest


@dataclass(frozen=True)
class Node:
    """A piece said after others.

    Attributes:
        number: of the node; 0 is what stands before the first piece.
        parent: the node that it follows; -1: none does.
        piece: search's number of it.
        step: how many pieces stand there with it, from 1.
        piece_logprob: of the piece after its parent, among all pieces, ruled out or not.
        logprob: of all pieces so far.
        score: what search ranks complete translations by; None: it is not complete.
        fate: what became of it.
        why: of "ruled out" what forbids it: "min_length = 3"; UNNAMED; "prefix": another piece must stand here;
            "max_ratio": it is at its greatest length.
    """

    number: int
    parent: int
    piece: int
    step: int
    piece_logprob: float
    logprob: float
    score: float | None
    fate: Fate
    why: str = ""


class Watched(Generic[S]):
    """The parts of a search of one sentence, each noting what it does; `nodes` when it is over.

    Args:
        ranking: what complete translations are ranked by.
        bos: search's number of what stands before the first piece.

    Raises:
        ValueError: rules of more sentences.
    """

    def __init__(self, step: Step[S], rules: Rules, selection: Selection, ranking: Ranking, bos: int) -> None:
        if len(rules.limits_B) != 1:
            raise ValueError(f"{len(rules.limits_B)} sentences: a tree is of one")
        self._step, self._ranking = step, ranking
        self.rules: Rules = _Rules(rules, self)
        self.selection: Selection = _Selection(selection, self)
        self._nodes = [Node(0, -1, bos, 0, 0.0, 0.0, None, "goes on")]
        self._here = [0]  # the node of each hypothesis
        self._looked: list[Tensor] = []  # of each hypothesis, how much it has looked at each source position
        self._seen_KV = self._weights_KS = torch.zeros(1, 1)  # of this step: log-probabilities before rules, attention
        self._why: dict[tuple[int, int], str] = {}

    def step(self, last_BK: Tensor, state: S) -> tuple[Tensor, S, Tensor]:
        """See search.Step."""
        logits_BKV, state, weights_BKS = self._step(last_BK, state)
        self._seen_KV, self._weights_KS = logits_BKV[0].float().log_softmax(-1), weights_BKS[0]
        return logits_BKV, state, weights_BKS

    def nodes(self) -> list[Node]:
        """All of them, each after its parent; those that nobody carried on are "given up"."""
        parents = {node.parent for node in self._nodes}
        return [
            replace(node, fate="given up") if node.fate == "goes on" and node.number not in parents else node
            for node in self._nodes
        ]

    def best(self) -> Node:
        """The end of the best translation.

        Raises:
            ValueError: nothing has ended.
        """
        ended = [node for node in self._nodes if node.score is not None]
        return max(ended, key=lambda node: -inf if node.score is None else node.score)

    def path(self, number: int) -> Iterator[Node]:
        """From a node back to the root, which is left out."""
        while number:
            yield self._nodes[number]
            number = self._nodes[number].parent

    def ruled(self, before_KV: Tensor, rules: Rules, pieces_BKL: Tensor) -> None:
        """Which rule forbids those pieces that would have been among the likeliest."""
        self._why = {}
        likeliest_KX = before_KV.topk(min(BESIDE + 1, before_KV.shape[1])).indices.tolist()
        for rule in rules.rules:
            alone_BKV = before_KV.unsqueeze(0).clone()
            rule.apply(alone_BKV, pieces_BKL)
            for k, likeliest in enumerate(likeliest_KX):
                for piece in likeliest:
                    if isfinite(float(before_KV[k, piece])) and float(alone_BKV[0, k, piece]) == -inf:
                        self._why.setdefault((k, piece), str(rule) or UNNAMED)

    def selected(
        self, best_M: list[float], parents_M: list[int], last_M: list[int], allowed_KV: Tensor, length: int
    ) -> None:
        """What goes on after a step, and beside it the likeliest that does not."""
        eos, here, looked = self.rules.eos, list[int](), list[Tensor]()
        # What nothing was put in place of has the root for a node: nobody goes on from there.
        alive = {k for k, n in enumerate(self._here) if self._nodes[n].fate == "goes on" and (n or length == 1)}
        taken = set()
        for total, k, piece in zip(best_M, parents_M, last_M, strict=True):
            looked.append(self._weights_KS[k] + (self._looked[k] if self._looked else 0))
            if total == -inf:
                here.append(0)
                continue
            taken.add((k, piece))
            ended = piece == eos
            score = self._ranking.score(total, length, looked[-1].unsqueeze(0)) if ended else None
            here.append(self._add(k, piece, length, "ended" if ended else "goes on", score=score))
        for k in sorted(alive):
            for piece in self._seen_KV[k].topk(min(BESIDE + 1, self._seen_KV.shape[1])).indices.tolist():
                if (k, piece) not in taken and isfinite(float(self._seen_KV[k, piece])):
                    out = float(allowed_KV[k, piece]) == -inf
                    why = (self._why.get((k, piece)) or self._forced(length)) if out else ""
                    self._add(k, piece, length, "ruled out" if out else "too low", why=why)
        self._here, self._looked = here, looked

    def _forced(self, length: int) -> str:
        """What says which piece comes there, whatever rules say."""
        return "max_ratio" if length > int(self.rules.limits_B[0]) else "prefix"

    def _add(self, k: int, piece: int, step: int, fate: Fate, why: str = "", score: float | None = None) -> int:
        parent = self._nodes[self._here[k]]
        own = float(self._seen_KV[k, piece])
        node = Node(len(self._nodes), parent.number, piece, step, own, parent.logprob + own, score, fate, why)
        self._nodes.append(node)
        return node.number


class _Rules(Rules):
    """Rules that tell what they rule out."""

    def __init__(self, inner: Rules, watched: Watched[Any]) -> None:
        super().__init__(inner.forced, inner.rules)
        self._inner, self._watched = inner, watched

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        self._watched.ruled(logits_BKV[0].clone(), self._inner, pieces_BKL)
        self._inner.apply(logits_BKV, pieces_BKL)

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> Rules:
        return _Rules(self._inner.reorder(parents_BK, pieces_BK), self._watched)

    def keep(self, here: Tensor, sentences: Tensor) -> Rules:
        return _Rules(self._inner.keep(here, sentences), self._watched)


@dataclass(frozen=True)
class _Selection:
    """A selection that tells what it took."""

    timeless: ClassVar[bool] = False
    inner: Selection
    watched: Watched[Any]

    def __call__(
        self, logits_BKV: Tensor, added_BK: Tensor, ended_B: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        allowed_KV = logits_BKV[0].clone()
        made = self.inner(logits_BKV, added_BK, ended_B, length)
        best_M, parents_M, last_M = (x[0].tolist() for x in made)
        self.watched.selected(best_M, parents_M, last_M, allowed_KV, length)
        return made

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> Selection:
        return _Selection(self.inner.reorder(parents_BK, pieces_BK), self.watched)

    def keep(self, sentences: Tensor) -> Selection:
        return _Selection(self.inner.keep(sentences), self.watched)
