"""The typed, frozen config: what `mtkit.toml` may say, each key with its default and a line on what it does.

Must not know files (see `config`), torch, nor what any choice does (see `registry`).
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mtkit import registry
from mtkit.errors import ConfigError


class Section(BaseModel):
    """Base of every table of the config: frozen, strict, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def _choice(kind: str, *also: str) -> AfterValidator:
    """A name registered under `kind`, or one of the others given."""

    def check(name: str) -> str:
        try:
            return name if name in also else registry.check(kind, name)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    return AfterValidator(check)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Paths = Annotated[list[str], BeforeValidator(_as_list)]
Share = Annotated[float, Field(ge=0, lt=1)]
Dropped = Annotated[float, Field(ge=0, le=0.95)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Data(Section):
    source_lang: Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
    """Language of the source: the ending of its files."""
    target_lang: Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
    """Language of the target: the ending of its files, and the tokenizer of the scorer."""
    train: Annotated[Paths, Field(min_length=1)]
    """Prefixes (PREFIX.LANG, plain, .gz, .xz or .zst) or .tsv[.gz|.xz|.zst] files; one or a list."""
    dev: str = ""
    """Text for validation; "": 1 % of train (100 to 2,000 pairs), held out by hash of the source."""
    test: Paths = []
    """Text that `mtkit eval` translates and scores; one or a list."""
    case_augment: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of training pairs added once more in UPPER CASE, and as many, drawn anew, in Title Case."""


class Filter(Section):
    max_chars: Positive = 2000
    """Longest side in characters, before the tokenizer."""
    max_pieces: Positive = 200
    """Longest side in pieces, after the tokenizer."""
    max_ratio: Annotated[float, Field(ge=1)] = 4.0
    """Largest ratio of pieces between the sides, where the longer one has more than 10."""
    dedupe: bool = True
    """Keep one of equal pairs."""
    drop_copies: bool = True
    """Drop pairs whose source equals the target."""


class Tokenizer(Section):
    kind: Literal["unigram", "bpe", "char", "word"] = "unigram"
    """SentencePiece model type; char ignores vocab_size."""
    vocab_size: Positive = 8000
    """Pieces, the special and reserved ones included."""
    shared: bool = True
    """One model for both sides."""
    normalization: Literal["identity", "nfkc", "nmt_nfkc"] = "identity"
    """SentencePiece normalization rule."""
    byte_fallback: bool = True
    """Spell unknown characters in bytes: no <unk>, whatever comes in."""
    model: Paths = []
    """Existing .model files instead of training: one for both sides, or source and target."""
    train_lines: Positive = 500_000
    """Largest sample of lines for training the tokenizer."""
    sample: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of training sentences, a side, segmented at random (Kudo 2018; BPE-dropout, Provilkov et al. 2020)."""

    @model_validator(mode="after")
    def _agree(self) -> "Tokenizer":
        if len(self.model) > 2:
            raise ValueError(f"model takes one file or two (source and target), got {len(self.model)}")
        if self.model and self.shared != (len(self.model) == 1):
            raise ValueError(
                f"{len(self.model)} tokenizer model(s) given with shared = {str(self.shared).lower()}: "
                "shared = true takes one file, shared = false two"
            )
        if not self.model and self.kind == "word" and self.byte_fallback:
            raise ValueError('kind = "word" cannot spell unknown words in bytes: set byte_fallback = false')
        if self.sample and self.kind in ("char", "word"):
            raise ValueError(
                f'sample = {self.sample:g}, but kind = "{self.kind}" segments in one way only: leave it out, or use '
                'kind = "unigram" or "bpe"'
            )
        return self


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
    cell: Annotated[str, _choice("cell")] = "gru"
    """Recurrent cell."""
    bidirectional: bool = True
    """Read both ways; each direction has half of hidden_dim."""
    residual: bool = False
    """Add what a layer reads to what it says, from the second layer on."""
    norm: Annotated[str, _choice("norm")] = "none"
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
    positions: Annotated[str, _choice("positions")] = "sinusoidal"
    """How a block knows the order."""
    conv: Conv = []
    """Strided convolutions before the first layer."""


class RecurrentDecoder(Section):
    name: Literal["recurrent"] = "recurrent"
    """Kind of decoder: recurrent | transformer."""
    layers: Positive = 1
    """Recurrent layers."""
    cell: Annotated[str, _choice("cell")] = "gru"
    """Recurrent cell."""
    wiring: Annotated[str, _choice("wiring")] = "input_feeding"
    """How attention and recurrence are connected."""
    state: Literal["last", "mean", "zeros"] = "mean"
    """What the initial state is made of, through a learned bridge."""
    residual: bool = False
    """Add what a layer reads to what it says, from the second layer on."""
    norm: Annotated[str, _choice("norm")] = "none"
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
    positions: Annotated[str, _choice("positions")] = "sinusoidal"
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
    name: Annotated[str, _choice("attention", "auto")] = "auto"
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
    init: Annotated[str, _choice("init")] = "xavier"
    """How weight matrices begin."""
    recurrent_init: Annotated[str, _choice("recurrent_init")] = "orthogonal"
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


class Train(Section):
    batch_tokens: Positive = 4096
    """Sentences times the longer of source and target, padding included."""
    accumulate: Positive = 1
    """Batches whose gradients make one update."""
    optimizer: Annotated[str, _choice("optimizer")] = "adam"
    """What turns gradients into updates."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate, for every schedule."""
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = [0.9, 0.98]
    """Decay rates of Adam and its kin; of sgd the first is the momentum, of rmsprop and adadelta the second counts."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Pull of weight matrices towards zero; biases, gains and other vectors are left alone."""
    schedule: Annotated[str, _choice("schedule")] = "inverse_sqrt"
    """How the learning rate goes on after the warm-up."""
    warmup: Count = 400
    """Updates over which the learning rate rises to its peak."""
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    """Largest gradient norm; 0: off."""
    clip_value: Annotated[float, Field(ge=0)] = 0.0
    """Largest gradient of a single parameter, before the norm is taken; 0: off."""
    label_smoothing: Share = 0.1
    """Share of the target probability spread over the vocabulary."""
    consistency: Literal["none", "rdrop", "simcut"] = "none"
    """Agreement of two passes: with other dropout (Liang et al. 2021), or with words cut, too (Gao et al. 2022)."""
    consistency_weight: Annotated[float, Field(gt=0, le=100)] = 3.0
    """Weight of their divergence (alpha in both papers, which take 5 and 3)."""
    cut: Dropped = 0.05
    """simcut: share of the second pass's words whose embedding is zero."""
    bptt_steps: Count = 0
    """Steps that gradients flow back from state to state before they are cut; 0: the whole sentence."""
    max_epochs: Count = 20
    """Stop after so many passes over the text; 0: no limit."""
    max_updates: Count = 0
    """Stop after so many updates; 0: no limit."""
    max_minutes: Annotated[float, Field(ge=0)] = 0
    """Stop after so many minutes, validation included; 0: no limit."""
    validate_every: Count = 0
    """Updates between validations; 0: each epoch."""
    validate_lines: Positive = 500
    """Sentences of dev that a validation translates, greedily."""
    patience: Count = 5
    """Stop after so many validations without gain; 0: never."""
    metric: Literal["bleu", "chrf", "loss"] = "bleu"
    """What "best" means."""
    average: Count = 0
    """At the end, average the weights of so many validations, and keep that if it is better; 0: off."""
    average_of: Literal["best", "last"] = "best"
    """Which validations' weights are averaged."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of a running mean of the weights, which is validated and saved in their place; 0: off."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the matrix products; auto is measured, decided once a run and logged."""

    @model_validator(mode="after")
    def _agree(self) -> "Train":
        if self.consistency == "none" and self.consistency_weight != 3.0:
            raise ValueError(
                f'consistency_weight = {self.consistency_weight:g} has no effect with consistency = "none": leave it '
                'out, or use "rdrop" or "simcut"'
            )
        if self.consistency != "simcut" and self.cut != 0.05:
            raise ValueError(
                f'cut = {self.cut:g} has no effect with consistency = "{self.consistency}": leave it out, '
                'or use "simcut"'
            )
        if self.average == 1:
            raise ValueError("average = 1 is no average: use 2 or more, or 0")
        if not (self.max_epochs or self.max_updates or self.max_minutes):
            raise ValueError("max_epochs, max_updates and max_minutes are all 0: training would never end; set one")
        return self


class Decode(Section):
    beam_size: Positive = 5
    """Hypotheses kept in search; 1: greedy."""
    length_penalty: Annotated[float, Field(ge=-10, le=10)] = 1.0
    """A in log-probability / ((5+|Y|)/6)^A (Wu et al. 2016)."""
    coverage_penalty: Annotated[float, Field(ge=0, le=100)] = 0.0
    """B in + B * sum of log(min(1, attention paid)) over source positions (Wu et al. 2016); 0: none."""
    max_ratio: Annotated[float, Field(gt=0, le=1000)] = 3.0
    """Longest output: so many times the source pieces, plus 10."""
    min_length: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Shortest output in pieces."""
    no_repeat_ngram: Annotated[int, Field(ge=0, le=1000)] = 0
    """No so many pieces in a row come twice; 0: they may."""
    batch_tokens: Positive = 4096
    """Source pieces times beam in a batch."""
    precision: Literal["fp32", "bf16", "int8"] = "fp32"
    """Of matrix products."""


class Eval(Section):
    metrics: Annotated[list[Annotated[str, _choice("metric")]], Field(min_length=1)] = ["bleu", "chrf", "ter"]
    """Scores to compute."""
    tokenize: Literal["auto", "13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"] = "auto"
    """sacreBLEU's tokenizer for BLEU; auto: by the target language."""


class Config(Section):
    """All that a run depends on."""

    name: Annotated[str, Field(pattern=r"^([^/\s.][^/\s]*)?$")] = ""
    """The run's folder, runs/NAME; "": SRC-TGT."""
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 1
    """Of everything random."""
    data: Data
    filter: Filter = Filter()
    tokenizer: Tokenizer = Tokenizer()
    model: Model = Model()
    train: Train = Train()
    decode: Decode = Decode()
    eval: Eval = Eval()

    @model_validator(mode="after")
    def _agree(self) -> "Config":
        if not self.tokenizer.shared and self.model.tie in ("inputs", "all"):
            raise ValueError(
                f'model.tie = "{self.model.tie}" needs one vocabulary for both sides, but tokenizer.shared = false: '
                'use tie = "target" or "none", or tokenizer.shared = true'
            )
        if self.train.bptt_steps and not self.model.recurrent:
            raise ValueError(
                f"train.bptt_steps = {self.train.bptt_steps} cuts gradients from state to state, but there is no "
                "recurrent layer in this model: leave it out"
            )
        if self.train.consistency == "rdrop" and not (self.model.dropout or self.model.word_dropout):
            raise ValueError(
                'train.consistency = "rdrop" compares two passes with other dropout, but model.dropout = 0 makes them '
                'equal: use some, or "simcut", or "none"'
            )
        if self.train.batch_tokens < self.filter.max_pieces + 1:
            raise ValueError(
                f"train.batch_tokens = {self.train.batch_tokens} is less than one sentence of filter.max_pieces = "
                f"{self.filter.max_pieces} and its end: raise the one or lower the other"
            )
        return self

    @property
    def run_name(self) -> str:
        return self.name or f"{self.data.source_lang}-{self.data.target_lang}"
