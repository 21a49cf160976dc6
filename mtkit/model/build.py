"""From config to model: the only place in `mtkit.model` that sees it."""

import inspect

from mtkit.model.convolution import Convolution
from mtkit.model.decoder import Decoder
from mtkit.model.encoder import Encoder
from mtkit.model.initialise import initialise
from mtkit.model.seq2seq import Seq2Seq
from mtkit.registry import resolve
from mtkit.schema import Model


def build(config: Model, source_vocab: int, target_vocab: int, shared: bool, bptt_steps: int = 0) -> Seq2Seq:
    """Build a model with fresh parameters (drawn from torch's global generator).

    Args:
        shared: whether both sides have one vocabulary, which `tie = "auto"` depends on.
        bptt_steps: steps after which training cuts gradients from state to state; 0: never.
    """
    convolution, width = None, config.embed_dim
    if config.encoder.conv:
        layers = [(layer.kernel, layer.stride, layer.channels) for layer in config.encoder.conv]
        convolution = Convolution(layers, config.embed_dim, config.dropout, config.variational)
        width = convolution.width
    tie = config.tie if config.tie != "auto" else ("all" if shared else "target")
    model = Seq2Seq(
        convolution=convolution,
        encoder=_encoder(config, width, bptt_steps),
        decoder=_decoder(config, bptt_steps),
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        embed_dim=config.embed_dim,
        hidden_dim=config.hidden_dim,
        tie=tie,
        dropout=config.dropout,
        variational=config.variational,
        word_dropout=config.word_dropout,
    )
    initialise(model, resolve("init", config.init), resolve("recurrent_init", config.recurrent_init))
    return model


def _encoder(config: Model, width: int, bptt_steps: int) -> Encoder:
    encoder, common = config.encoder, _common(config)
    made: Encoder
    if encoder.name == "transformer":
        made = resolve("encoder", encoder.name)(
            layers=encoder.layers,
            heads=encoder.heads,
            ffn_dim=encoder.ffn_dim,
            positions=resolve("positions", encoder.positions),
            embed_dim=width,
            **common,
        )
    else:
        made = resolve("encoder", encoder.name)(
            cell=resolve("cell", encoder.cell),
            layers=encoder.layers,
            bidirectional=encoder.bidirectional,
            residual=encoder.residual,
            norm=resolve("norm", encoder.norm),
            embed_dim=width,
            truncate=bptt_steps,
            **common,
        )
    return made


def _decoder(config: Model, bptt_steps: int) -> Decoder:
    decoder, common = config.decoder, _common(config)
    made: Decoder
    if decoder.name == "transformer":
        made = resolve("decoder", decoder.name)(
            layers=decoder.layers,
            heads=decoder.heads,
            ffn_dim=decoder.ffn_dim,
            positions=resolve("positions", decoder.positions),
            attention_heads=config.attention_heads,
            embed_dim=config.embed_dim,
            **common,
        )
    else:
        kind = resolve("attention", config.attention_name)
        asked = config.attention
        given = {"heads": config.attention_heads, "window": asked.window, "coverage": asked.coverage}
        takes = inspect.signature(kind).parameters  # an attention names those that it has a use for
        attention = kind(config.hidden_dim, **{key: value for key, value in given.items() if key in takes})
        made = resolve("wiring", decoder.wiring)(
            cell=resolve("cell", decoder.cell),
            layers=decoder.layers,
            state=decoder.state,
            residual=decoder.residual,
            norm=resolve("norm", decoder.norm),
            attention=attention,
            embed_dim=config.embed_dim,
            truncate=bptt_steps,
            **common,
        )
    return made


def _common(config: Model) -> dict[str, int | float | bool]:
    """What every encoder and decoder is told."""
    return {"hidden_dim": config.hidden_dim, "dropout": config.dropout, "variational": config.variational}
