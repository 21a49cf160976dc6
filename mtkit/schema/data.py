"""Which text a run takes, what each text of it is for, and how often it is drawn."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
    model_validator,
)

from mtkit.schema.section import Patterns, Section

LONGEST_TAG = 32  # characters

Language = Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
Pair = tuple[str, str]
"""Languages, of source and target."""


@dataclass(frozen=True)
class Tag:
    """What says before a source how it is to be translated.

    Attributes:
        name: "": nothing is said.
        languages: of source and target.
    """

    name: str
    languages: Pair

    def __str__(self) -> str:
        return f"<{self.name}>" if self.name else "no tag"

    @property
    def direction(self) -> str:
        """Its languages, as names of parts, of files and of rows have them: "en-de"."""
        return "-".join(self.languages)


def bare(tag: Any) -> Any:
    """A tag without the <> that it is shown in.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(tag, str):
        return tag
    name = tag[1:-1] if tag.startswith("<") and tag.endswith(">") else tag
    if len(name) > LONGEST_TAG or not name.isprintable() or any(sign in name for sign in "<> "):
        raise ValueError(f"a tag is a word of at most {LONGEST_TAG} characters without <, > and space, such as 2de")
    return name


class Text(Section):
    """Text that a model is measured on: a path, or a table with it."""

    path: Annotated[str, Field(min_length=1)]
    """PREFIX.LANG or a file that a reader takes, as everywhere."""
    tag: Annotated[str, BeforeValidator(bare)] = ""
    """What stands before its sources; "": nothing, or, of dev and test, what the first text of data.train has there."""
    languages: Annotated[list[Language], Field(min_length=2, max_length=2)] = []
    """Of source and target; []: source_lang and target_lang, or, of dev and test, every direction of data.train."""

    @model_validator(mode="before")
    @classmethod
    def _of_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> Any:
        """What is said of it; a path alone stays one, as every config of before has it."""
        said = {key: value for key, value in dump(self).items() if value not in (None, "", [])}
        return said if len(said) > 1 else self.path


class Corpus(Text):
    """Text that a model is trained on."""

    weight: Annotated[float, Field(gt=0)] | None = None
    """How often it is drawn; see mixing."""
    min_score: float | None = None
    """Least score of a pair, of text that gives one: .tsv (third column), .csv, .jsonl and .parquet (column score)."""


def _as_list(value: Any) -> Any:
    if isinstance(value, str):
        return [value] if value.strip() else []  # "" names nothing; as a path it would be the folder
    return [value] if isinstance(value, dict) else value


class Data(Section):
    source_lang: Language
    """Language of the source: the ending of its files."""
    target_lang: Language
    """Language of the target: the ending of its files, and the tokenizer of the scorer."""
    train: Annotated[list[Corpus], BeforeValidator(_as_list), Field(min_length=1)]
    """Prefixes (PREFIX.LANG) or files that a reader takes (.tsv, .tmx, ...), plain, .gz, .xz or .zst; one or a list."""
    mixing: Literal["auto", "share", "temperature"] = "auto"
    """Shares of what is drawn: weight, or weight * size ** (1 / temperature); auto: shares where a weight is given."""
    temperature: Annotated[float, Field(ge=1, le=1000)] = 5.0
    """Of mixing: 1 draws by size, more lets small texts come more often (Arivazhagan et al. 2019)."""
    dev: Annotated[list[Text], BeforeValidator(_as_list)] = []
    """Text for validation, one or a list; "": 1 % of train (100 to 2,000 pairs), held out by hash of the source."""
    test: Annotated[list[Text], BeforeValidator(_as_list)] = []
    """Text that `mtkit eval` translates and scores; one or a list."""
    case_augment: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of training pairs added once more in UPPER CASE, and as many, drawn anew, in Title Case (see [augment])."""
    spans: bool = False
    """Hide placeholders, tags, addresses and the like behind pieces of their own: so a model learns to place them."""
    protect: Patterns = []
    """With data.spans: regular expressions of what else is hidden; one or a list."""

    @field_serializer("dev", mode="wrap")
    def _dev_as_written(self, dev: list[Text], dump: SerializerFunctionWrapHandler) -> Any:
        made = dump(dev) or [""]
        return made if len(made) > 1 else made[0]

    @model_validator(mode="after")
    def _agree(self) -> "Data":
        if self.own not in {tag.languages for tag in self.tags}:
            raise ValueError(
                f"no text of data.train is of {_to(self.own)}, which is what a model translates where nothing else is "
                "said: set source_lang and target_lang to languages of data.train"
            )
        pairs: dict[str, Pair] = {}
        for tag in self.tags:
            if (other := pairs.setdefault(tag.name, tag.languages)) != tag.languages:
                raise ValueError(
                    f"data.train has texts of {_to(other)} and of {_to(tag.languages)} with {tag}, so that a model "
                    "could not tell what is wanted: give each direction a tag of its own"
                )
        if len(self.train) == 1 and (self.train[0].weight or self.mixing != "auto"):
            raise ValueError("data.train is one text, of which all is drawn: leave weight and mixing out")
        for texts in (self.dev, self.test):
            for text in texts:
                self.uses(text)
        return self

    def prepared(self) -> dict[str, Any]:
        """The keys that the prepared text depends on, as plain values: not how often it is drawn, nor test sets; those
        that came later where they are set."""
        later = set() if self.spans else {"spans", "protect"}
        made = self.model_dump(exclude={"test", "mixing", "temperature", *later})
        return made | {"train": [text.model_copy(update={"weight": None}).model_dump() for text in self.train]}

    @property
    def hidden(self) -> tuple[str, ...] | None:
        """What is hidden from models beside placeholders, tags and the like; None: nothing is."""
        return tuple(self.protect) if self.spans else None

    @property
    def weights(self) -> list[float]:
        """How often each training text is drawn, beside the others; []: all of them once an epoch."""
        if self.mixing == "auto" and not any(text.weight for text in self.train):
            return []
        return [text.weight or 1.0 for text in self.train]

    @property
    def own(self) -> Pair:
        """The languages of a text that says no others."""
        return self.source_lang, self.target_lang

    def tag(self, corpus: Corpus) -> Tag:
        """What stands before the sources of a training text."""
        return Tag(corpus.tag, self._languages(corpus) or self.own)

    @property
    def tags(self) -> list[Tag]:
        """All that a model learns to be told, each once; first what it takes where nothing is said."""
        tags = list(dict.fromkeys(map(self.tag, self.train)))
        return sorted(tags, key=lambda one: one.languages != self.own)

    @property
    def directions(self) -> list[Tag]:
        """Of each pair of languages the tag that is taken where none is said: that of its first text."""
        first = dict[Pair, Tag]()
        for tag in self.tags:
            first.setdefault(tag.languages, tag)
        return list(first.values())

    def uses(self, text: Text) -> list[Tag]:
        """As what a text of dev or test is read: in all directions, if it does not say in which.

        Raises:
            ValueError: nothing is trained so.
        """
        languages = self._languages(text)
        known = [one for one in self.tags if one.name == text.tag] if text.tag else self.directions
        found = [one for one in known if languages in (None, one.languages)]
        if not found:
            asked = " ".join(filter(None, [text.tag and f"<{text.tag}>", _to(languages)]))
            there = ", ".join(f"{one} ({_to(one.languages)})" for one in self.tags)
            raise ValueError(f"{text.path} is to be translated as {asked}, and data.train has only {there}")
        return found

    def turned(self, languages: Pair) -> bool:
        """Whether a text is read the other way round: one that does not name its languages has that of source_lang
        first, or else that which data.train has first."""
        if self.source_lang in languages:
            return languages[0] != self.source_lang
        return next(one.languages for one in self.tags if {*one.languages} == {*languages}) != languages

    @staticmethod
    def _languages(text: Text) -> Pair | None:
        return (text.languages[0], text.languages[1]) if text.languages else None


def _to(languages: Pair | None) -> str:
    return " to ".join(languages or ())
