"""The model family. Constructors take plain keyword arguments; only `build` sees the config.

Names of tensors end in their dimensions: B sentences, S source positions, T target positions, K hypotheses
of a sentence, D directions, N real tokens, E embed_dim, H hidden_dim, A width of the attention's keys,
G all gates of a cell (a multiple of its hidden width), V vocabulary.
"""
