"""All of a run that can be resumed, in one place."""

from dataclasses import dataclass, field

import torch

from mtkit.model.seq2seq import Seq2Seq


@dataclass
class Progress:
    """The part of a run's state that is not tensors."""

    update: int = 0
    epoch: int = 0
    """The pass over the text that the next update belongs to, from 0."""
    batch: int = 0
    """Batches of that pass already used."""
    seconds: float = 0.0
    """Time spent training and validating, over all starts."""
    target_tokens: int = 0
    total_updates: int = 0
    """Where a time budget ends, in updates; decided once. 0: not yet, or no budget."""
    planned_minutes: float = 0.0
    """The time budget that this was decided for."""
    precision: str = ""
    """fp32 or bf16; decided once."""
    best: float | None = None
    """Best validation score (of loss: its negative)."""
    best_update: int = 0
    without_gain: int = 0
    """Validations since the best one."""
    validated: int = 0
    """The update of the last validation."""
    scores: dict[str, float] = field(default_factory=dict)
    """Of the last validation."""
    best_scores: dict[str, float] = field(default_factory=dict)
    finished: str = ""
    """Why the run ended; "": it has not."""
    log_bytes: int = 0
    """Length of log.jsonl when this was saved: what follows is of updates that are done again."""


@dataclass
class Training:
    """A run: its model, its optimiser, its progress."""

    model: Seq2Seq
    optimizer: torch.optim.Optimizer
    progress: Progress

    def tensors(self) -> dict[str, torch.Tensor]:
        """The optimiser's tensors by parameter name; its step count is `progress.update`."""
        named = {}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                if key != "step":
                    named[f"{name}:{key}"] = value
        return named

    def restore_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        """The reverse of `tensors`."""
        for name, parameter in self.model.named_parameters():
            values = {key.split(":")[1]: tensors[key] for key in tensors if key.rpartition(":")[0] == name}
            if values:
                step = torch.tensor(float(self.progress.update), device=parameter.device)
                self.optimizer.state[parameter] = {"step": step, **values}


def adam(model: Seq2Seq, lr: float, betas: tuple[float, float]) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015), one fused pass over all parameters."""
    return torch.optim.Adam(model.parameters(), lr=lr, betas=betas, eps=1e-9, fused=True)
