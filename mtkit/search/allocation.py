"""A beam that is shared out by how much hypotheses have said of what they must say: lexically constrained search.

Dynamic beam allocation (Post and Vilar 2018, vectorised like Hu et al. 2019). Hypotheses are sorted into banks by the
pieces of asked phrases that they have said. Those that have said all have as many places as a beam without phrases,
every other bank has one, and places that a bank does not need go round among the others. Must not know models.

Dimensions: B sentences, K hypotheses of each, V vocabulary, M hypotheses afterwards, C candidates a hypothesis, X =
K * C candidates a sentence, A pieces that occur in phrases of a sentence, G groups of phrases.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from mtkit.ops.logits import best_pieces
from mtkit.search.phrases import Automata, Automaton
from mtkit.search.pick import pick
from mtkit.search.rules.rule import Context
from mtkit.search.sentence import Group, Sentence

KEPT = ("size_B", "limits_B", "asked_B", "states_BK", "left_BKG")
STARTS = 4  # pieces that bring a hypothesis on and are looked at, beside those that are the likeliest
MOST = 48  # places more than a beam has, at most: beyond, the banks of hypotheses that have said less may go without


def width(beam: int, sentence: Sentence) -> int:
    """Hypotheses of a sentence that are kept."""
    return beam + min(MOST, sentence.asked)


@dataclass(frozen=True)
class Allocated:
    """The best hypotheses of every bank; see `mtkit.search.selection.Selection`.

    Attributes:
        beam: places of those that have said all.
        size_B: places of all, of each sentence.
        limits_B: the most pieces of each sentence, its end not counted.
        begins_V: whether a piece ends the word before it.
        leaves_V: what it is for the next one; see `mtkit.search.phrases`.
        asked_B: pieces that are to be said.
        states_BK: where each hypothesis is within phrases.
        left_BKG: how often each group is to be said yet.
    """

    timeless: ClassVar[bool] = False
    beam: int
    size_B: Tensor
    eos: int
    limits_B: Tensor
    automata: Automata
    begins_V: Tensor
    leaves_V: Tensor
    asked_B: Tensor
    states_BK: Tensor
    left_BKG: Tensor
    most: int
    """Places of the sentence that has most."""
    enough: int
    """When so many have ended others would only go on to their greatest length."""

    def __call__(
        self, logits_BKV: Tensor, added_BK: Tensor, ended_B: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See Selection."""
        B, K, V = logits_BKV.shape
        pending_BKG = self.automata.of_states(self.automata.pending_BNG, self.states_BK)
        unsaid_BK = ((self.left_BKG - pending_BKG) > 0).any(2)
        # At its greatest length a hypothesis ends as it is, where none has said all.
        none_B = (self.limits_B < length) & (ended_B == 0) & (unsaid_BK | (added_BK == -inf)).all(1)
        logits_BKV[:, :, self.eos].masked_fill_(unsaid_BK & ~none_B.unsqueeze(1), -inf)

        rows_N1V, added_N1 = logits_BKV.reshape(B * K, 1, V), added_BK.reshape(B * K, 1)
        best_Nm, pieces_Nm = best_pieces(rows_N1V, added_N1, min(self.beam, V))
        asked_BKA = self.automata.alphabet_BA.clamp(min=0).unsqueeze(1).expand(B, K, -1)
        none_BKA = (asked_BKA.unsqueeze(3) == pieces_Nm.view(B, K, 1, -1)).any(3) | ~self._advances(pending_BKG)
        scores_BKA = (logits_BKV.gather(2, asked_BKA) + added_BK.unsqueeze(2)).masked_fill_(none_BKA, -inf)
        more_BKn, places_BKn = scores_BKA.topk(min(STARTS, scores_BKA.shape[2]), 2)
        scores_BX = torch.cat([best_Nm.view(B, K, -1), more_BKn], 2).flatten(1)
        pieces_BX = torch.cat([pieces_Nm.view(B, K, -1), asked_BKA.gather(2, places_BKn)], 2).flatten(1)
        C = scores_BX.shape[1] // K

        parents_X = torch.arange(K * C, device=scores_BX.device) // C
        parents_BX = parents_X.expand(B, -1)
        states_BX, left_BXG = self._after(parents_BX, pieces_BX)
        banks_BX = self._banks(states_BX, left_BXG)
        order_BM, over_BM = self._order(scores_BX, banks_BX, ended_B)
        places_BM = torch.arange(order_BM.shape[1], device=order_BM.device).expand_as(order_BM)
        # By the sentence alone: what it is searched with must not change that.
        over_BM |= (places_BM >= self.size_B.unsqueeze(1)) | (ended_B >= self.enough).unsqueeze(1)
        best_BM = scores_BX.gather(1, order_BM).masked_fill(over_BM, -inf)
        return best_BM, parents_BX.gather(1, order_BM), pieces_BX.gather(1, order_BM)

    def _advances(self, pending_BKG: Tensor) -> Tensor:
        """Whether a piece of the alphabet brings a hypothesis on in what it has yet to say, BKA."""
        automata, (B, K) = self.automata, self.states_BK.shape
        A = automata.alphabet_BA.shape[1]
        places_BX = self.states_BK.repeat_interleave(A, 1)
        symbols_BX = torch.arange(A, device=places_BX.device).repeat(K).expand(B, -1)
        to_BX = automata.after(places_BX, symbols_BX)
        open_BK1G = ((self.left_BKG - pending_BKG) > 0).unsqueeze(2)
        values_BKAG = automata.of_states(automata.values_BNG, to_BX).view(B, K, A, -1) * open_BK1G
        now_BKG = automata.of_states(automata.gains_BNG, self.states_BK) * open_BK1G.squeeze(2)
        return (values_BKAG.amax(3) > now_BKG.amax(2, keepdim=True)) & (automata.alphabet_BA >= 0).unsqueeze(1)

    def _after(self, parents_BX: Tensor, pieces_BX: Tensor) -> tuple[Tensor, Tensor]:
        """The states of hypotheses that go on with pieces, and how often each group is left then."""
        automata = self.automata
        symbols_BX = automata.symbols(pieces_BX, self.leaves_V)
        before_BX = self.states_BK.gather(1, parents_BX)
        states_BX = automata.after(before_BX, symbols_BX)
        said_BXG = automata.of_states(automata.pending_BNG, before_BX) * self.begins_V[pieces_BX].unsqueeze(2)
        said_BXG = said_BXG + automata.of_states(automata.now_BNG, states_BX)
        return states_BX, (pick(self.left_BKG, parents_BX) - said_BXG).clamp_(min=0)

    def _banks(self, states_BX: Tensor, left_BXG: Tensor) -> Tensor:
        """Pieces of what is asked that hypotheses have said."""
        gains_BXG = self.automata.of_states(self.automata.gains_BNG, states_BX)
        gain_BX = gains_BXG.masked_fill(left_BXG == 0, 0).amax(2)
        return self.asked_B.unsqueeze(1) - (left_BXG * self.automata.sizes_BG.unsqueeze(1)).sum(2) + gain_BX

    def _order(self, scores_BX: Tensor, banks_BX: Tensor, ended_B: Tensor) -> tuple[Tensor, Tensor]:
        """The places of those that go on, BM, and whether there is nothing more for one, BM."""
        X, most = scores_BX.shape[1], self.asked_B.max() + 1
        order_BX = scores_BX.argsort(dim=1, descending=True, stable=True)
        banks_BX = banks_BX.gather(1, order_BX)
        # Within its bank each has a rank: how many of it come before.
        by_bank_BX = banks_BX.argsort(dim=1, stable=True)
        sorted_BX = banks_BX.gather(1, by_bank_BX)
        first_BX = torch.searchsorted(sorted_BX, sorted_BX)
        places_X = torch.arange(X, device=scores_BX.device)
        ranks_BX = torch.empty_like(banks_BX).scatter_(1, by_bank_BX, places_X - first_BX)
        # A round gives every bank a place; the one that has said all has all of its own in the first.
        said_BX = banks_BX == self.asked_B.unsqueeze(1)
        rounds_BX = ranks_BX.masked_fill(said_BX, 0)
        none_BX = said_BX & (ranks_BX >= (self.beam - ended_B).unsqueeze(1))
        rounds_BX = rounds_BX.masked_fill(none_BX | (scores_BX.gather(1, order_BX) == -inf), X)
        keys_BX = (rounds_BX * most + self.asked_B.unsqueeze(1) - banks_BX) * X + places_X
        chosen_BM = keys_BX.topk(min(self.most, X), 1, largest=False, sorted=True).indices
        return order_BX.gather(1, chosen_BM), rounds_BX.gather(1, chosen_BM) == X

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Allocated":
        """See Selection."""
        states_BK, left_BKG = self._after(parents_BK, pieces_BK)
        return replace(self, states_BK=states_BK, left_BKG=left_BKG)

    def keep(self, sentences: Tensor) -> "Allocated":
        """See Selection."""
        kept = {name: getattr(self, name)[sentences] for name in KEPT}
        return replace(self, automata=self.automata.keep(sentences), **kept)


def make(context: Context, n_best: int) -> Allocated:
    """By decode.beam_size, and what the sentences have to say.

    Args:
        n_best: hypotheses that are wanted of each.
    """
    begins_V, leaves_V = context.edges
    groups = [[_in_numbers(context, group) for group in sentence.groups] for sentence in context.sentences]
    kept: dict[tuple[Group, ...], Automaton] = {}
    for some in groups:
        if tuple(some) not in kept:
            kept[tuple(some)] = Automaton(some, leaves_V)
    device, beam = context.device, context.decode.beam_size
    sizes = [width(beam, sentence) for sentence in context.sentences]
    automata = Automata.of([kept[tuple(some)] for some in groups], device)
    left_BG = torch.zeros_like(automata.sizes_BG)
    for b, some in enumerate(groups):
        left_BG[b, : len(some)] = torch.tensor([group.count for group in some], dtype=torch.long)
    return Allocated(
        beam,
        torch.tensor(sizes, device=device),
        context.eos,
        torch.tensor(context.limits, device=device),
        automata,
        torch.from_numpy(begins_V).to(device),
        torch.from_numpy(leaves_V).to(device),
        (left_BG * automata.sizes_BG).sum(1),
        left_BG.new_zeros(len(groups), 1),
        left_BG.unsqueeze(1),
        max(sizes),
        max(n_best, 1 + beam // 2),
    )


def _in_numbers(context: Context, group: Group) -> Group:
    return replace(
        group, phrases=tuple(replace(one, pieces=tuple(context.numbers(one.pieces))) for one in group.phrases)
    )
