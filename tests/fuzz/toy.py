"""A model that was trained for some updates, and all that lies around one; made once, then only read."""

import gzip
import json
import random
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.fuzz.perform import Performed, perform

WORDS = {"one": "eins", "two": "zwei", "big": "groß", "red": "rot", "dog": "Hund", "sees": "sieht", "house": "Haus"}
CONFIG = """name = "toy"
[data]
source_lang = "en"
target_lang = "de"
train = ["train"]
dev = "dev"
test = ["test"]
[filter]
max_pieces = 40
[tokenizer]
vocab_size = 352
[model]
embed_dim = 8
hidden_dim = 16
[model.encoder]
bidirectional = true
[train]
batch_tokens = 200
warmup = 2
max_epochs = 0
max_updates = 4
validate_every = 2
validate_lines = 4
ema = 0.5
average = 2
precision = "fp32"
[decode]
beam_size = 2
"""
RUN, CORPUS = "runs/toy", "prepared"
TEXT = ("mtkit.toml", "train.en", "train.de", "dev.en", "dev.de", "test.en", "test.de")
MADE = (
    ("train", "-q"),
    ("export", RUN, "int8", "--shortlist", "-q"),
    ("export", RUN, "bf16", "--precision", "bf16", "-q"),
    ("export", RUN, "fp32", "--precision", "fp32", "-q"),
)
USED = (("translate", "lines.txt", "-q"), ("score", "pairs.tsv", "-q"), ("info", RUN), ("eval", "-q"))
"""Commands that change nothing but what they load once."""
BUNDLES = (f"{RUN}/best", "int8", "bf16", "fp32")


@dataclass(frozen=True)
class Toy:
    """The folder with all of it."""

    folder: Path

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What every file holds, by its path within the folder."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    def within(self, folder: str, *endings: str) -> list[str]:
        """The files of a folder whose names have one of some endings; without any, all."""
        return [name for name in self.files if name.startswith(f"{folder}/") and name.endswith(endings or "")]

    @cached_property
    def corpus(self) -> str:
        """The prepared corpus."""
        return next(name for name in self.files if name.endswith("manifest.json")).rpartition("/")[0]

    @cached_property
    def checkpoints(self) -> list[str]:
        """Those of the run, oldest first."""
        found = {name.rpartition("/")[0] for name in self.within(f"{RUN}/checkpoints", "progress.json")}
        return sorted(found)


def text(seed: int, count: int) -> tuple[str, str]:
    """Sources and targets, a line each."""
    rng = random.Random(seed)
    lines = [[rng.choice(list(WORDS)) for _ in range(rng.randint(2, 7))] for _ in range(count)]
    source = "".join(" ".join(line) + ".\n" for line in lines)
    return source, "".join(" ".join(WORDS[word] for word in line) + ".\n" for line in lines)


def write_text(folder: Path) -> None:
    """Text of every format, and a config."""
    for seed, (name, count) in enumerate((("train", 150), ("dev", 6), ("test", 4))):
        for language, side in zip(("en", "de"), text(seed, count), strict=True):
            (folder / f"{name}.{language}").write_text(side, encoding="utf-8")
    pairs = list(zip(*(side.splitlines() for side in text(7, 60)), strict=True))
    table = "".join(f"{source}\t{target}\n" for source, target in pairs)
    (folder / "pairs.tsv").write_text(table, encoding="utf-8")
    (folder / "packed.tsv.gz").write_bytes(gzip.compress(table.encode(), mtime=0))
    lines = "one big dog\n\nthe red house.\n"
    (folder / "lines.txt").write_text(lines, encoding="utf-8")
    (folder / "lines.txt.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    (folder / "prefix.txt").write_text("ein\n\n\n", encoding="utf-8")
    (folder / "mtkit.toml").write_text(CONFIG, encoding="utf-8")


def make(folder: Path) -> Toy:
    """All of it, in an empty folder; takes some seconds."""
    write_text(folder)
    for command in (*MADE, *USED):
        must(perform(list(command), folder))
    shutil.copyfile(folder / RUN / "best/tokenizer.model", folder / "given.model")
    return Toy(folder)


def must(done: Performed) -> None:
    if done.code:
        raise RuntimeError(f"the toy cannot be made: {json.dumps(done.err.decode(errors='replace'))}")
