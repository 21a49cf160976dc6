"""One model or several as one step function, in a precision, over all pieces or a shortlist of them.

Several models (an ensemble) may differ in all but the target vocabulary: their distributions are averaged at each
step. Must not know how hypotheses are chosen.

Dimensions: B sentences, K hypotheses of each, V vocabulary, C listed pieces, S source positions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import log
from typing import Any

import torch
from torch import Tensor

from mtkit.corpus.batch import pad
from mtkit.model.seq2seq import Seq2Seq, ToLogits
from mtkit.ops.compute import Kept
from mtkit.ops.packing import Packing
from mtkit.ops.products import precision
from mtkit.ops.wide import operands
from mtkit.search.nearest import Nearest
from mtkit.search.shortlist import Listed


@dataclass(frozen=True)
class EnsembleState:
    """The states of several models, what each sentence may not say, and what steers it, of each model."""

    parts: tuple[Any, ...]
    ruled_out_BC: Tensor | None
    nearest: tuple[Nearest, ...] = ()

    def reorder(self, parents_BK: Tensor) -> "EnsembleState":
        """See search.State."""
        return EnsembleState(tuple(part.reorder(parents_BK) for part in self.parts), self.ruled_out_BC, self.nearest)

    def keep(self, sentences: Tensor) -> "EnsembleState":
        """See search.State."""
        ruled_out_BC = None if self.ruled_out_BC is None else self.ruled_out_BC[sentences]
        kept = [one.keep(sentences) for one in self.nearest]
        nearest = tuple(one for one in kept if one is not None)  # of all models or of none
        return EnsembleState(tuple(part.keep(sentences) for part in self.parts), ruled_out_BC, nearest)

    @property
    def grows(self) -> bool:
        """Whether a step makes its tensors larger."""
        return any(part.grows for part in self.parts)

    def with_room(self, steps: int) -> "EnsembleState | None":
        """See DecoderState.with_room."""
        parts = [part.with_room(steps) if part.grows else part for part in self.parts]
        return None if any(part is None for part in parts) else replace(self, parts=tuple(parts))

    def copied(self) -> "EnsembleState":
        """The same, with tensors of its own of the hypotheses."""
        return replace(self, parts=tuple(part.each(lambda x: x, _own) for part in self.parts))

    def put(self, other: "EnsembleState") -> None:
        """Take over the tensors of the hypotheses of another one of the same shape."""
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            for place, x in zip(_of_hypotheses(mine), _of_hypotheses(theirs), strict=True):
                if not place.is_set_to(x):
                    place.copy_(x)


def _own(x: Tensor) -> Tensor:
    return x.clone(memory_format=torch.contiguous_format)


def _of_hypotheses(part: Any) -> list[Tensor]:
    found: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        found.append(x)
        return x

    part.each(lambda x: x, note)
    return found


class Ensemble:
    """What is asked for the next piece.

    Args:
        models: in eval mode, on one device; they share the target vocabulary.
        source_eos: of each model.
        precision: "fp32", "bf16" or "int8".
    """

    def __init__(self, models: list[Seq2Seq], source_eos: list[int], precision: str = "fp32") -> None:
        self.models, self.source_eos, self.precision = models, source_eos, precision
        self._kept: Kept = {}
        if precision == "bf16":
            self._kept |= operands(parameter for model in models for parameter in model.parameters())

    @property
    def device(self) -> torch.device:
        return self.models[0].source_VE.device

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Compute in this precision, without autograd."""
        with torch.inference_mode(), precision(self.precision, self._kept):
            yield

    def padded(self, sources: list[list[list[int]]]) -> list[tuple[Tensor, Packing]]:
        """Sentences as `encode` takes them: for each model a table and where real positions are.

        Args:
            sources: ids of each sentence as each model's source tokenizer makes them; none may be empty.
        """
        return [pad(ids, eos) for ids, eos in zip(sources, self.source_eos, strict=True)]

    def encode(
        self, padded: list[tuple[Tensor, Packing]], listed: Listed | None = None, nearest: tuple[Nearest, ...] = ()
    ) -> "Encoded":
        """Encode sentences.

        Args:
            listed: pieces that may be produced; None: all.
            nearest: what steers search, of each model; (): nothing.
        """
        with self.entered():
            states, lengths = [], []
            for model, (source_BS, packing) in zip(self.models, padded, strict=True):
                memory = model.encode(source_BS.to(self.device), packing.to(self.device))
                states.append(model.decoder.start(memory))
                lengths.append(memory.packing.lengths.tolist())
            if listed is None:
                return Encoded(self, EnsembleState(tuple(states), None, nearest), lengths[0], None, None)
            outputs = [model.output.among(listed.pieces_C) for model in self.models]
            state = EnsembleState(tuple(states), listed.ruled_out_BC, nearest)
            return Encoded(self, state, lengths[0], listed, outputs)


@dataclass(frozen=True)
class Encoded:
    """A batch that search can begin with: its sources are encoded."""

    ensemble: Ensemble
    state: EnsembleState
    source_lengths: list[int]
    """States of the first model's memory, a sentence."""
    listed: Listed | None
    outputs: list[ToLogits] | None
    """What makes logits of the listed pieces alone, of each model."""

    def step(self, last_BK: Tensor, state: EnsembleState) -> tuple[Tensor, EnsembleState, Tensor]:
        """See search.Step; the attention is the first model's."""
        with self.ensemble.entered():
            return self.step_within(last_BK, state)

    def step_within(self, last_BK: Tensor, state: EnsembleState) -> tuple[Tensor, EnsembleState, Tensor]:
        """The same for whoever has entered the ensemble's precision for all steps."""
        if self.listed is not None:
            last_BK = self.listed.pieces_C[last_BK]
        made = []
        for i, (model, part) in enumerate(zip(self.ensemble.models, state.parts, strict=True)):
            output = model.output if self.outputs is None else self.outputs[i]
            seen: list[Tensor] = []
            logits_BKC, part, weights_BKS = model.step(
                last_BK, part, _noting(output, seen) if state.nearest else output
            )
            if state.ruled_out_BC is not None:
                logits_BKC += state.ruled_out_BC.unsqueeze(1)
            if state.nearest:
                state.nearest[i].mix(logits_BKC, model.output.project(seen[0]))
            made.append((logits_BKC, part, weights_BKS))
        logits_BKC = made[0][0]
        if len(made) > 1:
            logprobs = torch.stack([logits.float().log_softmax(-1) for logits, _, _ in made])
            logits_BKC = logprobs.logsumexp(0) - log(len(made))
        after = EnsembleState(tuple(part for _, part, _ in made), state.ruled_out_BC, state.nearest)
        return logits_BKC, after, made[0][2]


def _noting(output: ToLogits, seen: list[Tensor]) -> ToLogits:
    """The same, and what it is given is noted."""

    def logits(features: Tensor) -> Tensor:
        seen.append(features)
        return output(features)

    return logits
