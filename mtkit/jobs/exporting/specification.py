"""A Transformer in the terms of CTranslate2: its specification, filled with the weights of a bundle.

Its layers are ours: norm before each sublayer and at the end, ReLU, scaled dot products, embeddings times the root of
their width. What it lacks is a projection between embeddings and encoder, so that is worked into the embeddings.

Dimensions: V vocabulary, E embed_dim, H hidden_dim, L positions.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mtkit.errors import BundleError, ConfigError
from mtkit.model.transformer import decoder as decoders
from mtkit.model.transformer import encoder as encoders
from mtkit.model.transformer.blocks import FeedForward, Input, MultiHead
from mtkit.model.transformer.positions import Rotary
from mtkit.store.bundle import Bundle
from mtkit.text.tokenizer import Tokenizer

LONGEST = 1025  # positions that are written down: by default it reads 1024 pieces and their end, and says 256
OLDEST = (4, 8)  # of the package that this was tried with
INSTALL = "pip install 'mtkit[ctranslate2]'"


def package() -> Any:
    """CTranslate2's specifications.

    Raises:
        ConfigError: it is not installed, or is too old.
    """
    try:
        from ctranslate2 import __version__, specs
    except ImportError:
        raise ConfigError(
            f"what CTranslate2 reads is written by its package, which is not installed: {INSTALL}"
        ) from None
    if tuple(map(int, __version__.split(".")[:2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise ConfigError(f"ctranslate2 {__version__} is installed, expected {wanted} or newer: {INSTALL}")
    return specs


def specification(loaded: Bundle) -> Any:
    """The specification of a model that has no `obstacles`, not yet validated.

    Raises:
        ConfigError: the package is not installed.
        BundleError: its tokenizer has two pieces of one name.
    """
    specs = package()
    model = loaded.model
    encoder, decoder = model.encoder, model.decoder
    assert isinstance(encoder, encoders.TransformerEncoder)
    assert isinstance(decoder, decoders.TransformerDecoder)
    first = encoder.blocks[0]
    assert isinstance(first, encoders.Block)
    made_encoder = specs.TransformerEncoderSpec(
        len(encoder.blocks), first.attention.heads, rotary_dim=_rotary(encoder.input)
    )
    made_decoder = specs.TransformerDecoderSpec(
        len(decoder.blocks),
        decoder.heads,
        alignment_heads=decoder.heads,
        rotary_dim=_rotary(decoder.input),
        project_in_out=True,
    )
    with torch.no_grad():
        _encoder(made_encoder, encoder, model.source_VE)
        _decoder(made_decoder, decoder, model.target_VE)
        _output(made_decoder, model.output)
    made = specs.TransformerSpec(made_encoder, made_decoder)
    _vocabularies(made, loaded.source_tokenizer, loaded.target_tokenizer)
    made.config.layer_norm_epsilon = encoder.norm.eps
    return made


def _encoder(made: Any, encoder: encoders.TransformerEncoder, embeddings_VE: Tensor) -> None:
    project = encoder.input.project
    if project is None:
        made.embeddings[0].weight = _values(embeddings_VE)
    else:
        made.embeddings[0].weight = _values(project(embeddings_VE * encoder.input.scale))
        made.scale_embeddings = False
    _positions(made, encoder.input)
    for layer, block in zip(made.layer, encoder.blocks, strict=True):
        assert isinstance(block, encoders.Block)
        _self_attention(layer.self_attention, block.attention, block.attention_norm)
        _feed_forward(layer.ffn, block.ffn, block.ffn_norm)
    _norm(made.layer_norm, encoder.norm)


def _decoder(made: Any, decoder: decoders.TransformerDecoder, embeddings_VE: Tensor) -> None:
    made.embeddings.weight = _values(embeddings_VE)
    if decoder.input.project is None:
        del made.project_in
    else:
        _linear(made.project_in, decoder.input.project)
    _positions(made, decoder.input)
    for layer, block in zip(made.layer, decoder.blocks, strict=True):
        assert isinstance(block, decoders.Block)
        _self_attention(layer.self_attention, block.self_attention, block.self_norm)
        query, keys_values, merged = layer.attention.linear
        _linear(query, block.attention.query)
        _linear(keys_values, block.attention.key, block.attention.value)
        _linear(merged, block.attention.output)
        _norm(layer.attention.layer_norm, block.attention_norm)
        _feed_forward(layer.ffn, block.ffn, block.ffn_norm)
    _norm(made.layer_norm, decoder.norm)


def _output(made: Any, output: Any) -> None:
    if output.projection is None:
        del made.project_out
    else:
        _linear(made.project_out, output.projection)
    made.projection.weight, made.projection.bias = _values(output.weight_VE), _values(output.bias_V)


def _self_attention(made: Any, attention: MultiHead, norm: nn.LayerNorm) -> None:
    all_at_once, merged = made.linear
    _linear(all_at_once, attention.query, attention.key, attention.value)
    _linear(merged, attention.output)
    _norm(made.layer_norm, norm)


def _feed_forward(made: Any, ffn: FeedForward, norm: nn.LayerNorm) -> None:
    _linear(made.linear_0, ffn.inner)
    _linear(made.linear_1, ffn.outer)
    _norm(made.layer_norm, norm)


def _linear(made: Any, *layers: nn.Linear) -> None:
    """One layer, or several that read the same."""
    made.weight = _values(torch.cat([layer.weight for layer in layers]))
    if any(layer.bias is not None for layer in layers):
        nothing = [torch.zeros(layer.out_features) for layer in layers]
        biases = zip(layers, nothing, strict=True)
        made.bias = _values(torch.cat([zero if layer.bias is None else layer.bias for layer, zero in biases]))


def _norm(made: Any, norm: nn.LayerNorm) -> None:
    made.gamma, made.beta = _values(norm.weight), _values(norm.bias)


def _rotary(given: Input) -> int | None:
    """The width of the heads that positions turn; None: they turn nothing."""
    positions = given.positions
    return positions.hidden_dim // positions.heads if isinstance(positions, Rotary) else None


def _positions(made: Any, given: Input) -> None:
    """What positions add to the first block's input, row by row."""
    if _rotary(given) is None:
        table_LH, _ = given.positions(torch.zeros(LONGEST, given.positions.hidden_dim), torch.arange(LONGEST))
        made.position_encodings.encodings = _values(table_LH)


def _values(tensor: Tensor) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return tensor.detach().float().contiguous().numpy()


def _vocabularies(made: Any, source: Tokenizer, target: Tokenizer) -> None:
    """Pieces by their ids, and which of them are special. It has one name of each for both sides."""
    unknown, end = target.names[target.unk], target.names[target.eos]
    of_source = list(source.names)
    of_source[source.unk], of_source[source.eos] = unknown, end
    for names in (of_source, target.names):
        if len(set(names)) < len(names):
            raise BundleError("CTranslate2 knows pieces by their names, of which this model's tokenizer has some twice")
    made.register_source_vocabulary(of_source)
    made.register_target_vocabulary(target.names)
    made.config.unk_token, made.config.eos_token = unknown, end
    made.config.bos_token = made.config.decoder_start_token = target.names[target.bos]
    made.config.add_source_eos = True
