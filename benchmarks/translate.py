"""Translating speed: distinct lines of one text, each setting in a process of its own, and BLEU on the test set.

    python -m benchmarks.translate --work DIR [--data DIR] [--model DIR] [--lines 10000]

Greedy and with a beam of 5, by one worker and by two, of one thread each, in fp32, bf16, int8, and int8 with a
shortlist. The clock runs from lines of text to lines of text, once the model is loaded. The text is test_2016_flickr,
val and the beginning of train (.en.gz, .de.gz) in the folder of --data (made for Multi30k), or else the bundled one.
Without --model one is trained first, once a work folder: a bidirectional GRU (64 a direction) and a GRU decoder (128)
with input feeding and general attention, embeddings 96 for both sides and the output, 4,000 pieces, 14 epochs.
`beside` sets Transformers beside CTranslate2.
"""

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SPEED_MODEL = [
    "name=translate",
    "tokenizer.vocab_size=4000",
    "model.embed_dim=96",
    "model.hidden_dim=128",
    "model.dropout=0.15",
    "model.tie=all",
    "model.decoder.wiring=input_feeding",
    "model.attention.name=general",
    "train.batch_tokens=1000",
    "train.lr=4e-3",
    "train.schedule=linear",
    "train.warmup=200",
    "train.max_epochs=14",
    "train.max_minutes=0",
    "train.validate_every=2500",
]
SETTINGS = ("fp32", "bf16", "int8", "int8+shortlist")
BATCH_TOKENS = 8192
TEST = "test_2016_flickr"


def texts(data: Path | None) -> Iterator[Path]:
    """Files of source lines, the test set first."""
    from mtkit.config import bundled

    folder = data or bundled("ui.en-de")
    for name in (TEST, "val", "train") if data else ("test", "dev", "train"):
        yield next(path for path in (folder / f"{name}.en.gz", folder / f"{name}.en") if path.exists())


def read(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def distinct(data: Path | None, count: int) -> list[str]:
    """The first so many lines that are not blank and have not been before."""
    lines = dict.fromkeys(line for path in texts(data) for line in read(path) if line.strip())
    return list(lines)[:count]


def trained(options: argparse.Namespace) -> tuple[Path, list[str]]:
    """The model, and the config that its shortlist can be learnt with."""
    settings = [*SPEED_MODEL]
    if options.data:
        settings += [f'data.train="{options.data}/train"', f'data.dev="{options.data}/val"', "data.test=[]"]
    run = options.work / "runs" / "translate"
    arguments = ["-c", "demo", *(part for one in settings for part in ("--set", one))]
    if not options.model and not (run / "best").exists():
        subprocess.run([sys.executable, "-m", "mtkit", "train", "-q", *arguments], cwd=options.work, check=True)
    return options.model or run, arguments


def memory(pid: int) -> float:
    """MB of a process, of what it shares its part."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def one(options: argparse.Namespace) -> None:
    """The child's work: translate, and print what was measured as JSON."""
    import multiprocessing

    import torch

    from mtkit.translator.parallel import in_parallel
    from mtkit.translator.request import Line, Request
    from mtkit.translator.translator import WINDOW, Translator

    torch.set_num_threads(1)
    settings = {"beam_size": options.beam, "precision": options.precision, "batch_tokens": BATCH_TOKENS}
    translator = Translator.load(options.model, device="cpu", **settings)
    lines = [Line(text, number=i) for i, text in enumerate(options.input.read_text().split("\n")[:-1])]
    if options.workers > 1:
        with in_parallel(translator, Request(), options.workers) as pool:
            start = time.perf_counter()
            chunks = [lines[i : i + WINDOW] for i in range(0, len(lines), WINDOW)]
            made = [one.text for some in pool.in_order(chunks) for one in some]
            seconds = time.perf_counter() - start
            used = memory(os.getpid()) + sum(memory(child.pid or 0) for child in multiprocessing.active_children())
    else:
        translator.warm_up()
        start = time.perf_counter()
        made = [translation.text for translation in translator.window(lines)]
        seconds, used = time.perf_counter() - start, memory(os.getpid())
    options.output.write_text("".join(line + "\n" for line in made))
    print(json.dumps({"rate": len(lines) / seconds, "memory": used}))


def child(options: argparse.Namespace, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", __spec__.name, "--one", "--work", str(options.work), *more]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(more)} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def score(data: Path | None, made: list[str]) -> float:
    """BLEU of a translated test set."""
    from mtkit.metrics.bleu import bleu
    from mtkit.metrics.metric import Texts

    reference = next(texts(data))
    references = read(reference.with_name(reference.name.replace(".en", ".de")))
    return bleu(Texts(made, [references])).score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    for name, kind in (("beam", int), ("workers", int), ("precision", str), ("input", Path), ("output", Path)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for key in ("work", "data", "model"):
        if path := getattr(options, key):
            setattr(options, key, path.resolve())
    if options.one:
        one(options)
        return
    if options.data and not (options.data / f"{TEST}.en.gz").exists():
        parser.error(f"{options.data / TEST}.en.gz does not exist")
    options.work.mkdir(parents=True, exist_ok=True)
    lines = distinct(options.data, options.lines)
    source, tested, output = options.work / "lines.en", options.work / "test.en", options.work / "output.de"
    source.write_text("".join(line + "\n" for line in lines))
    tested.write_text("".join(line + "\n" for line in read(next(texts(options.data)))))
    model, arguments = trained(options)
    models = dict.fromkeys(SETTINGS, model)
    if not options.model:
        models["int8+shortlist"] = options.work / "shortlist"
        command = [sys.executable, "-m", "mtkit", "export", "-q", str(model), str(models["int8+shortlist"])]
        subprocess.run([*command, "--shortlist", *arguments], cwd=options.work, check=True)
    else:
        models.pop("int8+shortlist")  # nobody knows what text it was trained on
    print(f"{len(lines):,} lines; a worker has one thread")
    print("setting         beam  workers  sentences/s  memory   BLEU")
    for setting, path in models.items():
        for beam in (1, 5):
            common = ["--model", str(path), "--precision", setting.partition("+")[0], "--beam", str(beam)]
            common += ["--output", str(output)]
            child(options, *common, "--workers", "1", "--input", str(tested))
            bleu = score(options.data, output.read_text().split("\n")[:-1])
            for workers in (1, 2):
                got = child(options, *common, "--workers", str(workers), "--input", str(source))
                row = f"{setting:15} {beam:4} {workers:8} {got['rate']:12,.0f} {got['memory']:5,.0f} MB"
                print(f"{row} {bleu:6.2f}", flush=True)


if __name__ == "__main__":
    main()
