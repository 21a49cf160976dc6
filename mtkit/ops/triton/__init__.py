"""Forms of operations as single kernels on CUDA, in Triton, which `mtkit.ops.table` names. Must not know models.

`takes` says which arguments fit, `kernels/` are the kernels, which nothing imports before `launch` starts the first of
them; the rest are the forms. Sums are fp32 and made in a fixed order: two runs agree bit for bit. A kernel waits for
nothing and reads nothing back, so all of it can be captured in a CUDA graph.
"""
