"""The table `[model]`: encoder, decoder, attention, and which of them go together. Names no choice but as a default."""

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, model_validator

from mtkit import registry
from mtkit.schema.kinds import ByName
from mtkit.schema.section import Dropped, Section, Width, choice
from mtkit.schema.sides import RecurrentDecoder, RecurrentEncoder, Side, check_heads

Encoder = Annotated[SerializeAsAny[Side], ByName("encoder")]
Decoder = Annotated[SerializeAsAny[Side], ByName("decoder")]
ATTENTION = "additive"  # what "auto" means where the decoder has none of its own


class Attention(Section):
    name: Annotated[str, choice("attention", "auto")] = "auto"
    """How the decoder looks at the source; auto: additive, or multihead in a Transformer."""
    heads: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    """Heads, a divisor of hidden_dim, of those attentions that take several; 0: 4 for multihead, else 1."""
    window: Width = 10
    """local: half width of the Gaussian; location: width of the kernel over the last weights."""
    coverage: bool = False
    """Show the attention how much each source position was looked at before (Tu et al. 2016, See et al. 2017)."""

    @model_validator(mode="after")
    def _agree(self) -> "Attention":
        if self.name == "auto":
            return self
        facts = registry.choice("attention", self.name)
        if self.heads > 1 and not facts.heads:
            raise ValueError(
                f'heads = {self.heads}, but attention "{self.name}" has one: use heads = 0, or one of '
                + ", ".join(registry.having("attention", heads=True))
            )
        if self.coverage and not facts.looks:
            raise ValueError(
                f'coverage = true needs an attention to watch, but name = "{self.name}": use coverage = false'
            )
        return self


class Model(Section):
    embed_dim: Width = 256
    """Width of the embeddings."""
    hidden_dim: Width = 512
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
        return registry.choice("decoder", self.decoder.name).own_attention or ATTENTION

    @property
    def attention_heads(self) -> int:
        """The heads that `attention.heads` stands for."""
        return self.attention.heads or registry.choice("attention", self.attention_name).default_heads

    @property
    def recurrent(self) -> bool:
        """Whether there is a recurrent layer anywhere."""
        sides = {"encoder": self.encoder.name, "decoder": self.decoder.name}
        return any(registry.choice(kind, name).recurrent for kind, name in sides.items())

    @model_validator(mode="after")
    def _agree(self) -> "Model":
        self.encoder.fit("encoder", self)
        self._fit_attention()
        self.decoder.fit("decoder", self)
        check_heads("attention.heads", self.attention_heads, self.hidden_dim)
        return self

    def _fit_attention(self) -> None:
        name, own = self.decoder.name, registry.choice("decoder", self.decoder.name).own_attention
        if not own:
            return
        others = " or ".join(registry.having("decoder", own_attention=""))
        if self.attention_name != own:
            raise ValueError(
                f'attention.name = "{self.attention_name}" is for {others} decoders; a {name.capitalize()} decoder has '
                f'"{own}": use that (or "auto"), or decoder.name = "{others}"'
            )
        if self.attention.coverage:
            raise ValueError(
                f"attention.coverage = true is for {others} decoders, which make one step after the other: use "
                f'false, or decoder.name = "{others}"'
            )
