"""The line on each key of a table of the config: what stands below it in the source, inherited keys among them.

Must not know what any key does.
"""

from mtkit import decoding
from mtkit.decoding import Decoding
from mtkit.schema.section import Section


def lines(table: type[Section]) -> dict[str, str]:
    """Key -> line, of a table whose class is written in a file or has descriptions."""
    written = decoding.lines(table, (Section, Decoding))
    return {key: field.description or written.get(key, "") for key, field in table.model_fields.items()}
