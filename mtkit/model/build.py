"""From config to model: the only place in `mtkit.model` that sees it. Must not know any choice by its name."""

import inspect
from typing import Any

from mtkit.errors import ConfigError
from mtkit.model.convolution import Convolution
from mtkit.model.decoder import Decoder
from mtkit.model.encoder import Encoder
from mtkit.model.initialise import initialise
from mtkit.model.seq2seq import Seq2Seq
from mtkit.registry import choice, resolve
from mtkit.schema import Model, Side, chosen


def build(config: Model, source_vocab: int, target_vocab: int, shared: bool, bptt_steps: int = 0) -> Seq2Seq:
    """Build a model with fresh parameters (drawn from torch's global generator).

    Args:
        shared: whether both sides have one vocabulary, which `tie = "auto"` depends on.
        bptt_steps: steps after which training cuts gradients from state to state; 0: never.
    """
    convolution, width = None, config.embed_dim
    if conv := getattr(config.encoder, "conv", []):
        layers = [(layer.kernel, layer.stride, layer.channels) for layer in conv]
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
    told = _told(config, bptt_steps) | {"embed_dim": width}
    made: Encoder = _made(resolve("encoder", config.encoder.name), _settings(config.encoder), told)
    return made


def _decoder(config: Model, bptt_steps: int) -> Decoder:
    side, facts = config.decoder, choice("decoder", config.decoder.name)
    built, settings = resolve("decoder", side.name), _settings(side)
    told = _told(config, bptt_steps) | {"embed_dim": config.embed_dim}
    if facts.built_by:
        base, built = built, settings.pop(facts.built_by)
        if not issubclass(built, base):
            key = facts.built_by
            raise ConfigError(
                f"decoder.{key} = {getattr(side, key)!r} is no {base.__name__}; expected a subclass of it"
            )
    if facts.own_attention:
        told |= {"attention_heads": config.attention_heads}
    else:
        told |= {"attention": _attention(config)}
    made: Decoder = _made(built, settings, told)
    return made


def _attention(config: Model) -> Any:
    settings, built = config.attention, resolve("attention", config.attention_name)
    told = {"heads": config.attention_heads, "window": settings.window, "coverage": settings.coverage}
    if settings.coverage and not _takes(built, "coverage"):
        raise ConfigError(f"attention {config.attention_name!r} takes no coverage: use attention.coverage = false")
    return _made(built, {"hidden_dim": config.hidden_dim}, told)


def _told(config: Model, bptt_steps: int) -> dict[str, Any]:
    """What every encoder and decoder is told, if it asks."""
    return {
        "hidden_dim": config.hidden_dim,
        "dropout": config.dropout,
        "variational": config.variational,
        "truncate": bptt_steps,
    }


def _settings(side: Side) -> dict[str, Any]:
    """The keys of a table as its constructor takes them: names of choices are what they stand for."""
    settings = {key: getattr(side, key) for key in type(side).model_fields if key not in ("name", "conv")}
    return settings | {key: resolve(kind, name) for key, kind, name in chosen(side)}


def _made(built: Any, settings: dict[str, Any], told: dict[str, Any]) -> Any:
    """`built` with its settings, and of the rest what its constructor takes."""
    return built(**settings, **{key: value for key, value in told.items() if _takes(built, key)})


def _takes(built: Any, key: str) -> bool:
    parameters = inspect.signature(built).parameters
    return key in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
