"""A model's architecture in a few words, for cards and tables. Must not know torch, parameters or names of choices."""

from mtkit.registry import choice
from mtkit.schema import Convolution, Model


def architecture(model: Model) -> dict[str, str]:
    """Part -> what it is: "encoder" -> "2 layers of lstm, both ways, residual"."""
    looks = [model.attention_name]
    if model.attention_heads > 1:
        looks.append(f"{model.attention_heads} heads")
    if choice("attention", model.attention_name).window:
        looks.append(f"window {model.attention.window}")
    if model.attention.coverage:
        looks.append("with coverage")
    before = [_convolution(layer) for layer in getattr(model.encoder, "conv", [])]
    return {
        "encoder": ", ".join([*before, *model.encoder.describe(model)]),
        "decoder": ", ".join(model.decoder.describe(model)),
        "attention": ", ".join(looks),
        "widths": f"embeddings {model.embed_dim}, hidden {model.hidden_dim}",
    }


def _convolution(layer: Convolution) -> str:
    return f"convolution (kernel {layer.kernel}, stride {layer.stride}, {layer.channels} channels)"
