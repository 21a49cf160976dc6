"""The work of cells and their norms between products. What each does stands in `mtkit.ops.reference.recurrence`."""

from mtkit.ops.reference import recurrence as reference
from mtkit.ops.table import operation

Normed = reference.Normed
gru = operation("gru", reference.gru)
gru_backward = operation("gru_backward", reference.gru_backward)
lstm = operation("lstm", reference.lstm)
lstm_backward = operation("lstm_backward", reference.lstm_backward)
norm = operation("norm", reference.norm)
norm_backward = operation("norm_backward", reference.norm_backward)
