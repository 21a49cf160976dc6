"""The Transformer decoder: whole sentences at once in training, piece by piece with cached keys and values in search.

Must not know search or loss.

Dimensions: N packed real target positions, B sentences, K hypotheses of each, L pieces so far, S source positions,
E embed_dim, H hidden_dim, A heads, D = H / A.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mtkit.model.decoder import Decoder
from mtkit.model.encoder import Memory
from mtkit.model.transformer.blocks import (
    Drop,
    FeedForward,
    Input,
    MultiHead,
    SelfAttention,
    attend_weighing,
    drop_of,
    heads_first,
    no_drop,
)
from mtkit.model.transformer.positions import Positions, Turn
from mtkit.model.transformer.state import KeysValues, TransformerState
from mtkit.model.transformer.stepping import BlockWeights, SteppingState
from mtkit.ops import steps
from mtkit.ops.packing import Packing
from mtkit.ops.sentences import attend


class Block(nn.Module):
    """Self-attention, attention to the memory and a feed-forward network, each added to what it reads."""

    def __init__(self, *, heads: int, attention_heads: int, ffn_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(hidden_dim)
        self.self_attention = SelfAttention(hidden_dim=hidden_dim, heads=heads)
        self.attention_norm = nn.LayerNorm(hidden_dim)
        self.attention = MultiHead(hidden_dim=hidden_dim, heads=attention_heads)
        self.ffn_norm = nn.LayerNorm(hidden_dim)
        self.ffn = FeedForward(hidden_dim=hidden_dim, ffn_dim=ffn_dim)

    @property
    def usual(self) -> bool:
        """Whether it does what `SteppingState` does with its weights: no part is of somebody's own class."""
        norms = self.self_norm, self.attention_norm, self.ffn_norm
        parts = self.self_attention, self.attention, self.ffn
        maps = [one for part in parts for one in part.children()]
        return (
            (type(self), *map(type, parts)) == (Block, SelfAttention, MultiHead, FeedForward)
            and all(type(one) is nn.LayerNorm for one in norms)
            and all(type(one) is nn.Linear for one in maps)
        )

    def weights(self) -> BlockWeights:
        """The same, ready for steps in search."""
        norms = self.self_norm, self.attention_norm, self.ffn_norm
        return BlockWeights.of(norms, self.self_attention, self.attention, self.ffn)

    def memory(self, memory_NH: Tensor, packing: Packing) -> KeysValues:
        """The memory's keys and values, in the order in which every step reads them."""
        parts = self.attention.keys(memory_NH), self.attention.values(memory_NH)
        keys_BASD, values_BASD = (heads_first(part_NAD, packing) for part_NAD in parts)
        if packing.real_N1 is None:
            return keys_BASD.contiguous(), values_BASD.contiguous()
        return keys_BASD, values_BASD  # in training on a GPU each is read once

    def forward(
        self, x_NH: Tensor, packing: Packing, memory: KeysValues, bias_BS: Tensor, turn: Turn, drop: Drop
    ) -> Tensor:
        """Whole sentences: x_NH -> NH."""
        x_NH = x_NH + drop(self.self_attention(self.self_norm(x_NH), packing, turn, causal=True))
        queries_NAD = self.attention.queries(self.attention_norm(x_NH))
        context_BALD = attend(heads_first(queries_NAD, packing), *memory, bias_BS)
        x_NH = x_NH + drop(self.attention.merge(packing.pack(context_BALD.transpose(1, 2))))
        return x_NH + drop(self.ffn(self.ffn_norm(x_NH), drop))

    def step(
        self,
        x_BKH: Tensor,
        cache_BKL2AD: Tensor,
        memory: KeysValues,
        bias_BS: Tensor,
        turn: Turn,
        room: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One piece of every hypothesis: x_BKH -> BKH, the cache with this piece in it, weights_BKS.

        Args:
            room: where in the cache the piece is put, and True at the pieces up to it, a row a hypothesis; None: at the
                end.
        """
        y_BKH = self.self_norm(x_BKH)
        maps = self.self_attention
        now_BK12AD = torch.stack([turn(maps.keys(y_BKH)), maps.values(y_BKH)], 2).unsqueeze(2)
        if room is None:
            cache_BKL2AD = torch.cat([cache_BKL2AD, now_BK12AD], 2)
        else:
            cache_BKL2AD.index_copy_(2, room[0], now_BK12AD)
        # Each hypothesis asks alone, with one query.
        keys, values = cache_BKL2AD.flatten(0, 1).permute(2, 0, 3, 1, 4)
        queries_BKAD = turn(maps.queries(y_BKH))
        context = attend(queries_BKAD.flatten(0, 1).unsqueeze(2), keys, values, None if room is None else room[1])
        x_BKH = x_BKH + maps.merge(context.reshape(queries_BKAD.shape))

        # The hypotheses of a sentence ask as the positions of a sentence do.
        queries_BAKD = self.attention.queries(self.attention_norm(x_BKH)).transpose(1, 2)
        context_BAKD, weights_BKS = attend_weighing(queries_BAKD, *memory, bias_BS)
        x_BKH = x_BKH + self.attention.merge(context_BAKD.transpose(1, 2))
        return x_BKH + self.ffn(self.ffn_norm(x_BKH), no_drop), cache_BKL2AD, weights_BKS


class TransformerDecoder(Decoder):
    """Blocks of masked self-attention and attention (Vaswani et al. 2017), norm before each sublayer and at the end
    (Xiong et al. 2020).

    Args:
        heads: of self-attention.
        ffn_dim: 0: four times hidden_dim.
        positions: how blocks know the order.
        attention_heads: of the attention to the memory.
        variational: one dropout mask a sequence.
    """

    attends = True
    rounds = True

    def __init__(
        self,
        *,
        layers: int,
        heads: int,
        ffn_dim: int,
        positions: type[Positions],
        attention_heads: int,
        embed_dim: int,
        hidden_dim: int,
        dropout: float,
        variational: bool,
    ) -> None:
        super().__init__()
        self.heads, self.dropout, self.variational = heads, dropout, variational
        self.input = Input(positions=positions, heads=heads, embed_dim=embed_dim, hidden_dim=hidden_dim)
        self.blocks = nn.ModuleList(
            Block(heads=heads, attention_heads=attention_heads, ffn_dim=ffn_dim, hidden_dim=hidden_dim)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)

    @property
    def kept(self) -> int:
        """See Decoder.kept: keys and values."""
        return 2 * len(self.blocks) * self.norm.normalized_shape[0]

    def start(self, memory: Memory) -> TransformerState:
        """See Decoder.start; the memory is turned into keys and values here, once."""
        states_BSH = memory.states_BSH
        memory_NH = memory.packing.pack(states_BSH)
        memories = tuple(block.memory(memory_NH, memory.packing) for block in self._blocks)
        B, _, H = states_BSH.shape
        cache_BKL2AD = states_BSH.new_empty(B, 1, 0, 2, self.heads, H // self.heads)
        return TransformerState(memories, memory.bias_BS, (cache_BKL2AD,) * len(memories))

    def step(self, x_BKE: Tensor, state: Any) -> tuple[Tensor, Any, Tensor]:
        """See Decoder.step; the weights are those of the last block. Without dropout, which is for whole sentences."""
        if isinstance(state, SteppingState):
            return self._stepped(x_BKE, state)
        begun = state.time_1 is not None or state.cache[0].shape[2] > 0
        if begun or torch.is_grad_enabled() or not x_BKE.is_cpu or not self._usual:
            return self._step_plain(x_BKE, state)
        parts = [block.weights() for block in self._blocks]
        return self._stepped(x_BKE, SteppingState.of(parts, state))

    @property
    def _usual(self) -> bool:
        """Whether steps may be taken by `SteppingState`, which knows nothing of classes of somebody's own."""
        plain = type(self)._step_plain is TransformerDecoder._step_plain and type(self.norm) is nn.LayerNorm
        return plain and all(block.usual for block in self._blocks)

    def _step_plain(self, x_BKE: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState, Tensor]:
        """The reference."""
        time_1, room = state.time_1, None
        if time_1 is None:
            time_1 = torch.full((1,), state.cache[0].shape[2], device=x_BKE.device)
        else:
            seen_L = torch.arange(state.cache[0].shape[2], device=x_BKE.device) <= time_1
            room = time_1, seen_L.expand(x_BKE.shape[0] * x_BKE.shape[1], -1)
        x_BKH, turn = self.input(x_BKE, time_1)
        grown = []
        for block, cache, memory in zip(self._blocks, state.cache, state.memories, strict=True):
            x_BKH, cache, weights_BKS = block.step(x_BKH, cache, memory, state.bias_BS, turn, room)
            grown.append(cache)
        if state.time_1 is not None:
            state.time_1.add_(1)
        return self.norm(x_BKH), replace(state, cache=tuple(grown)), weights_BKS

    def _stepped(self, x_BKE: Tensor, state: SteppingState) -> tuple[Tensor, SteppingState, Tensor]:
        """The same as `step`, without autograd."""
        time_1 = torch.full((1,), state.rows_BKL.shape[2])
        x_nH, turn = self.input(x_BKE.flatten(0, 1), time_1)
        x_nH, still_H, state, weights_nS = state.step(x_nH, turn)
        y_nH = steps.add_norm(x_nH, still_H, self.norm.weight, self.norm.bias, self.norm.eps)
        B, K, _ = x_BKE.shape
        return y_nH.view(B, K, -1), state, weights_nS.view(B, K, -1)

    def forward_fast(self, x_NE: Tensor, packing: Packing, state: TransformerState) -> Tensor:
        """All positions of a sentence at once."""
        drop = drop_of(packing, self.dropout, self.variational) if self.training else no_drop
        x_NH, turn = self.input(x_NE, packing.time_N)
        for block, memory in zip(self._blocks, state.memories, strict=True):
            x_NH = block(x_NH, packing, memory, state.bias_BS, turn, drop)
        y_NH: Tensor = self.norm(x_NH)
        return y_NH

    @property
    def _blocks(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]
