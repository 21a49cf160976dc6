"""Lines on keys that a table of the config inherits from a plain class. Must not know what any key does."""

from typing import TypeVar

from mtkit import decoding
from mtkit.schema.section import Section

Table = TypeVar("Table", bound=Section)


def described(table: type[Table]) -> type[Table]:
    """The table, each key with the line that stands below it; pydantic reads those of its own classes only."""
    for key, line in decoding.lines(table).items():
        if key in table.model_fields:
            table.model_fields[key].description = line
    return table
