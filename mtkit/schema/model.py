"""The tables of `[model]`: encoder, decoder, attention, and which of them go together."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mtkit.schema.section import Count, Dropped, Positive, Section, choice


class Convolution(Section):
    kernel: Positive = 5
    """Positions that one output sees."""
    stride: Positive = 2
    """Positions from one output to the next: the sequence gets so many times shorter."""
    channels: Positive = 256
    """Width of the output."""

    @model_validator(mode="after")
    def _agree(self) -> "Convolution":
        if self.stride > self.kernel:
            raise ValueError(
                f"stride = {self.stride} is more than kernel = {self.kernel}: positions between would never be seen; "
                "use a kernel as wide as the stride, or wider"
            )
        return self


Conv = list[Convolution]


class RecurrentEncoder(Section):
    name: Literal["recurrent"] = "recurrent"
    """Kind of encoder: recurrent | transformer."""
    layers: Positive = 1
    """Recurrent layers."""
    cell: Annotated[str, choice("cell")] = "gru"
    """Recurrent cell."""
    bidirectional: bool = True
    """Read both ways; each direction has half of hidden_dim."""
    residual: bool = False
    """Add what a layer reads to what it says, from the second layer on."""
    norm: Annotated[str, choice("norm")] = "none"
    """Normalisation after every layer."""
    conv: Conv = []
    """Strided convolutions before the first layer."""

    @model_validator(mode="after")
    def _agree(self) -> "RecurrentEncoder":
        _need_two_layers(self.layers, self.residual)
        return self


class TransformerEncoder(Section):
    name: Literal["transformer"] = "transformer"
    """Kind of encoder: recurrent | transformer."""
    layers: Positive = 1
    """Blocks of self-attention and a feed-forward network."""
    heads: Positive = 4
    """Heads of self-attention; a divisor of hidden_dim."""
    ffn_dim: Count = 0
    """Width inside the feed-forward network; 0: four times hidden_dim."""
    positions: Annotated[str, choice("positions")] = "sinusoidal"
    """How a block knows the order."""
    conv: Conv = []
    """Strided convolutions before the first layer."""


class RecurrentDecoder(Section):
    name: Literal["recurrent"] = "recurrent"
    """Kind of decoder: recurrent | transformer."""
    layers: Positive = 1
    """Recurrent layers."""
    cell: Annotated[str, choice("cell")] = "gru"
    """Recurrent cell."""
    wiring: Annotated[str, choice("wiring")] = "input_feeding"
    """How attention and recurrence are connected."""
    state: Literal["last", "mean", "zeros"] = "mean"
    """What the initial state is made of, through a learned bridge."""
    residual: bool = False
    """Add what a layer reads to what it says, from the second layer on."""
    norm: Annotated[str, choice("norm")] = "none"
    """Normalisation after every layer."""

    @model_validator(mode="after")
    def _agree(self) -> "RecurrentDecoder":
        _need_two_layers(self.layers, self.residual)
        if self.wiring == "gnmt" and self.layers < 2:
            raise ValueError(
                'wiring = "gnmt" shows the context to the layers above the first, but layers = 1: use layers = 2 or '
                'more, or wiring = "plain"'
            )
        if self.norm == "batch" and self.wiring not in ("plain", "gnmt"):
            raise ValueError(
                f'norm = "batch" needs all positions of a layer at once, but wiring = "{self.wiring}" makes them one '
                'after the other: use norm = "layer", or wiring = "plain" or "gnmt"'
            )
        return self


class TransformerDecoder(Section):
    name: Literal["transformer"] = "transformer"
    """Kind of decoder: recurrent | transformer."""
    layers: Positive = 1
    """Blocks of self-attention, attention and a feed-forward network."""
    heads: Positive = 4
    """Heads of self-attention; a divisor of hidden_dim."""
    ffn_dim: Count = 0
    """Width inside the feed-forward network; 0: four times hidden_dim."""
    positions: Annotated[str, choice("positions")] = "sinusoidal"
    """How a block knows the order."""


def _need_two_layers(layers: int, residual: bool) -> None:
    if residual and layers < 2:
        raise ValueError("residual = true begins at the second layer, but layers = 1: use layers = 2 or more, or false")


def _recurrent_unless_named(value: Any) -> Any:
    return {"name": "recurrent"} | value if isinstance(value, dict) else value


Encoder = Annotated[
    RecurrentEncoder | TransformerEncoder, Field(discriminator="name"), BeforeValidator(_recurrent_unless_named)
]
Decoder = Annotated[
    RecurrentDecoder | TransformerDecoder, Field(discriminator="name"), BeforeValidator(_recurrent_unless_named)
]


class Attention(Section):
    name: Annotated[str, choice("attention", "auto")] = "auto"
    """How the decoder looks at the source; auto: additive, or multihead in a Transformer."""
    heads: Count = 0
    """Heads, a divisor of hidden_dim; 0: 4 for multihead, else 1. additive, scaled_dot and general take several."""
    window: Positive = 10
    """local: half width of the Gaussian; location: width of the kernel over the last weights."""
    coverage: bool = False
    """Show the attention how much each source position was looked at before (Tu et al. 2016, See et al. 2017)."""

    @model_validator(mode="after")
    def _agree(self) -> "Attention":
        several = ("additive", "scaled_dot", "general", "multihead", "auto")
        if self.heads > 1 and self.name not in several:
            raise ValueError(
                f'heads = {self.heads}, but attention "{self.name}" has one: use heads = 0, or one of '
                + ", ".join(several[:-1])
            )
        if self.coverage and self.name == "none":
            raise ValueError('coverage = true needs an attention to watch, but name = "none": use coverage = false')
        if self.window != 10 and self.name not in ("local", "location"):
            raise ValueError(f'window = {self.window} has no effect on attention "{self.name}": leave it out')
        return self


class Model(Section):
    embed_dim: Positive = 256
    """Width of the embeddings."""
    hidden_dim: Positive = 512
    """Width of the memory, the decoder's state and Transformer blocks."""
    tie: Literal["auto", "none", "inputs", "target", "all"] = "auto"
    """Which of source, target and output embeddings are one matrix; auto: all with a shared vocabulary, else target."""
    dropout: Dropped = 0.2
    """On embeddings, between layers and before the output; of recurrent encoders on the memory, too."""
    variational: bool = False
    """One dropout mask a sequence (Gal and Ghahramani 2016)."""
    word_dropout: Dropped = 0.0
    """Share of source and target words whose whole embedding is dropped (Sennrich et al. 2016)."""
    init: Annotated[str, choice("init")] = "xavier"
    """How weight matrices begin."""
    recurrent_init: Annotated[str, choice("recurrent_init")] = "orthogonal"
    """How the matrices from state to state begin, a gate at a time."""
    encoder: Encoder = RecurrentEncoder()
    decoder: Decoder = RecurrentDecoder()
    attention: Attention = Attention()

    @property
    def attention_name(self) -> str:
        """The attention that `attention.name` stands for."""
        if self.attention.name != "auto":
            return self.attention.name
        return "additive" if self.decoder.name == "recurrent" else "multihead"

    @property
    def attention_heads(self) -> int:
        """The heads that `attention.heads` stands for."""
        return self.attention.heads or (4 if self.attention_name == "multihead" else 1)

    @property
    def recurrent(self) -> bool:
        """Whether there is a recurrent layer anywhere."""
        return "recurrent" in (self.encoder.name, self.decoder.name)

    @model_validator(mode="after")
    def _agree(self) -> "Model":
        encoder, decoder, attention = self.encoder, self.decoder, self.attention_name
        if encoder.name == "recurrent" and encoder.bidirectional and self.hidden_dim % 2:
            raise ValueError(
                f"hidden_dim = {self.hidden_dim} is odd, but a bidirectional encoder has half of it a direction: "
                f"use {self.hidden_dim + 1} or encoder.bidirectional = false"
            )
        heads = {"attention": self.attention_heads}
        for side in (encoder, decoder):
            if isinstance(side, TransformerEncoder | TransformerDecoder):
                where = "encoder" if side is encoder else "decoder"
                heads[where] = side.heads
                if side.positions == "rotary" and self.hidden_dim % (2 * side.heads) == side.heads:
                    raise ValueError(
                        f'{where}.positions = "rotary" turns pairs of numbers, but a head of {self.hidden_dim} / '
                        f"{side.heads} is odd: change hidden_dim or {where}.heads"
                    )
        for where, count in heads.items():
            if self.hidden_dim % count:
                raise ValueError(
                    f"{where}.heads = {count} does not divide hidden_dim = {self.hidden_dim}: use one that does, "
                    f"or hidden_dim = {-(-self.hidden_dim // count) * count}"
                )
        if decoder.name == "transformer":
            if attention != "multihead":
                raise ValueError(
                    f'attention.name = "{attention}" is for recurrent decoders; a Transformer decoder has "multihead": '
                    'use that (or "auto"), or decoder.name = "recurrent"'
                )
            if self.attention.coverage:
                raise ValueError(
                    "attention.coverage = true is for recurrent decoders, which make one step after the other: use "
                    'false, or decoder.name = "recurrent"'
                )
            return self
        if attention == "none" and decoder.state == "zeros":
            raise ValueError(
                'attention "none" with decoder.state = "zeros" leaves the decoder no way to see the source: '
                'use decoder.state = "last" or "mean"'
            )
        if attention == "none" and decoder.wiring in ("bahdanau", "conditional", "gnmt"):
            raise ValueError(
                f'decoder.wiring = "{decoder.wiring}" says where the context goes, but attention "none" makes none: '
                'use wiring = "plain" or "input_feeding", or an attention'
            )
        return self
