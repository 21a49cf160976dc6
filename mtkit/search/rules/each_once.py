"""What stands for the spans of a sentence is said exactly once each, and nests as these do. Must not know models.

A hypothesis is always within what it has opened last, and says next only what stands there in the source, too; what
closes that comes when all inside has been said. There is no end before all has been said: where one is what a model
would say, or no more room is left than that takes, nothing comes but it.

Dimensions: B sentences, K hypotheses of each, V vocabulary, L pieces so far, N pieces of the longest frame.
"""

from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor

from mtkit.search.pick import pick
from mtkit.search.rules.rule import Context, Rule
from mtkit.search.rules.well_formed import BEGUN

NOTHING = -1  # is open
NEVER = -2  # of what is no piece of a frame


@dataclass(frozen=True)
class EachOnce(Rule):
    """What every hypothesis has yet to say of its frame, and where it is within it.

    Attributes:
        pieces_N: search's numbers of the pieces of a frame.
        within_BN: see `mtkit.search.sentence.Frame`.
        after_BN: what is open after each.
        closes_BN: whether it closes something.
        limits_B: the most pieces of each sentence, its end not counted.
        left_BKN: whether it is yet to be said.
        open_BK: the number of what was opened last.
    """

    eos: int
    pieces_N: Tensor
    within_BN: Tensor
    after_BN: Tensor
    closes_BN: Tensor
    limits_B: Tensor
    left_BKN: Tensor
    open_BK: Tensor

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """See Rule."""
        here_BKN = self.left_BKN & (self.within_BN.unsqueeze(1) == self.open_BK.unsqueeze(2))
        alone_BK1 = here_BKN.sum(2, keepdim=True) == 1
        out_BKN = ~here_BKN | (self.closes_BN.unsqueeze(1) & ~alone_BK1)
        next_BKN = logits_BKV[:, :, self.pieces_N].masked_fill_(out_BKN, -inf)
        logits_BKV[:, :, self.pieces_N] = next_BKN
        count_BK, room_B1 = self.left_BKN.sum(2), (self.limits_B - pieces_BKL.shape[2] - BEGUN).unsqueeze(1)
        ends_BK = logits_BKV[:, :, self.eos] >= logits_BKV.amax(2)
        can_BK = next_BKN.amax(2) > -inf  # not within a character
        only_BK = can_BK & (ends_BK | (count_BK >= room_B1))
        logits_BKV.masked_fill_(only_BK.unsqueeze(2), -inf)
        logits_BKV[:, :, self.eos].masked_fill_(count_BK > 0, -inf)
        logits_BKV[:, :, self.pieces_N] = next_BKN

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "EachOnce":
        """See Rule."""
        said_BKN = pieces_BK.unsqueeze(2) == self.pieces_N
        after_BK = self.after_BN.gather(1, said_BKN.to(torch.uint8).argmax(2))
        open_BK = torch.where(said_BKN.any(2), after_BK, pick(self.open_BK, parents_BK))
        return replace(self, left_BKN=pick(self.left_BKN, parents_BK) & ~said_BKN, open_BK=open_BK)

    def keep(self, sentences: Tensor) -> "EachOnce":
        """See Rule."""
        names = ("within_BN", "after_BN", "closes_BN", "limits_B", "left_BKN", "open_BK")
        return replace(self, **{name: getattr(self, name)[sentences] for name in names})

    def __str__(self) -> str:
        return ""  # something of a frame can always be said


def make(context: Context) -> EachOnce | None:
    """By the frames of sentences; None: there are none."""
    frames = [sentence.frame for sentence in context.sentences]
    longest = max(frames, key=lambda one: len(one.pieces))
    if not longest.pieces:
        return None
    shape = len(frames), len(longest.pieces)
    within, after, closes = torch.full(shape, NEVER), torch.full(shape, NEVER), torch.zeros(shape, dtype=torch.bool)
    for b, frame in enumerate(frames):
        assert frame.pieces == longest.pieces[: len(frame.pieces)]
        last = {*frame.closing.values()}
        for n, outer in enumerate(frame.within):
            within[b, n], closes[b, n] = outer, n in last
            after[b, n] = n if n in frame.closing else frame.within[outer] if n in last else outer
    device = context.device
    within, after, closes = within.to(device), after.to(device), closes.to(device)
    limits_B = torch.tensor(context.limits, device=device)
    pieces_N = torch.tensor(context.numbers(longest.pieces), device=device)
    left_BKN = (within != NEVER).unsqueeze(1)
    open_BK = torch.full((len(frames), 1), NOTHING, device=device)
    return EachOnce(context.eos, pieces_N, within, after, closes, limits_B, left_BKN, open_BK)
