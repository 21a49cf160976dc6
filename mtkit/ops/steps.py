"""Parts of a Transformer decoder's step in search. What each does stands in `mtkit.ops.reference.steps`."""

from mtkit.ops.reference import steps as reference
from mtkit.ops.table import operation

add_norm = operation("add_norm", reference.add_norm)
attend_rows = operation("attend_rows", reference.attend_rows)
attend_memory = operation("attend_memory", reference.attend_memory)
tiled = reference.tiled
