"""The Transformer decoder: whole sentences at once in training, word by word with cached keys and values in search.

Must not know search or loss.

Dimensions: N packed real target positions, B sentences, K hypotheses of each, L words so far, S source positions,
E embed_dim, H hidden_dim, A heads, D = H / A.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mtkit.model.decoder import Decoder, DecoderState
from mtkit.model.encoder import Memory
from mtkit.model.transformer.blocks import (
    Drop,
    FeedForward,
    Input,
    MultiHead,
    SelfAttention,
    attend,
    attend_weighing,
    drop_of,
    heads_first,
    no_drop,
)
from mtkit.model.transformer.positions import Positions, Turn
from mtkit.ops.packing import Packing

Source = tuple[Tensor, Tensor]
"""The memory as a block's attention sees it: keys_BASD and values_BASD."""


@dataclass(frozen=True)
class TransformerState(DecoderState):
    """What a Transformer decoder knows between steps."""

    sources: tuple[Source, ...]
    """Of each block."""
    bias_BS: Tensor
    past: tuple[Tensor, ...]
    """Of each block, self-attention's keys and values of the words so far, BKL2AD."""

    def each(
        self, of_sentence: Callable[[Tensor], Tensor], of_hypothesis: Callable[[Tensor], Tensor]
    ) -> "TransformerState":
        """See DecoderState.each."""
        return TransformerState(
            tuple((of_sentence(keys), of_sentence(values)) for keys, values in self.sources),
            of_sentence(self.bias_BS),
            tuple(of_hypothesis(past) for past in self.past),
        )


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

    def source(self, memory_NH: Tensor, packing: Packing) -> Source:
        """The memory's keys and values, in the order in which every step reads them."""
        keys_BASD, values_BASD = (
            heads_first(part_NAD, packing).contiguous()
            for part_NAD in (self.attention.keys(memory_NH), self.attention.values(memory_NH))
        )
        return keys_BASD, values_BASD

    def forward(
        self, x_NH: Tensor, packing: Packing, source: Source, bias_BS: Tensor, turn: Turn, drop: Drop
    ) -> Tensor:
        """Whole sentences: x_NH -> NH."""
        x_NH = x_NH + drop(self.self_attention(self.self_norm(x_NH), packing, turn, causal=True))
        queries_NAD = self.attention.queries(self.attention_norm(x_NH))
        context_BALD = attend(heads_first(queries_NAD, packing), *source, bias_BS)
        x_NH = x_NH + drop(self.attention.merge(packing.pack(context_BALD.transpose(1, 2))))
        return x_NH + drop(self.ffn(self.ffn_norm(x_NH), drop))

    def step(
        self, x_BKH: Tensor, past_BKL2AD: Tensor, source: Source, bias_BS: Tensor, turn: Turn
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One word of every hypothesis: x_BKH -> BKH, the past with this word in it, weights_BKS."""
        y_BKH = self.self_norm(x_BKH)
        maps = self.self_attention
        now_BK2AD = torch.stack([turn(maps.keys(y_BKH)), maps.values(y_BKH)], 2)
        past_BKL2AD = torch.cat([past_BKL2AD, now_BK2AD.unsqueeze(2)], 2)
        # Each hypothesis asks alone, with one query.
        keys, values = past_BKL2AD.flatten(0, 1).permute(2, 0, 3, 1, 4)
        queries_BKAD = turn(maps.queries(y_BKH))
        context = attend(queries_BKAD.flatten(0, 1).unsqueeze(2), keys, values)
        x_BKH = x_BKH + maps.merge(context.reshape(queries_BKAD.shape))

        # The hypotheses of a sentence ask as the positions of a sentence do.
        queries_BAKD = self.attention.queries(self.attention_norm(x_BKH)).transpose(1, 2)
        context_BAKD, weights_BKS = attend_weighing(queries_BAKD, *source, bias_BS)
        x_BKH = x_BKH + self.attention.merge(context_BAKD.transpose(1, 2))
        return x_BKH + self.ffn(self.ffn_norm(x_BKH), no_drop), past_BKL2AD, weights_BKS


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

    def start(self, memory: Memory) -> TransformerState:
        """See Decoder.start; the memory is turned into keys and values here, once."""
        states_BSH = memory.states_BSH
        memory_NH = memory.packing.pack(states_BSH)
        sources = tuple(block.source(memory_NH, memory.packing) for block in self._blocks)
        B, _, H = states_BSH.shape
        past_BKL2AD = states_BSH.new_empty(B, 1, 0, 2, self.heads, H // self.heads)
        return TransformerState(sources, memory.bias_BS, (past_BKL2AD,) * len(sources))

    def step(self, x_BKE: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState, Tensor]:
        """See Decoder.step; the weights are those of the last block. Without dropout, which is for whole sentences."""
        time_1 = torch.full((1,), state.past[0].shape[2], device=x_BKE.device)
        x_BKH, turn = self.input(x_BKE, time_1)
        grown = []
        for block, past, source in zip(self._blocks, state.past, state.sources, strict=True):
            x_BKH, past, weights_BKS = block.step(x_BKH, past, source, state.bias_BS, turn)
            grown.append(past)
        return self.norm(x_BKH), replace(state, past=tuple(grown)), weights_BKS

    def forward(self, x_NE: Tensor, packing: Packing, state: TransformerState) -> Tensor:
        """See Decoder.forward."""
        drop = drop_of(packing, self.dropout, self.variational) if self.training else no_drop
        x_NH, turn = self.input(x_NE, packing.time_N)
        for block, source in zip(self._blocks, state.sources, strict=True):
            x_NH = block(x_NH, packing, source, state.bias_BS, turn, drop)
        y_NH: Tensor = self.norm(x_NH)
        return y_NH

    @property
    def _blocks(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]
