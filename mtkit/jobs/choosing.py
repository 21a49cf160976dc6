"""Which precision a run takes: what cannot be is refused, and "auto" goes by model and device."""

import torch

from mtkit.errors import ConfigError
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import native
from mtkit.train import precision


def refuse(wanted: str, device: torch.device, model: Seq2Seq) -> None:
    """Refuse a precision that is not for this device or model.

    Raises:
        ConfigError: says which one would be.
    """
    if wanted != precision.on(device, wanted):
        raise ConfigError(f"train.precision = {wanted} is for CUDA devices; on a CPU use fp32, bf16 or auto")
    if precision.WAYS.get(wanted, precision.Way()).activations and not model.rounds:
        raise ConfigError(
            f"train.precision = {wanted} is for Transformers, since states of a recurrence add up what rounding loses; "
            "use bf16 or auto"
        )


def choice(wanted: str, device: torch.device, model: Seq2Seq) -> precision.Choice:
    """As asked, or what fits the model on the device."""
    if wanted != "auto":
        return precision.Choice(wanted, "as asked")
    return precision.choose(device, model, native.status().ready)
