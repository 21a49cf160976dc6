"""A model's architecture in a few words, for cards and tables. Must not know torch or parameters."""

from mtkit.schema import Convolution, Model, RecurrentDecoder, RecurrentEncoder, TransformerDecoder, TransformerEncoder


def architecture(model: Model) -> dict[str, str]:
    """Part -> what it is: "encoder" -> "2 layers of lstm, both ways, residual"."""
    encoder, decoder = model.encoder, model.decoder
    if isinstance(encoder, RecurrentEncoder):
        reads = [_layers(encoder.layers, encoder.cell), "both ways" if encoder.bidirectional else "left to right"]
        reads += _between(encoder)
    else:
        reads = [_layers(encoder.layers, "self-attention"), *_block(encoder, model.hidden_dim)]
    if isinstance(decoder, RecurrentDecoder):
        begins = {"last": "the last state", "mean": "the mean state", "zeros": "zeros"}[decoder.state]
        writes = [_layers(decoder.layers, decoder.cell), f"wired {decoder.wiring}", f"beginning with {begins}"]
        writes += _between(decoder)
    else:
        writes = [_layers(decoder.layers, "self-attention"), *_block(decoder, model.hidden_dim)]
    looks = [model.attention_name]
    if model.attention_heads > 1:
        looks.append(f"{model.attention_heads} heads")
    if model.attention_name in ("local", "location"):
        looks.append(f"window {model.attention.window}")
    if model.attention.coverage:
        looks.append("with coverage")
    return {
        "encoder": ", ".join([*map(_convolution, encoder.conv), *reads]),
        "decoder": ", ".join(writes),
        "attention": ", ".join(looks),
        "widths": f"embeddings {model.embed_dim}, hidden {model.hidden_dim}",
    }


def _layers(count: int, what: str) -> str:
    return f"{count} layer{'s' if count > 1 else ''} of {what}"


def _between(side: RecurrentEncoder | RecurrentDecoder) -> list[str]:
    return ["residual"] * side.residual + [f"{side.norm} norm"] * (side.norm != "none")


def _block(side: TransformerEncoder | TransformerDecoder, hidden_dim: int) -> list[str]:
    plural = "s" if side.heads > 1 else ""
    return [
        f"{side.heads} head{plural}",
        f"feed-forward {side.ffn_dim or 4 * hidden_dim}",
        f"{side.positions} positions",
    ]


def _convolution(layer: Convolution) -> str:
    return f"convolution (kernel {layer.kernel}, stride {layer.stride}, {layer.channels} channels)"
