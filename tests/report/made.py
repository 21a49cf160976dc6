"""A run as it lies on disk, without a model, and files beside it, for tests of reports."""

import json
from pathlib import Path

from mtkit.config import parse
from mtkit.store.log import Begin, Finished, Log, Update, Validation
from mtkit.store.run import Run

HOSTILE = "<script>alert('x')</script> \"&amp;\" שלום $x_1$"
LINES = 24


def write_text(folder: Path, name: str) -> None:
    """Pairs of NAME.en and NAME.de; the last word of each fifth stands nowhere else."""
    pairs = [
        (f"a dog {n % 7} barks", f"ein Hund {n % 7} bellt{f' laut{n}' if n % 5 == 0 else ''}") for n in range(LINES)
    ]
    for side, language in enumerate(("en", "de")):
        (folder / f"{name}.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs), encoding="utf-8")


def make_run(root: Path, name: str, *, worse: int = 0, ended: bool = True) -> Path:
    """A run's folder: config, log, and what mtkit eval keeps.

    Args:
        worse: every so manieth translation is of something else.
    """
    folder = root / "runs" / name
    (folder / "eval").mkdir(parents=True)
    for text in ("train", "test"):
        if not (root / f"{text}.en").exists():
            write_text(root, text)
    data = {"source_lang": "en", "target_lang": "de", "train": "train", "test": ["test"]}
    Run(folder).begin(parse({"name": name, "data": data}, "test"), "01234567")
    write_log(folder, ended=ended)
    lines = (root / "test.de").read_text(encoding="utf-8").splitlines()
    made = [HOSTILE if worse and number % worse == 0 else line for number, line in enumerate(lines)]
    (folder / "eval/test.de").write_text("".join(f"{line}\n" for line in made), encoding="utf-8")
    (folder / "eval/test.json").write_text("{}")
    likely = [
        {"translation": line, "logprob": -9.0 if line == HOSTILE else -0.1 * number, "tokens": ["a", "b"]}
        for number, line in enumerate(made)
    ]
    (folder / "eval/test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in likely))
    return folder


def write_log(folder: Path, *, ended: bool = True, updates: int = 30) -> None:
    log = Log(folder / "log.jsonl")
    log.write(
        Begin(
            update=0,
            parameters=12345,
            train_pairs=LINES,
            updates_per_epoch=3,
            device="cpu",
            precision="fp32",
            resumed_at=0,
            native=True,
        )
    )
    for update in range(1, updates + 1):
        log.write(
            Update(
                update=update,
                epoch=0,
                seconds=update * 6.0,
                loss=8 / update,
                lr=update / 1000,
                grad_norm=1 / update,
                target_tokens=update * 100,
                tokens_per_second=1000.0 + update,
                waited=0.0,
            )
        )
        if update % 10 == 0:
            scores = {"loss": 4 / update, "bleu": float(update), "chrf": 2.0 * update}
            log.write(Validation(update=update, epoch=0, seconds=update * 6.0, scores=scores))
    if ended:
        log.write(Finished(update=updates, reason="max_updates = 30", best={"loss": 0.1, "bleu": 30.0, "chrf": 60.0}))
