"""A Transformer decoder's steps in search, on a processor: few products, and between them one pass over hypotheses.

`TransformerDecoder.step` is the plain form, which is the only one where there is autograd, or a GPU. Here a block's
weights are looked up once a batch; keys and values of pieces lie in a table to which every step adds rows and in which
none is ever moved: a hypothesis knows the rows of its own pieces, and search reorders those numbers. Must not know
search or loss.

Dimensions: B sentences, K hypotheses of each, n = B * K, L pieces so far, S source positions, C tiles of T positions of
a memory, X = C * T, R rows of a table, E embed_dim, H hidden_dim, A heads, D = H / A.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mtkit.model.decoder import DecoderState
from mtkit.model.transformer.blocks import FeedForward, MultiHead
from mtkit.model.transformer.positions import Turn
from mtkit.model.transformer.state import TransformerState
from mtkit.ops import steps
from mtkit.ops.operand import Operand
from mtkit.ops.products import operand

STEPS = 16  # for which a table gets room at least


class Map(NamedTuple):
    """A linear map, ready for products."""

    operand: Operand
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Linear) -> "Map":
        return cls(operand(layer.weight), layer.bias)

    def __call__(self, x_nI: Tensor) -> Tensor:
        return self.operand.times(x_nI, self.bias)

    def onto(self, x_nO: Tensor, y_nI: Tensor) -> Tensor:
        """Add the product to x, in its place; the bias is still to come."""
        return self.operand.times(y_nI, x_nO, x_nO)


@dataclass(frozen=True)
class BlockWeights:
    """What a block is made of."""

    self_norm: nn.LayerNorm
    made: Map
    """Queries, keys and values of self-attention, side by side."""
    merge: Map
    heads: int
    attention_norm: nn.LayerNorm
    asked: Map
    """Queries of the attention to the memory."""
    attention_merge: Map
    ffn_norm: nn.LayerNorm
    inner: Map
    outer: Map

    @classmethod
    def of(
        cls, norms: Sequence[nn.LayerNorm], self_attention: MultiHead, attention: MultiHead, ffn: FeedForward
    ) -> "BlockWeights":
        """Of the parts of a block, with the norms before each of them."""
        return cls(
            norms[0],
            Map(*self_attention.joined()),
            Map.of(self_attention.output),
            self_attention.heads,
            norms[1],
            Map.of(attention.query),
            Map.of(attention.output),
            norms[2],
            Map.of(ffn.inner),
            Map.of(ffn.outer),
        )


class Table:
    """Keys and values of pieces, of every block one below the other; rows are added, and never changed.

    States share it. One that is gone on from twice finds that rows were added since, and goes on in a copy.
    """

    def __init__(self, blocks: list[Tensor], used: int) -> None:
        self.blocks_R2H, self.used = blocks, used

    def added(self, used: int, rows: int) -> "Table":
        """The table in which so many rows follow those that were used: this one, or a copy that has room for them."""
        table, wanted = self, used + rows
        if self.used != used or len(self.blocks_R2H[0]) < wanted:
            room = max(2 * used, used + STEPS * rows)
            table = Table([_longer(block, used, room) for block in self.blocks_R2H], used)
        table.used = wanted
        return table


def _longer(block_R2H: Tensor, used: int, room: int) -> Tensor:
    made = block_R2H.new_empty(room, block_R2H.shape[1])
    made[:used] = block_R2H[:used]
    return made


@dataclass(frozen=True)
class SteppingState(DecoderState):
    """What a Transformer decoder knows between steps in search."""

    grows: ClassVar[bool] = True
    blocks: tuple[BlockWeights, ...]
    memories: tuple[tuple[Tensor, Tensor], ...]
    """Of each block keys_BACDT and values_BSH; see `steps.attend_memory`."""
    bias_BX: Tensor
    table: Table
    used: int
    """Rows of the table that were there when this state was made."""
    rows_BKL: Tensor
    """Where in it each hypothesis's pieces are."""

    @classmethod
    def of(cls, blocks: Sequence[BlockWeights], plain: TransformerState) -> "SteppingState":
        """Before the first step."""
        made = []
        for keys_BASD, values_BASD in plain.memories:
            keys_BACDT, bias_BX = steps.tiled(keys_BASD, plain.bias_BS)
            made.append((keys_BACDT, values_BASD.transpose(1, 2).flatten(2).contiguous()))
        B, _, H = made[0][1].shape
        table = Table([bias_BX.new_empty(0, 2 * H)] * len(made), 0)
        rows_BKL = torch.empty(B, 1, 0, dtype=torch.long)
        return cls(tuple(blocks), tuple(made), bias_BX, table, 0, rows_BKL)

    def each(
        self, of_sentence: Callable[[Tensor], Tensor], of_hypothesis: Callable[[Tensor], Tensor]
    ) -> "SteppingState":
        """See DecoderState.each."""
        return replace(
            self,
            memories=tuple((of_sentence(keys), of_sentence(values)) for keys, values in self.memories),
            bias_BX=of_sentence(self.bias_BX),
            rows_BKL=of_hypothesis(self.rows_BKL),
        )

    def cache(self, block: int) -> Tensor:
        """Self-attention's keys and values of a block, of each hypothesis by itself: BKL2AD."""
        heads = self.blocks[block].heads
        rows_BKL2AD: Tensor = self.table.blocks_R2H[block][self.rows_BKL].view(*self.rows_BKL.shape, 2, heads, -1)
        return rows_BKL2AD

    def plain(self) -> TransformerState:
        """The same in the plain form."""
        memories = []
        for keys_BACDT, values_BSH in self.memories:
            _, A, _, D, _ = keys_BACDT.shape
            keys_BAXD = keys_BACDT.transpose(3, 4).flatten(2, 3)
            memories.append((keys_BAXD[:, :, : values_BSH.shape[1]], values_BSH.unflatten(2, (A, D)).transpose(1, 2)))
        bias_BS = self.bias_BX[:, : memories[0][0].shape[2]]
        cache = tuple(self.cache(block) for block in range(len(self.blocks)))
        return TransformerState(tuple(memories), bias_BS, cache)

    def with_room(self, steps: int) -> TransformerState:
        """See DecoderState.with_room; in the plain form, which is what can be recorded."""
        return self.plain().with_room(steps)

    def step(self, x_nH: Tensor, turn: Turn) -> tuple[Tensor, Tensor | None, "SteppingState", Tensor]:
        """One piece of every hypothesis.

        Args:
            x_nH: to be overwritten.

        Returns:
            x_nH after the last block; what is still to be added to it, H; the next state; weights_nS of the last block.
        """
        B, K, L = self.rows_BKL.shape
        first, n = self.used, len(x_nH)
        table = self.table.added(first, n)
        rows_BKL = torch.cat([self.rows_BKL, torch.arange(first, first + n).view(B, K, 1)], 2)
        rows_nL = rows_BKL.view(n, L + 1)
        still_H: Tensor | None = None
        weights_nS: Tensor | None = None
        for number, (block, (keys, values)) in enumerate(zip(self.blocks, self.memories, strict=True), 1):
            made_n3H = block.made(_normed(x_nH, still_H, block.self_norm))
            _turn(made_n3H, turn, block.heads)
            context_nH = steps.attend_rows(made_n3H, table.blocks_R2H[number - 1], first, rows_nL, block.heads)
            x_nH = block.merge.onto(x_nH, context_nH)
            queries_nH = block.asked(_normed(x_nH, block.merge.bias, block.attention_norm))
            last = number == len(self.blocks)
            context_nH, weights_nS = steps.attend_memory(queries_nH, keys, values, self.bias_BX, last)
            x_nH = block.attention_merge.onto(x_nH, context_nH)
            inner_nF = block.inner(_normed(x_nH, block.attention_merge.bias, block.ffn_norm)).relu_()
            x_nH = block.outer.onto(x_nH, inner_nF)
            still_H = block.outer.bias
        assert weights_nS is not None, "there is a block"
        return x_nH, still_H, replace(self, table=table, used=first + n, rows_BKL=rows_BKL), weights_nS


def _normed(x_nH: Tensor, still_H: Tensor | None, norm: nn.LayerNorm) -> Tensor:
    """Rows normalised, after what is still to be added to them has been added."""
    return steps.add_norm(x_nH, still_H, norm.weight, norm.bias, norm.eps)


def _turn(made_n3H: Tensor, turn: Turn, heads: int) -> None:
    """Queries and keys turned by their positions, in their place."""
    made_n3AD = made_n3H.unflatten(1, (3, heads, -1))
    for part in (0, 1):
        part_nAD = made_n3AD[:, part]
        turned_nAD = turn(part_nAD)
        if turned_nAD is not part_nAD:
            part_nAD.copy_(turned_nAD)
