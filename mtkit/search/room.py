"""How many sentences are translated together, and what records their steps. Must not know how they are searched.

On a GPU a batch has so many sentences and rows of logits at most, since more make it no faster, and what search makes
of them takes no more than a share of the memory that is free.
"""

import threading
from dataclasses import dataclass, replace

import torch

from mtkit.decoding import Decoding
from mtkit.ops.recording import CudaRecorder, Recorder
from mtkit.search.ensemble import Ensemble

SENTENCES, ROWS = 4096, 10_240
SHARE = 0.5
BYTES = 24  # of a number among the logits, with all that is made of it
KEPT_BYTES = 16  # of a number that a state keeps of every piece, and that is moved with its hypothesis
LOOKED_BYTES = 24  # of a number of attention that is told

_own = threading.local()


@dataclass(frozen=True)
class Room:
    """How much is translated together.

    Attributes:
        tokens: source pieces times hypotheses, at most; 0: any.
        sentences: at most; 0: any.
        width: hypotheses of a sentence.
        memory: bytes, at most; 0: any.
        a_row: bytes of a hypothesis, ...
        a_piece: ... and of each of its pieces, if it has as many as it can have, ...
        a_look: ... and of each of these for a source piece.
        ratio: the most pieces of a hypothesis, for a source piece.
    """

    tokens: int
    sentences: int
    width: int
    memory: int = 0
    a_row: int = 0
    a_piece: int = 0
    a_look: int = 0
    ratio: float = 1.0

    def has(self, sentences: int, longest: int) -> bool:
        """Whether so many sentences, the longest of so many source pieces, go together."""
        if self.sentences and sentences > self.sentences:
            return False
        if self.memory:
            a_row = self.a_row + self.ratio * longest * (self.a_piece + self.a_look * longest)
            return sentences * self.width * a_row <= self.memory
        return not self.tokens or sentences * longest * self.width <= self.tokens

    def halved(self, sentences: int) -> "Room":
        """For half as many as these, which were too many."""
        return replace(self, sentences=sentences // 2)


def room_of(ensemble: Ensemble, decode: Decoding, width: int, attention: bool = False) -> Room:
    """By decode.batch_tokens; on a GPU, where that is what it always is, as much as keeps it busy and fits."""
    if not in_tables(ensemble.device) or decode.batch_tokens != Decoding.batch_tokens:
        return Room(decode.batch_tokens, 0, width)
    free, _ = torch.cuda.mem_get_info(ensemble.device)
    free += torch.cuda.memory_reserved(ensemble.device) - torch.cuda.memory_allocated(ensemble.device)
    return Room(
        0,
        max(1, min(SENTENCES, ROWS // width)),
        width,
        max(1, int(free * SHARE)),
        BYTES * max(len(model.output.bias_V) for model in ensemble.models),
        KEPT_BYTES * sum(model.decoder.kept for model in ensemble.models),
        LOOKED_BYTES * attention,
        decode.max_ratio,
    )


def in_tables(device: torch.device) -> bool:
    """Whether a look at results makes the device wait."""
    return device.type != "cpu"


def recorder(device: torch.device) -> Recorder | None:
    """Of this thread, on this device; None: nothing is recorded there."""
    if device.type != "cuda":
        return None
    kept: dict[torch.device, Recorder] = vars(_own).setdefault("recorders", {})
    if device not in kept:
        kept[device] = CudaRecorder(device)
    return kept[device]


def forget(device: torch.device) -> None:
    """Give back what memory is kept of batches that are done."""
    if (own := recorder(device)) is not None:
        own.forget()
        torch.cuda.empty_cache()
