"""Encoder, decoder, embeddings and output layer put together. Must not know loss, search or tokenizers."""

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from mtkit.corpus.batch import Batch, mask_of
from mtkit.model.decoder import DecoderState, RecurrentDecoder
from mtkit.model.dropout import dropout
from mtkit.model.encoder import Memory, RecurrentEncoder
from mtkit.model.products import linear


class Output(nn.Module):
    """From attentional vectors to words: a bias-free projection where the tied width differs, then the vocabulary."""

    def __init__(self, *, hidden_dim: int, vocab_size: int, tied_VE: nn.Parameter | None) -> None:
        super().__init__()
        width = hidden_dim if tied_VE is None else tied_VE.shape[1]
        self.projection = nn.Linear(hidden_dim, width, bias=False) if width != hidden_dim else None
        self.weight_VE = nn.Parameter(torch.empty(vocab_size, width)) if tied_VE is None else tied_VE
        self.bias_V = nn.Parameter(torch.zeros(vocab_size))
        if self.projection is not None:
            nn.init.xavier_uniform_(self.projection.weight)
        if tied_VE is None:
            nn.init.xavier_uniform_(self.weight_VE)

    def project(self, features: Tensor) -> Tensor:
        """Attentional vectors (..., H) -> what the vocabulary's rows are compared with (..., E)."""
        return features if self.projection is None else linear(features, self.projection.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Attentional vectors (..., H) -> logits (..., V)."""
        return nn.functional.linear(self.project(features), self.weight_VE, self.bias_V)


class Seq2Seq(nn.Module):
    """A translation model.

    Args:
        tie: which embeddings are one matrix: "none", "inputs" (source and target), "target" (target and output)
            or "all".
    """

    def __init__(
        self,
        *,
        encoder: RecurrentEncoder,
        decoder: RecurrentDecoder,
        source_vocab: int,
        target_vocab: int,
        embed_dim: int,
        hidden_dim: int,
        tie: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.source_VE = _embedding(source_vocab, embed_dim)
        self.target_VE = self.source_VE if tie in ("inputs", "all") else _embedding(target_vocab, embed_dim)
        self.encoder = encoder
        self.decoder = decoder
        tied = self.target_VE if tie in ("target", "all") else None
        self.output = Output(hidden_dim=hidden_dim, vocab_size=target_vocab, tied_VE=tied)

    def encode(self, source_BS: Tensor, lengths_B: Tensor, plain: bool = False) -> Memory:
        """Ids of sources -> memory."""
        x_SBE = embedding(source_BS.T, self.source_VE)
        memory: Memory = self.encoder(dropout(x_SBE, self.dropout, self.training), lengths_B, plain=plain)
        return memory

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> DecoderState:
        """The decoder's state before the first word, one hypothesis a sentence."""
        return self.decoder.start(self.encode(source_BS, lengths_B))

    def step(self, last_BK: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor]:
        """Last words -> logits_BKV, the next state, attention weights_BKS."""
        features_BKH, state, weights_BKS = self.decoder.step(embedding(last_BK, self.target_VE), state)
        return self.output(features_BKH), state, weights_BKS

    def forward(self, batch: Batch, plain: bool = False) -> tuple[Tensor, Tensor]:
        """Teacher forcing, real tokens only.

        Args:
            plain: take the reference path, step by step under autograd.

        Returns:
            What the rows of output.weight_VE are compared with, NE, and the words to predict, N.
        """
        state = self.decoder.start(self.encode(batch.source_BS, batch.source_lengths_B, plain=plain))
        x_TBE = dropout(embedding(batch.target_in_BT.T, self.target_VE), self.dropout, self.training)
        masks_TBH = self.decoder.dropout_masks(x_TBE)
        decode = self.decoder.forward_plain if plain else self.decoder.forward
        features_TBH = decode(x_TBE, state, masks_TBH)
        real_TB = mask_of(batch.target_lengths_B, x_TBE.shape[0]).T
        rows_N = real_TB.flatten().nonzero().squeeze(1)
        features_NH: Tensor = _Rows.apply(features_TBH.flatten(0, 1), rows_N)  # type: ignore[no-untyped-call]
        features_NH = dropout(features_NH, self.dropout, self.training)
        return self.output.project(features_NH), batch.target_out_BT.T.flatten()[rows_N]


def _embedding(vocab: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(vocab, width) * width**-0.5)


class _Rows(torch.autograd.Function):
    """Some rows, each at most once: the gradient is copied back, where index_select would add it."""

    @staticmethod
    def forward(ctx, x_MH, rows_N):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows_N)
        ctx.shape = x_MH.shape
        return x_MH.index_select(0, rows_N)

    @staticmethod
    def backward(ctx, grad_NH):  # type: ignore[no-untyped-def]
        (rows_N,) = ctx.saved_tensors
        return grad_NH.new_zeros(ctx.shape).index_copy_(0, rows_N, grad_NH), None
