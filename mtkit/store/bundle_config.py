"""What a bundle's config.json says: typed, with kind and version. Must not know weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from mtkit import config as configs
from mtkit import files, reading
from mtkit.errors import BundleError, ConfigError
from mtkit.metrics.confidence import Estimator
from mtkit.report.training import TrainingFacts
from mtkit.schema import Decode, Model
from mtkit.schema.section import regular
from mtkit.store import earlier
from mtkit.store.format import Format
from mtkit.store.typed import Count, FileName, Language, Pieces, parsed
from mtkit.text.reserved import TAGS

BUNDLE = Format("bundle", 6, oldest=2, kinds=("trained", "exported"))
"""Versions 2 and 3 said with their number what kind they are, and noted no training; version 4 knew of no parents and
of no precision "auto", version 5 of no spans, no confidence and no tags."""
FILE = "config.json"
LONGEST = 1 << 20  # pieces of a sentence
PATTERN = 4096  # characters
SYMBOL = rf"^({'|'.join(TAGS)})?$"
FEATURES = 64  # of a translation


class Record(BaseModel):
    """Base of all that is noted here: frozen, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShortlistFacts(Record):
    """What is to be known of a bundle's shortlist."""

    copies: bool
    """Whether a source piece may stand for itself: with one tokenizer for both sides."""


class TagFacts(Record):
    """What can be said to a model before a source."""

    name: Annotated[str, Field(max_length=64)]
    """"": nothing is said."""
    symbol: Annotated[str, Field(pattern=SYMBOL)]
    """The reserved piece that stands for it; "": none, since nothing is said."""
    languages: tuple[Language, Language]
    """Of source and target, then."""

    def __str__(self) -> str:
        return f"<{self.name}>" if self.name else "no tag"


Numbers = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(max_length=FEATURES)]


class ConfidenceFacts(Record):
    """What makes a probability of the features of a translation; see `mtkit.metrics.confidence`."""

    features: Annotated[tuple[Annotated[str, Field(max_length=128)], ...], Field(max_length=FEATURES)]
    """Their names."""
    means: Numbers
    scales: Numbers
    weights: Numbers
    bias: Annotated[float, Field(allow_inf_nan=False)]
    lines: Count
    """That it was fitted on."""
    least: Annotated[float, Field(ge=0, le=100)]
    """From which chrF on one was good."""
    good: Annotated[float, Field(ge=0, le=1)]
    """The share of them that was."""
    error: Annotated[float, Field(ge=0, le=1)]
    """Expected calibration error, of lines that were left out."""
    worst: Annotated[float, Field(ge=0, le=1)]
    """Area under the curve of the worst tenth, of the same."""

    @model_validator(mode="after")
    def _agree(self) -> "ConfidenceFacts":
        counts = {len(self.features), len(self.means), len(self.scales), len(self.weights)}
        if len(counts) > 1 or 0.0 in self.scales:
            raise ValueError("as many means, scales above 0 and weights as features")
        return self

    def __str__(self) -> str:
        return (
            f"of {self.lines:,} lines {100 * self.good:.1f} % are good (chrF {self.least:g} or more); calibration "
            f"error {self.error:.3f}, worst tenth {self.worst:.3f}"
        )

    @property
    def estimator(self) -> Estimator:
        """What it is made by."""
        return Estimator(self.means, self.scales, self.weights, self.bias)


class BundleConfig(Record):
    """All of a bundle that is not tensors or pieces."""

    kind: Literal["trained", "exported"]
    """What wrote it: training, or mtkit export, which may round weights and add a shortlist."""
    format_version: int = BUNDLE.version
    mtkit_version: Annotated[str, Field(max_length=64)]
    source_lang: Language
    target_lang: Language
    tokenizers: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=2)]
    """Files: one for both sides, or the source's and the target's."""
    vocab_sizes: tuple[Pieces, Pieces]
    """Pieces of source and target."""
    max_pieces: Annotated[int, Field(ge=1, le=LONGEST)]
    """Of the longest source that was trained on."""
    model: Model
    decode: Decode
    """The search settings that come with the model."""
    shortlist: ShortlistFacts | None = None
    tags: Annotated[tuple[TagFacts, ...], Field(min_length=1)] | None = None
    """All that it was trained to be told, first what it takes where nothing is said; None: nothing."""
    training: TrainingFacts | None = None
    """None: nothing is known of it."""
    spans: tuple[Annotated[str, Field(max_length=PATTERN), AfterValidator(regular)], ...] | None = None
    """Regular expressions of what was hidden in training, beside placeholders, tags and the like; None: nothing was."""
    confidence: ConfidenceFacts | None = None
    """None: nobody has fitted it."""

    @model_validator(mode="after")
    def _agree(self) -> "BundleConfig":
        if self.shared and self.vocab_sizes[0] != self.vocab_sizes[1]:
            raise ValueError(f"vocab_sizes of one size with one tokenizer, not {self.vocab_sizes}")
        if not self.shared and self.model.tie in ("inputs", "all"):
            raise ValueError(f'model.tie = "target" or "none" with two tokenizers, not "{self.model.tie}"')
        if self.shortlist and self.shortlist.copies and not self.shared:
            raise ValueError("shortlist.copies = false with two tokenizers")
        tags = self.tags or ()
        if tags and tags[0].languages != (self.source_lang, self.target_lang):
            raise ValueError("tags of which the first is of source_lang and target_lang")
        if any(bool(tag.name) != bool(tag.symbol) for tag in tags):
            raise ValueError("tags with a symbol each, and none where nothing is said")
        if len({tag.name for tag in tags}) < len(tags) or len({tag.symbol for tag in tags}) < len(tags):
            raise ValueError("tags of which no two have a name or a symbol in common")
        return self

    @property
    def shared(self) -> bool:
        """Whether both sides have one tokenizer."""
        return len(self.tokenizers) == 1


def read(folder: Path) -> BundleConfig:
    """Read the config.json of a bundle, of whichever version.

    Raises:
        BundleError: it is damaged, of a version that is not read, or something else; names file and key.
    """
    path = folder / FILE
    try:
        table = reading.read_json(path)
    except FileNotFoundError:
        raise BundleError(f"{path} cannot be read: there is none; copy the bundle again") from None
    except reading.Unreadable as error:
        raise BundleError(f"{path} cannot be read: {error}; copy the bundle again") from None
    version = BUNDLE.check(table, path)
    if version < 4:
        table = earlier.upgraded(table, card(folder))
    return _parsed({**table, "format_version": BUNDLE.version}, path)


def card(folder: Path) -> str:
    """The text of a bundle's model card, which may be gone or rewritten; "": there is none that can be read."""
    try:
        return reading.read_bytes(reading.member(folder, "README.md"), reading.LIMIT).decode(errors="replace")
    except (OSError, reading.Unreadable):
        return ""


def to_json(config: BundleConfig) -> str:
    """The text of a config.json."""
    table = config.model_dump(mode="json")
    return files.to_json({key: value for key, value in table.items() if value is not None})


def is_exported(folder: Path) -> bool:
    """Whether a folder is a bundle that mtkit export wrote, of whichever version that is read."""
    try:
        return read(folder).kind == "exported"
    except BundleError:
        return False


def _parsed(table: Mapping[str, Any], path: Path) -> BundleConfig:
    try:
        for key, part in (("model", Model), ("decode", Decode)):
            # The words of a config's errors, and a hint where a plug-in is missing.
            if isinstance(table.get(key), dict):
                configs.parse_part(part, table[key], f"{path}, {key}")
        return parsed(_CONFIG, table, path)
    except (ConfigError, reading.Unreadable) as error:
        raise BundleError(f"{reading.line(str(error))}; copy the bundle again") from None


_CONFIG = TypeAdapter(BundleConfig)
