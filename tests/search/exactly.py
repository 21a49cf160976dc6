"""A rule of search from outside: a character comes exactly so many times in every translation."""

from dataclasses import dataclass, replace
from math import inf
from typing import Annotated

import torch
from annotated_types import Ge, Len
from torch import Tensor

from mtkit.registry import Choice, register
from mtkit.search.pick import pick
from mtkit.search.rules.rule import Context, Rule

Character = Annotated[str, Len(1, 1)]
register("rule", "exactly", Choice("exactly:make", "a character comes so many times"))


@dataclass(frozen=True)
class Exactly(Rule):
    """How often the character stands in every piece, and is still to come in every hypothesis."""

    marks_V: Tensor
    left_BK: Tensor
    limits_B: Tensor
    eos: int

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        then_BKV = self.left_BK.unsqueeze(2) - self.marks_V
        room_B = self.limits_B - pieces_BKL.shape[2] - 1  # pieces that can come after this one
        logits_BKV.masked_fill_((then_BKV < 0) | (then_BKV > room_B[:, None, None]), -inf)
        logits_BKV[:, :, self.eos].masked_fill_(self.left_BK != 0, -inf)

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Exactly":
        return replace(self, left_BK=pick(self.left_BK, parents_BK) - self.marks_V[pieces_BK])

    def keep(self, sentences: Tensor) -> "Exactly":
        return replace(self, left_BK=self.left_BK[sentences], limits_B=self.limits_B[sentences])


def make(context: Context, *, count: Annotated[int, Ge(0)], mark: Character = ",") -> Exactly:
    byte = f"<0x{ord(mark):02X}>"  # a rare character may be spelled so
    marks = [int(name == byte) if name.startswith("<0x") else name.count(mark) for name in context.names]
    limits_B = torch.tensor(context.limits, device=context.device)
    left_BK = torch.full((len(limits_B), 1), count, device=context.device)
    return Exactly(torch.tensor(marks, device=context.device), left_BK, limits_B, context.eos)
