"""The typed, frozen config: what `mtkit.toml` may say, each key with its default and a line on what it does.

Must not know files (see `config`), torch, nor what any choice does (see `registry`).
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mtkit import plugins
from mtkit.decoding import Decoding, Settings
from mtkit.schema.augment import Augment
from mtkit.schema.cleaning import Filter
from mtkit.schema.data import Corpus, Data, Tag, Text
from mtkit.schema.model import Attention, Model
from mtkit.schema.section import (
    Count,
    Dropped,
    Parts,
    Paths,
    Positive,
    Section,
    Share,
    as_list,
    choice,
    chosen,
    regular,
)
from mtkit.schema.settings import settings_of
from mtkit.schema.sides import (
    Convolution,
    RecurrentDecoder,
    RecurrentEncoder,
    Side,
    TransformerDecoder,
    TransformerEncoder,
)

__all__ = [
    "Attention",
    "Augment",
    "Config",
    "Convolution",
    "Corpus",
    "Data",
    "Decode",
    "Eval",
    "Filter",
    "Model",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "Section",
    "Side",
    "Tag",
    "Text",
    "Tokenizer",
    "Train",
    "TransformerDecoder",
    "TransformerEncoder",
    "chosen",
]


class Tokenizer(Section):
    kind: Literal["unigram", "bpe", "char", "word"] = "unigram"
    """SentencePiece model type; char takes every character, whatever vocab_size says."""
    vocab_size: Count = 0
    """Pieces, the special and reserved ones included; 0: by the size of the text, 8000 at most."""
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

    def prepared(self) -> dict[str, Any]:
        """The keys that the prepared text depends on, as plain values: what is drawn while training leaves it alone,
        and a tokenizer that is taken as it is knows nothing of how one is trained."""
        taken = Tokenizer(model=self.model, shared=self.shared) if self.model else self
        return taken.model_dump(exclude={"sample"})


class Train(Section):
    batch_tokens: Positive = 4096
    """Sentences times the longer of source and target, padding included."""
    accumulate: Positive = 1
    """Batches whose gradients make one update."""
    optimizer: Annotated[str, choice("optimizer")] = "adam"
    """What turns gradients into updates."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate, for every schedule."""
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = [0.9, 0.98]
    """Decay rates of Adam and its kin; of sgd the first is the momentum, of rmsprop and adadelta the second counts."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Pull of weight matrices towards zero; biases, gains and other vectors are left alone."""
    schedule: Annotated[str, choice("schedule")] = "inverse_sqrt"
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
    """Stop after so many validations without gain, those during warm-up not counted; 0: never."""
    metric: Annotated[str, choice("metric", "loss")] = "bleu"
    """What "best" means."""
    average: Count = 0
    """At the end, average the weights of so many validations, and keep that if it is better; 0: off."""
    average_of: Literal["best", "last"] = "best"
    """Which validations' weights are averaged."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of a running mean of the weights, which is validated and saved in their place; 0: off."""
    precision: Literal["auto", "fp32", "tf32", "bf16", "amp"] = "auto"
    """Of products (tf32: on CUDA), or, for Transformers, of all but parameters (amp); auto: by model and processor."""
    init_from: str = ""
    """A bundle or a run to begin from, with its weights and its tokenizer; "": from nothing."""
    init_parts: Parts = []
    """What is taken of init_from, with a tokenizer of one's own: embeddings go by piece; []: all, and its tokenizer."""
    graphs: bool = True
    """On CUDA, record the pass of a batch once a shape and play it back."""
    reduce: Literal["fp32", "bf16"] = "fp32"
    """What several processes send each other; bf16: half as much, rounded."""
    sync_every: Positive = 1
    """Updates that several processes make each by itself before they come together."""
    outer: Literal["average", "nesterov"] = "average"
    """How they do: by their average (local SGD, Stich 2019), or a step beyond it (DiLoCo, Douillard et al. 2023)."""

    @model_validator(mode="after")
    def _agree(self) -> "Train":
        if self.average == 1:
            raise ValueError("average = 1 is no average: use 2 or more, or 0")
        if self.sync_every > 1 and self.ema:
            raise ValueError(
                f"ema = {self.ema:g} is of the weights after each update, which with sync_every = {self.sync_every} no "
                "process knows of the others: leave ema out, or use average"
            )
        if self.validate_every % self.sync_every:
            raise ValueError(
                f"validate_every = {self.validate_every} is no multiple of sync_every = {self.sync_every}, and between "
                "these there is no model to validate: make it one, or 0"
            )
        if not (self.max_epochs or self.max_updates or self.max_minutes):
            raise ValueError("max_epochs, max_updates and max_minutes are all 0: training would never end; set one")
        return self


class Decode(Decoding, Section):
    @field_validator("protect", mode="before")
    @classmethod
    def _one(cls, protect: Any) -> Any:
        return as_list(protect)

    @field_validator("protect")
    @classmethod
    def _regular(cls, protect: list[str]) -> list[str]:
        return list(map(regular, protect))

    @field_validator("rules")
    @classmethod
    def _settings(cls, rules: Settings) -> Settings:
        plugins.load_installed()
        return {name: settings_of("rule", name, table) for name, table in rules.items()}


class Eval(Section):
    metrics: Annotated[list[Annotated[str, choice("metric")]], Field(min_length=1)] = ["bleu", "chrf", "ter"]
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
    augment: Augment = Augment()
    model: Model = Model()
    train: Train = Train()
    decode: Decode = Decode()
    eval: Eval = Eval()

    @model_validator(mode="after")
    def _agree(self) -> "Config":
        if self.data.spans and self.tokenizer.kind == "word" and not self.tokenizer.model:
            raise ValueError(
                "data.spans = true needs a tokenizer that parts a tag from the word it touches, and tokenizer.kind = "
                '"word" does not: use another kind, or leave data.spans out'
            )
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
        if self.filter.score and len(self.filter.score) != len(self.data.train):
            raise ValueError(
                f"filter.score names {len(self.filter.score)} file(s), but data.train {len(self.data.train)}: give a "
                "file of scores for each, in their order"
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
