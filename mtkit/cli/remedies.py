"""What the command line has to add to an error of the library: the flags that are the way out."""

from mtkit.errors import MtkitError

REMEDIES = {
    "fresh": "--fresh keeps the old run beside",
    "model": "--model",
    "force": "--force writes over it",
    "languages": "--from LANG --to LANG",
    "files": "--hyp FILE --ref FILE",
    "references": "--ref FILE",
    "beam": "--beam-size, --n-best",
    "align": "--align",
    "coverage_penalty": "--coverage-penalty",
    "workers": "--workers",
    "memory": "--workers, --batch-tokens",
    "set": "--set",
    "jobs": "--jobs 1",
    "metrics": "--metrics bleu,chrf",
    "gpus": "torchrun --nproc-per-node N, --device cpu",
    "dev": "--dev",
    "confidence": "mtkit eval --fit-confidence",
    "held_out": "--src FILE --ref FILE",
    "address": "--port, --host",
    "keys": "--new-key NAME makes one",
    "tag": "--tag",
    "suggestions": "mtkit serve --suggestions FILE",
    "ray": "ray start --head, --ray HOST:PORT",
}
"""Kind of remedy -> the flags."""


def told(message: str, remedy: str) -> str:
    """A message with the flags of its remedy."""
    return f"{message} ({REMEDIES[remedy]})" if remedy in REMEDIES else message


def shown(error: MtkitError) -> str:
    """An error as the command line says it."""
    return told(str(error), error.remedy)
