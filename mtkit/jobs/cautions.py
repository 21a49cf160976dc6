"""What is said of a config that may go wrong, and of a training that came to little."""

from mtkit import registry
from mtkit.schema import Config, chosen


def relu_warning(config: Config) -> str:
    """What to say of a recurrence without bounds; "" where there is none."""
    sides = (config.model.encoder, config.model.decoder)
    cells = [name for side in sides for _, kind, name in chosen(side) if kind == "cell"]
    unbounded = [name for name in cells if registry.choice("cell", name).unbounded]
    if not unbounded:
        return ""
    clips = {f"train.{key}": getattr(config.train, key) for key in ("clip_norm", "clip_value")}
    on = " and ".join(f"{key} = {value:g}" for key, value in clips.items() if value)
    bounded = registry.having("cell", unbounded="")[0]
    state = f"gradients are clipped ({on})" if on else f"clipping is off: set train.clip_norm, or use cell {bounded}"
    name = unbounded[0]
    return f"cell {name}: {registry.choice('cell', name).unbounded} have no bound and can explode; {state}"


def little_learnt(config: Config, update: int, reason: str) -> str:
    """What to say of a training that ended, for a reason, while its rate was rising; "" of any other."""
    if update >= config.train.warmup or reason.startswith("max_updates"):
        return ""
    return (
        f"training ended at update {update:,}, while its rate was rising (train.warmup = {config.train.warmup}), so "
        "little was learnt; set a lower train.warmup and train longer (train.max_epochs, train.max_updates), or give "
        "more text"
    )
