"""How training pairs are changed while they are trained on, drawn anew each epoch; what is prepared stays as it is."""

from typing import Annotated

from pydantic import Field, model_validator

from mtkit.schema.section import Section

Part = Annotated[float, Field(ge=0, le=1)]


class Augment(Section):
    join: Part = 0.0
    """Share of training pairs to which the next pair of the text is joined, so that a model sees longer lines."""
    unmarked: Part = 0.0
    """Share without the mark at their end, on both sides."""
    typos: Part = 0.0
    """Share of sources with typing errors: letters swapped, dropped, doubled, or those of a neighbouring key."""
    spaces: Part = 0.0
    """Share of sources with spaces that are missing, or stand before a mark or in a word."""
    upper: Part = 0.0
    """Share in UPPER CASE, both sides."""
    title: Part = 0.0
    """Share in Title Case, both sides; none of those in upper case."""
    emoji: Part = 0.0
    """Share with emoji put at the beginning or the end of both sides."""
    urls: Part = 0.0
    """Share with an address of the web or of mail put there."""
    placeholders: Part = 0.0
    """Share with a placeholder put there, or in tags."""

    @model_validator(mode="after")
    def _agree(self) -> "Augment":
        if self.upper + self.title > 1:
            raise ValueError(
                f"upper = {self.upper:g} and title = {self.title:g} are more than all pairs: a pair is in one case; "
                "lower one of them"
            )
        return self

    @property
    def any(self) -> bool:
        """Whether there is anything to change."""
        return any(self.model_dump().values())
