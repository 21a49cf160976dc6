"""Transformers to translate with here and in CTranslate2: trained for some minutes, and exported. See `beside`."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SMALL = ("model.embed_dim=128", "model.hidden_dim=128", "train.lr=3e-3", "train.warmup=300")
LARGE = ("model.embed_dim=512", "model.hidden_dim=512", "train.lr=7e-4", "train.warmup=300")
SIZES = {"4+4 x 128": (SMALL, 4, 4, 256, 8000), "6+6 x 512": (LARGE, 6, 8, 2048, 32000)}
"""Name -> settings, layers a side, heads, width of feed-forward networks, pieces."""
# With mtkit at the end of the path, so that nothing but what is lacking here is taken from there.
EXPORT = "import sys; sys.path.append(sys.argv.pop(1)); from mtkit.cli.main import main; main()"


@dataclass(frozen=True)
class Model:
    """One to compare on.

    Attributes:
        folder: a bundle or a run.
        exported: the same for CTranslate2, by the precision of its weights; {}: it cannot run it.
    """

    name: str
    folder: Path
    exported: Mapping[str, Path] = field(default_factory=dict)


def trained(name: str, work: Path, data: Path | None, minutes: float) -> Path:
    """The run of a Transformer of `SIZES` that has been trained so long, once a work folder; 0 minutes: one update."""
    settings, layers, heads, inner, pieces = SIZES[name]
    folder = f"transformer-{inner}-{minutes:g}"
    given = [
        f"name={folder}",
        f"tokenizer.vocab_size={pieces if data or pieces > 8000 else 2000}",
        f"tokenizer.kind={'bpe' if pieces > 8000 else 'unigram'}",  # of captions no unigram model has so many pieces
        *settings,
        "model.tie=all",
        "model.dropout=0.1",
        *(
            f"model.{side}.{key}"
            for side in ("encoder", "decoder")
            for key in ("name=transformer", f"layers={layers}", f"heads={heads}", f"ffn_dim={inner}")
        ),
        f"model.attention.heads={heads}",
        "train.schedule=linear",
        "train.batch_tokens=2000",
        "train.max_epochs=0",
        "train.validate_lines=100",
        *((f"train.max_minutes={minutes}",) if minutes else ("train.max_minutes=0", "train.max_updates=1")),
    ]
    if data:
        given += [f'data.train="{data}/train"', f'data.dev="{data}/val"', "data.test=[]"]
    run = work / "runs" / folder
    if not (run / "best").exists():
        arguments = ["-c", "demo", *(part for one in given for part in ("--set", one))]
        subprocess.run([sys.executable, "-m", "mtkit", "train", "-q", *arguments], cwd=work, check=True)
    return run


def exported(name: str, folder: Path, work: Path, python: str) -> Model:
    """A model with its exports, made anew, by the package ctranslate2 of another Python where there is none here.

    Raises:
        SystemExit: there is no such package, or the model is one that CTranslate2 cannot run.
    """
    code = "import ctranslate2, sentencepiece, pathlib; print(pathlib.Path(ctranslate2.__file__).parents[1])"
    there = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if there.returncode:
        raise SystemExit(f"{python} has no ctranslate2 and sentencepiece: pip install them there, or name another")
    made = {}
    for precision in ("int8", "fp32"):
        made[precision] = work / "exported" / f"{name.replace(' ', '')}-{precision}"
        command = [sys.executable, "-c", EXPORT, there.stdout.strip(), "export", "-q", "--to", "ctranslate2"]
        done = subprocess.run([*command, "--precision", precision, str(folder), str(made[precision])])
        if done.returncode:
            raise SystemExit(done.returncode)  # it has said why
    return Model(name, folder, made)
