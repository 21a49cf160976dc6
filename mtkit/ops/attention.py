"""Scores, softmax and contexts of attentions. What each does stands in `mtkit.ops.reference.attention`."""

from mtkit.ops.reference import attention as reference
from mtkit.ops.table import operation

additive_scores = operation("additive_scores", reference.additive_scores)
additive_steps = operation("AdditiveScores", reference.AdditiveScores)
attend = operation("attend", reference.attend)
attend_step = operation("attend_step", reference.attend_step)
attend_step_backward = operation("attend_step_backward", reference.attend_step_backward)
attend_dots = operation("attend_dots", reference.attend_dots)
