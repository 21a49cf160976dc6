"""What of a model CTranslate2 cannot say, known from its config alone, before any work."""

from mtkit.model.transformer.decoder import TransformerDecoder
from mtkit.model.transformer.encoder import TransformerEncoder
from mtkit.model.transformer.positions import Learned, Rotary, Sinusoidal
from mtkit.registry import resolve
from mtkit.schema import Model

POSITIONS = (Sinusoidal, Learned, Rotary)


def obstacles(model: Model) -> list[str]:
    """Why CTranslate2 cannot run a model, key by key; []: it can."""
    found = []
    transformers = {"encoder": TransformerEncoder, "decoder": TransformerDecoder}
    for kind, side in (("encoder", model.encoder), ("decoder", model.decoder)):
        if resolve(kind, side.name) is not transformers[kind]:
            found.append(f'{kind}.name = "{side.name}": it runs Transformers alone')
            continue
        if getattr(side, "conv", []):
            found.append(f"{kind}.conv: it has no convolution before an encoder of pieces")
        if resolve("positions", positions := getattr(side, "positions", "")) not in POSITIONS:
            found.append(f'{kind}.positions = "{positions}": it has other ones')
    if not found and (own := getattr(model.decoder, "heads", 0)) != (looks := model.attention_heads):
        found.append(f"decoder.heads = {own} and attention.heads = {looks}: it has one number for both")
    return found
