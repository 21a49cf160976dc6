"""The tables of encoders and decoders. Must not know torch, nor any choice but by the facts of its line."""

from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from mtkit import registry
from mtkit.schema.section import Layers, Section, Width, choice


class Whole(Protocol):
    """What a table may ask of the model that it is a part of."""

    @property
    def embed_dim(self) -> int: ...
    @property
    def hidden_dim(self) -> int: ...
    @property
    def attention_name(self) -> str: ...


class Convolution(Section):
    kernel: Width = 5
    """Positions that one output sees."""
    stride: Width = 2
    """Positions from one output to the next: the sequence gets so many times shorter."""
    channels: Width = 256
    """Width of the output."""

    @model_validator(mode="after")
    def _agree(self) -> "Convolution":
        if self.stride > self.kernel:
            raise ValueError(
                f"stride = {self.stride} is more than kernel = {self.kernel}: positions between would never be seen; "
                "use a kernel as wide as the stride, or wider"
            )
        return self


Conv = Annotated[list[Convolution], Field(max_length=64, description="Strided convolutions before the first layer.")]
"""The key `conv`, which the table of an encoder has or not: `build` makes what it says, whatever the encoder."""


class Side(Section):
    """Base of the tables of encoders and decoders.

    A choice names its table in its line of the registry; one that names none has a table made of its constructor
    (`mtkit.schema.kinds`).
    """

    name: str
    """Which one; see `mtkit info --list`."""

    def fit(self, where: str, model: Whole) -> None:
        """Refuse a model that this does not go with.

        Args:
            where: "encoder" or "decoder".

        Raises:
            ValueError: says why, and what to do.
        """

    def describe(self, model: Whole) -> list[str]:
        """What it is, in a few words each."""
        values = {key: getattr(self, key) for key in type(self).model_fields if key not in ("name", "conv")}
        return [self.name, *(f"{key} {value}" for key, value in values.items())]


class RecurrentEncoder(Side):
    name: Literal["recurrent"] = "recurrent"
    """Kind of encoder: recurrent | transformer."""
    layers: Layers = 1
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

    @model_validator(mode="after")
    def _agree(self) -> "RecurrentEncoder":
        _need_two_layers(self.layers, self.residual)
        return self

    def fit(self, where: str, model: Whole) -> None:
        """See Side.fit."""
        if self.bidirectional and model.hidden_dim % 2:
            raise ValueError(
                f"hidden_dim = {model.hidden_dim} is odd, but a bidirectional encoder has half of it a direction: "
                f"use {model.hidden_dim + 1} or {where}.bidirectional = false"
            )

    def describe(self, model: Whole) -> list[str]:
        """See Side.describe."""
        ways = "both ways" if self.bidirectional else "left to right"
        return [_layers(self.layers, self.cell), ways, *_between(self.residual, self.norm)]


class RecurrentDecoder(Side):
    name: Literal["recurrent"] = "recurrent"
    """Kind of decoder: recurrent | transformer."""
    layers: Layers = 1
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
        wiring, norm = registry.choice("wiring", self.wiring), registry.choice("norm", self.norm)
        if self.layers < wiring.min_layers:
            raise ValueError(
                f'wiring = "{self.wiring}" ({wiring.what}) takes {wiring.min_layers} layers, but layers = '
                f"{self.layers}: use layers = {wiring.min_layers} or more, or another wiring"
            )
        if norm.all_positions and not wiring.all_positions:
            raise ValueError(
                f'norm = "{self.norm}" needs all positions of a layer at once, but wiring = "{self.wiring}" makes them '
                f"one after the other: use norm = {_either('norm', all_positions=False)}, or wiring = "
                f"{_either('wiring', all_positions=True)}"
            )
        return self

    def fit(self, where: str, model: Whole) -> None:
        """See Side.fit."""
        attention = model.attention_name
        if registry.choice("attention", attention).looks:
            return
        if self.state == "zeros":
            raise ValueError(
                f'attention "{attention}" with {where}.state = "zeros" leaves the decoder no way to see the source: '
                f'use {where}.state = "last" or "mean"'
            )
        if registry.choice("wiring", self.wiring).needs_attention:
            raise ValueError(
                f'{where}.wiring = "{self.wiring}" says where the context goes, but attention "{attention}" makes '
                f"none: use wiring = {_either('wiring', needs_attention=False)}, or an attention"
            )

    def describe(self, model: Whole) -> list[str]:
        """See Side.describe."""
        begins = {"last": "the last state", "mean": "the mean state", "zeros": "zeros"}[self.state]
        return [
            _layers(self.layers, self.cell),
            f"wired {self.wiring}",
            f"beginning with {begins}",
            *_between(self.residual, self.norm),
        ]


class TransformerEncoder(Side):
    name: Literal["transformer"] = "transformer"
    """Kind of encoder: recurrent | transformer."""
    layers: Layers = 1
    """Blocks of self-attention and a feed-forward network."""
    heads: Width = 4
    """Heads of self-attention; a divisor of hidden_dim."""
    ffn_dim: Annotated[int, Field(ge=0, le=1 << 18)] = 0
    """Width inside the feed-forward network; 0: four times hidden_dim."""
    positions: Annotated[str, choice("positions")] = "sinusoidal"
    """How a block knows the order."""
    conv: Conv = []

    def fit(self, where: str, model: Whole) -> None:
        """See Side.fit."""
        _fit_heads(where, self.heads, self.positions, model.hidden_dim)

    def describe(self, model: Whole) -> list[str]:
        """See Side.describe."""
        return _blocks(self.layers, self.heads, self.ffn_dim or 4 * model.hidden_dim, self.positions)


class TransformerDecoder(Side):
    name: Literal["transformer"] = "transformer"
    """Kind of decoder: recurrent | transformer."""
    layers: Layers = 1
    """Blocks of self-attention, attention and a feed-forward network."""
    heads: Width = 4
    """Heads of self-attention; a divisor of hidden_dim."""
    ffn_dim: Annotated[int, Field(ge=0, le=1 << 18)] = 0
    """Width inside the feed-forward network; 0: four times hidden_dim."""
    positions: Annotated[str, choice("positions")] = "sinusoidal"
    """How a block knows the order."""

    def fit(self, where: str, model: Whole) -> None:
        """See Side.fit."""
        _fit_heads(where, self.heads, self.positions, model.hidden_dim)

    def describe(self, model: Whole) -> list[str]:
        """See Side.describe."""
        return _blocks(self.layers, self.heads, self.ffn_dim or 4 * model.hidden_dim, self.positions)


def check_heads(key: str, heads: int, hidden_dim: int) -> None:
    """Refuse a number of heads that does not divide the width.

    Raises:
        ValueError: says what would.
    """
    if hidden_dim % heads:
        raise ValueError(
            f"{key} = {heads} does not divide hidden_dim = {hidden_dim}: use one that does, "
            f"or hidden_dim = {-(-hidden_dim // heads) * heads}"
        )


def _fit_heads(where: str, heads: int, positions: str, hidden_dim: int) -> None:
    check_heads(f"{where}.heads", heads, hidden_dim)
    if registry.choice("positions", positions).even_heads and hidden_dim // heads % 2:
        raise ValueError(
            f'{where}.positions = "{positions}" turns pairs of numbers, but a head of {hidden_dim} / {heads} is odd: '
            f"change hidden_dim or {where}.heads"
        )


def _need_two_layers(layers: int, residual: bool) -> None:
    if residual and layers < 2:
        raise ValueError("residual = true begins at the second layer, but layers = 1: use layers = 2 or more, or false")


def _either(kind: str, **facts: object) -> str:
    return " or ".join(f'"{name}"' for name in registry.having(kind, **facts))


def _layers(count: int, what: str) -> str:
    return f"{count} layer{'s' if count > 1 else ''} of {what}"


def _between(residual: bool, norm: str) -> list[str]:
    return ["residual"] * residual + [f"{norm} norm"] * (norm != "none")


def _blocks(layers: int, heads: int, ffn_dim: int, positions: str) -> list[str]:
    return [
        _layers(layers, "self-attention"),
        f"{heads} head{'s' if heads > 1 else ''}",
        f"feed-forward {ffn_dim}",
        f"{positions} positions",
    ]
