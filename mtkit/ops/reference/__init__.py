"""The operations of `mtkit.ops.table` in torch: what each computes, and what every other form is held to."""
