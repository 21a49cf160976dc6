"""The table [filter]: which pairs of the training text are kept. Must not know how a rule finds out."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mtkit.schema.section import Count, Paths, Positive, Section, Share

Ratio = Annotated[float, Field(ge=0)]
Damage = Literal["keep", "drop", "repair"]

PRESETS: dict[str, dict[str, Any]] = {
    "none": {},
    "web": {
        "max_char_ratio": 3.0,
        "max_word_ratio": 3.0,
        "max_marks": 0.6,
        "max_repeats": 9,
        "script": 0.5,
        "numbers": True,
        "spans": True,
        "language": 0.5,
        "mojibake": "repair",
        "html": "repair",
        "near_duplicates": True,
    },
}
"""What a preset says where the config does not."""
AT_FIRST = ("max_chars", "max_pieces", "max_ratio", "dedupe", "drop_copies")
"""The keys that there always were."""


class Filter(Section):
    preset: Literal["none", "web"] = "none"
    """Rules for text that nobody has looked through (web): all below but score; keys that are set come first."""
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
    near_duplicates: bool = False
    """Keep the first of pairs that differ only in case, numbers, punctuation and spaces."""
    max_char_ratio: Ratio = 0.0
    """Largest ratio of characters between the sides, where the longer one has more than 20; 0: off."""
    max_word_ratio: Ratio = 0.0
    """Largest ratio of words between the sides, where the longer one has more than 5; 0: off."""
    max_marks: Share = 0.0
    """Largest share of a side's characters that are no letters (digits, punctuation, signs); 0: off."""
    max_repeats: Count = 0
    """How often a character that is no digit may come in a row; 0: off."""
    script: Share = 0.0
    """Least share of a side's letters that are of its language's script; 0: off."""
    numbers: bool = False
    """Drop pairs whose numbers differ, small and round ones written as words aside."""
    spans: bool = False
    """Drop pairs whose placeholders, tags or addresses differ."""
    language: Share = 0.0
    """Drop pairs of which a side is likelier in another language, by more than this (0.5, say); 0: off."""
    mojibake: Damage = "keep"
    """Pairs with UTF-8 that was read in another encoding: keep, drop, or repair what can be and drop the rest."""
    html: Damage = "keep"
    """Pairs with elements and entities of HTML: keep, drop, or repair: elements away, characters as meant."""
    score: Paths = []
    """What `mtkit score --scores` says of the pairs of data.train, a file for each; []: none."""
    worst: Share = 0.1
    """Share of the pairs of data.train that go for their scores, the worst."""

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, table: Any) -> Any:
        name = table.get("preset", "none") if isinstance(table, dict) else "none"
        return PRESETS[name] | table if isinstance(name, str) and name in PRESETS and name != "none" else table

    @model_validator(mode="after")
    def _agree(self) -> "Filter":
        for key in ("max_char_ratio", "max_word_ratio"):
            if 0 < (value := getattr(self, key)) < 1:
                raise ValueError(f"{key} = {value:g}, but a ratio is 1 or more: use 3, say, or 0 for off")
        return self

    def cleaning(self) -> dict[str, Any]:
        """The cleaning rules that are on, key -> value."""
        off = {key: field.default for key, field in Filter.model_fields.items()}
        mine = self.model_dump(exclude={*AT_FIRST, "preset", "near_duplicates", "score", "worst"})
        return {key: value for key, value in mine.items() if value != off[key]}

    def prepared(self) -> dict[str, Any]:
        """What the prepared text depends on, as plain values; without cleaning rules what it was before there were."""
        on = self.cleaning()
        if self.near_duplicates:
            on["near_duplicates"] = True
        if self.score and self.worst:
            on |= {"score": self.score, "worst": self.worst}
        return {key: getattr(self, key) for key in AT_FIRST} | on
