"""Encoder, decoder, embeddings and output layer put together. Must not know loss, search or tokenizers."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from mtkit.corpus.batch import Batch
from mtkit.model.convolution import Convolution
from mtkit.model.decoder import Decoder
from mtkit.model.encoder import Encoder, Memory
from mtkit.ops.dropout import dropout, mask_like
from mtkit.ops.packing import Packing
from mtkit.ops.products import linear, operand

ToLogits = Callable[[Tensor], Tensor]
"""Features (..., H) -> logits of all pieces or of some."""


class Output(nn.Module):
    """From features to pieces: a bias-free projection where the tied width differs, then the vocabulary."""

    def __init__(self, *, hidden_dim: int, vocab_size: int, tied_VE: nn.Parameter | None) -> None:
        super().__init__()
        width = hidden_dim if tied_VE is None else tied_VE.shape[1]
        self.projection = nn.Linear(hidden_dim, width, bias=False) if width != hidden_dim else None
        self.weight_VE = nn.Parameter(torch.empty(vocab_size, width)) if tied_VE is None else tied_VE
        self.bias_V = nn.Parameter(torch.zeros(vocab_size))
        if tied_VE is None:
            nn.init.xavier_uniform_(self.weight_VE)

    def project(self, features: Tensor) -> Tensor:
        """Features (..., H) -> what the vocabulary's rows are compared with (..., E)."""
        return features if self.projection is None else linear(features, self.projection.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., H) -> logits (..., V)."""
        return linear(self.project(features), self.weight_VE, self.bias_V)

    def among(self, pieces_C: Tensor) -> ToLogits:
        """What makes logits of some pieces alone: features (..., H) -> (..., C). Without autograd."""
        weight, bias_C = operand(self.weight_VE[pieces_C]), self.bias_V[pieces_C]

        def logits(features: Tensor) -> Tensor:
            projected = self.project(features)
            return weight.times(projected.reshape(-1, projected.shape[-1]), bias_C).view(*features.shape[:-1], -1)

        return logits


class Seq2Seq(nn.Module):
    """A translation model.

    Args:
        convolution: stands before the encoder.
        tie: which embeddings are one matrix: "none", "inputs" (source and target), "target" (target and output)
            or "all".
        variational: one dropout mask a sequence.
        word_dropout: share of pieces whose whole embedding is dropped.
    """

    def __init__(
        self,
        *,
        convolution: Convolution | None,
        encoder: Encoder,
        decoder: Decoder,
        source_vocab: int,
        target_vocab: int,
        embed_dim: int,
        hidden_dim: int,
        tie: str,
        dropout: float,
        variational: bool,
        word_dropout: float,
    ) -> None:
        super().__init__()
        self.dropout, self.variational, self.word_dropout = dropout, variational, word_dropout
        self.source_VE = _embedding(source_vocab, embed_dim)
        self.target_VE = self.source_VE if tie in ("inputs", "all") else _embedding(target_vocab, embed_dim)
        self.convolution = convolution
        self.encoder = encoder
        self.decoder = decoder
        tied = self.target_VE if tie in ("target", "all") else None
        self.output = Output(hidden_dim=hidden_dim, vocab_size=target_vocab, tied_VE=tied)

    @property
    def stride(self) -> int:
        """Source positions that one state of the memory stands for."""
        return self.convolution.stride if self.convolution else 1

    @property
    def rounds(self) -> bool:
        """Whether activations may be bf16 in training."""
        return self.encoder.rounds and self.decoder.rounds

    def encode(self, source_BS: Tensor, packing: Packing, plain: bool = False, cut: float = 0.0) -> Memory:
        """Ids of sources -> memory; `cut` as in `forward`."""
        x_NE = self._embed(source_BS, self.source_VE, packing, cut)
        if self.convolution is not None:
            x_NE, packing = self.convolution(x_NE, packing)
        memory: Memory = self.encoder(x_NE, packing, plain=plain)
        return memory

    def start(self, source_BS: Tensor, packing: Packing) -> Any:
        """The decoder's state before the first piece, one hypothesis a sentence."""
        return self.decoder.start(self.encode(source_BS, packing))

    def step(self, last_BK: Tensor, state: Any, output: ToLogits | None = None) -> tuple[Tensor, Any, Tensor]:
        """Last pieces -> logits_BKV, the next state, attention weights_BKS.

        Args:
            output: what makes logits; default: of all pieces.
        """
        features_BKH, state, weights_BKS = self.decoder.step(embedding(last_BK, self.target_VE), state)
        return (output or self.output)(features_BKH), state, weights_BKS

    def forward(self, batch: Batch, plain: bool = False, cut: float = 0.0) -> tuple[Tensor, Tensor]:
        """Teacher forcing, real tokens only.

        Args:
            plain: take the reference path, step by step under autograd.
            cut: share of the pieces of every second sentence whose embedding is zero (Shen et al. 2020).

        Returns:
            What the rows of output.weight_VE are compared with, NE, and the pieces to predict, N.
        """
        target = batch.target_packing
        assert target.sorted, "the longest target comes first: decoders go on with the first rows of a memory"
        state = self.decoder.start(self.encode(batch.source_BS, batch.source_packing, plain=plain, cut=cut))
        x_NE = self._embed(batch.target_in_BT, self.target_VE, target, cut)
        decode = self.decoder.forward_plain if plain else self.decoder.forward
        features_NH = decode(x_NE, target, state)
        features_NH = self._dropped(features_NH, target)
        return self.output.project(features_NH), batch.target_out_BT.flatten()[target.cells_N]

    def _embed(self, ids_BL: Tensor, table_VE: Tensor, packing: Packing, cut: float) -> Tensor:
        """Embeddings of the real positions, with dropout in training."""
        x_NE = self._dropped(embedding(ids_BL.flatten()[packing.cells_N], table_VE), packing)
        if self.training and self.word_dropout:
            x_NE = x_NE * mask_like(x_NE[:, :1], self.word_dropout)
        if cut:  # what is left is not scaled up: the other sentences are whole, and one model reads both
            kept_N1 = (mask_like(x_NE[:, :1], cut) > 0) | (packing.sentence_N % 2 == 0).unsqueeze(1)
            x_NE = x_NE * kept_N1.to(x_NE.dtype)
        return x_NE

    def _dropped(self, x_NX: Tensor, packing: Packing) -> Tensor:
        return dropout(x_NX, self.dropout, packing, self.variational) if self.training else x_NX


def _embedding(vocab: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(vocab, width).normal_(std=width**-0.5))
