"""From config to model: the only place in `mtkit.model` that sees it."""

from mtkit import registry
from mtkit.model.encoder import RecurrentEncoder
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Model


def build(config: Model, source_vocab: int, target_vocab: int, shared: bool) -> Seq2Seq:
    """Build a model with fresh parameters (drawn from torch's global generator).

    Args:
        shared: whether both sides have one vocabulary, which `tie = "auto"` depends on.
    """
    attention = registry.resolve("attention", config.attention.resolved)(config.hidden_dim)
    encoder = RecurrentEncoder(
        cell=registry.resolve("cell", config.encoder.cell),
        layers=config.encoder.layers,
        embed_dim=config.embed_dim,
        hidden_dim=config.hidden_dim,
        bidirectional=config.encoder.bidirectional,
        dropout=config.dropout,
    )
    decoder = registry.resolve("wiring", config.decoder.wiring)(
        cell=registry.resolve("cell", config.decoder.cell),
        layers=config.decoder.layers,
        embed_dim=config.embed_dim,
        hidden_dim=config.hidden_dim,
        state=config.decoder.state,
        attention=attention,
        dropout=config.dropout,
    )
    tie = config.tie if config.tie != "auto" else ("all" if shared else "target")
    return Seq2Seq(
        encoder=encoder,
        decoder=decoder,
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        embed_dim=config.embed_dim,
        hidden_dim=config.hidden_dim,
        tie=tie,
        dropout=config.dropout,
    )
