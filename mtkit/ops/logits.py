"""What a loss and a search make of rows of logits. What each does stands in `mtkit.ops.reference.logits`."""

from mtkit.ops.reference import logits as reference
from mtkit.ops.table import operation

softmax_loss = operation("softmax_loss", reference.softmax_loss)
twice_loss = operation("twice_loss", reference.twice_loss)
log_sums = operation("log_sums", reference.log_sums)
rule_out = operation("rule_out", reference.rule_out)
best_pieces = operation("best_pieces", reference.best_pieces)
mix_told = operation("mix_told", reference.mix_told)
