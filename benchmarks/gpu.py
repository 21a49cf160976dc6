"""A GPU at work: training, its peers beside, results that repeat, what two minutes teach, and translating.

    python -m benchmarks.gpu --work DIR --data DIR [--peers DIR] [--model DIR] [--device D] [--seconds S] [PART ...]

The parts, each within seconds of its own (--seconds: as many for each; cases that find no time are left out):
- train: warm updates of the real job, per model and size of batch; workload A as in `train.py`.
- peers: OpenNMT-py and JoeyNMT on the same text and pieces, each with its own batching; needs --peers (see `peers.py`).
- determinism: whether two runs, and one that was stopped and resumed, have the same losses, and whether the losses are
  those of fp32 without capture.
- quality: the recipe multi30k-quick, given two minutes, and BLEU on test_2016_flickr.
- translate: 10,000 captions through --model, or else through what `quality` has trained.

The folder of --data holds train, val and test_2016_flickr, each as .en.gz and .de.gz (made for Multi30k). Tables are
printed as they grow, and all figures go into DIR/gpu.json. What an earlier call has measured on the same machine and
text stays there, and is read: a part that is measured again replaces its own. With --toy everything is small, on text
that is made up, so that the benchmark itself can be tried on any machine: --device cpu --toy.
"""

import argparse
import contextlib
import gzip
import json
import os
import random
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import peers
from benchmarks.gpu_cases import TOY_PIECES, Case, configured
from benchmarks.translate import TEST, distinct
from mtkit import files, reading
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.view import Silent

# Model, tokens a batch, updates (a pass over Multi30k is 130, 33 or 9 of them, in ten shapes or so: half of the updates
# meet each shape several times), seconds a half, precision. What matters most comes first.
CASES = [
    Case("A", 4096, 640, 6, "auto"),
    Case("A", 16384, 320, 6, "auto"),
    Case("transformer-tiny", 4096, 640, 6, "auto"),
    Case("transformer-base", 16384, 320, 8, "auto"),
    Case("A", 65536, 160, 8, "auto"),
    Case("transformer-base", 4096, 480, 6, "auto"),
    Case("conditional", 4096, 480, 6, "auto"),
    Case("gnmt", 4096, 480, 6, "auto"),
    Case("transformer-base", 65536, 80, 8, "auto"),
    Case("transformer-tiny", 16384, 320, 6, "auto"),
    Case("conditional", 16384, 240, 6, "auto"),
    Case("gnmt", 16384, 240, 6, "auto"),
    Case("A", 4096, 480, 6, "fp32"),
    Case("A", 4096, 480, 6, "bf16"),
]
TOYS = [
    Case(name, 4096, 4, 2.0, "fp32") for name in ("A", "conditional", "gnmt", "transformer-tiny", "transformer-base")
]
PEERS = [
    ("opennmt", "A", "fp32"),
    ("opennmt", "transformer-tiny", "fp32"),
    ("opennmt", "A", "fp16"),
    ("joeynmt", "A", "fp32"),
    ("opennmt", "transformer-tiny", "fp16"),
    ("joeynmt", "transformer-tiny", "fp32"),
]
PEER_UPDATES, PEER_SECONDS = 60, 30.0
MINUTES, TOY_MINUTES = 2.0, 0.02
CAPTIONS = 10_000
FIGURES = {
    "train": ("machine", "speed"),
    "peers": ("peers",),
    "determinism": ("repeat", "eager"),
    "quality": ("quality",),
    "translate": ("translate",),
}
"""Part -> what it measures."""
SECONDS = {"train": 90.0, "peers": 50.0, "determinism": 40.0, "quality": 147.0, "translate": 33.0}
FILES = [f"{part}.{lang}.gz" for part in ("train", "val", TEST) for lang in ("en", "de")]
TAIL = 12  # lines of the log of a case that failed
LIVE = 0.2  # seconds between two looks at what a process has written


class Bench:
    """One call: its options, its figures, and how to run the parts."""

    program = (sys.executable, "-m", "benchmarks.gpu_cases")

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.work = options, options.work
        self.path: Path = options.work / "gpu.json"
        self.figures: dict[str, Any] = {"on": here(options)}
        self.failed: list[str] = []
        # As torch itself has it where CUDA graphs are used: they do not survive that the profiler is set up anew.
        self.environment = os.environ | {"TEARDOWN_CUPTI": "0", "DISABLE_CUPTI_LAZY_REINIT": "1"}

    def read(self) -> None:
        """Take what an earlier call has measured, if it was here."""
        if not self.path.exists():
            return
        try:
            kept = reading.read_json(self.path, finite=False)
        except reading.Unreadable as error:
            say(f"what was measured before cannot be read: {reading.line(str(error))}")
            return
        if kept.get("on") == self.figures["on"]:
            self.figures = kept
            say(f"{self.path} has {', '.join(part for part, keys in FIGURES.items() if keys[-1] in kept)} already")
        else:
            say(f"what {self.path} has is of another machine or text, and goes")

    def save(self) -> None:
        files.write_json(self.path, self.figures)

    def run(self, part: str) -> None:
        self.until = time.monotonic() + (self.options.seconds or SECONDS[part])
        began = time.monotonic()
        for key in FIGURES[part]:
            self.figures.pop(key, None)
        try:
            getattr(self, part)()
        except Exception as error:  # the other parts are still worth their time
            traceback.print_exc()
            self.failed.append(f"{part}: {error}")
        say(f"{part}: {time.monotonic() - began:.0f} s\n")
        self.save()

    def cases(self, cases: list[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Run cases in a process; after one that failed, the next ones in a new process."""
        left = list(cases)
        while left and time.monotonic() < self.until:
            for case, found in self.process(tuple(left)):
                left.pop(0)
                self.figures.setdefault(case.kind, []).append(case._asdict() | found)
                self.save()
                yield case, found
        if left:
            say(f"no time was left for {', '.join(' '.join(map(str, case[:2])) for case in left)}")

    def process(self, cases: Sequence[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Run cases in one process, for as long as it lives; the last one may have failed."""
        results, log = self.work / "results.jsonl", self.work / "cases.log"
        results.unlink(missing_ok=True)
        results.touch()
        o = self.options
        command = ["--work", self.work, "--data", o.data, "--results", results, "--device", o.device]
        command += ["--toy"] if o.toy else []
        command += [json.dumps(case._asdict()) for case in cases]
        found: dict[str, Any] = {}
        number = 0
        with log.open("a") as output, results.open() as lines:
            start = output.tell()
            process = subprocess.Popen(
                [*self.program, *map(str, command)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )
            try:
                ended = False
                while not ended:
                    ended = process.poll() is not None  # before the look: what it wrote last is seen, too
                    for line in map(json.loads, lines):
                        if machine := line.get("machine"):
                            self.figures.setdefault("machine", machine)
                        elif line.pop("done", False):
                            yield cases[number], found
                            number, found = number + 1, {}
                        else:
                            found |= {key: value for key, value in line.items() if key != "case"}
                    if not ended and time.monotonic() > self.until:
                        break
                    time.sleep(0 if ended else LIVE)
            finally:
                process.kill()
                process.wait()
        if number < len(cases):
            said = log.read_bytes()[start:].decode(errors="replace").rstrip().split("\n")
            if ended:
                print("\n".join(said[-TAIL:]), file=sys.stderr, flush=True)
            yield cases[number], found | {"failed": said[-1] if ended else "the seconds of this part are over"}

    def train(self) -> None:
        say(
            "model              tokens precision  target tokens/s  of peak  ms an update  kernels  GPU busy"
            "  GiB, reserved  first update"
        )
        for case, found in self.cases(TOYS if self.options.toy else CASES):
            say(row(case, found, self.figures.get("machine", {}).get("peak", 0.0)))
            for warning in found.get("warned", []):
                say(f"  {warning[:200]}")
        if machine := self.figures.get("machine"):
            peak = machine["peak"] / 1e12
            say(f"{machine['device']}, torch {machine['torch']}; peak of one product in bf16: {peak:,.1f} TFLOP/s")

    def peers(self) -> None:
        if not self.options.peers:
            say("peers: left out, since there is no --peers")
            return
        prepared, _ = preprocess(configured(CASES[0], self.options), Silent())
        (tokenizer,) = prepared.tokenizer_files
        for peer, workload, precision in PEERS:
            seconds = min(PEER_SECONDS, self.until - time.monotonic())
            if seconds < PEER_SECONDS / 3:
                say(f"no time was left for {peer}, {workload} {precision}")
                continue
            o = self.options
            try:
                rate, _ = peers.speed(
                    peer, workload, o.peers, o.data, tokenizer, self.work, PEER_UPDATES,
                    device=o.device, precision=precision, seconds=seconds,
                )  # fmt: skip
            except SystemExit as error:
                say(str(error))
                continue
            self.figures.setdefault("peers", []).append(
                {"peer": peer, "workload": workload, "precision": precision, "rate": rate}
            )
            self.save()
            ours = [
                f"{found['rate'] / rate:.1f} times at {found['batch_tokens']:,} tokens in {found['used']}"
                for found in self.figures.get("speed", [])
                if found["workload"] == workload and "rate" in found
            ]
            ratios = ", ".join(ours) or "not measured"
            say(f"{peer}, {workload}, {precision}: {rate:,.0f} target tokens/s; mtkit: {ratios}")

    def determinism(self) -> None:
        for case, found in self.cases([Case("A", 4096, kind=kind) for kind in ("repeat", "eager")]):
            if "apart_twice" in found:
                parameters = equal(found["apart_twice"])
                say(f"two runs in {found['used']}: {losses(found['same_losses'])}, parameters {parameters}")
            if "apart_resumed" in found:
                parameters = equal(found["apart_resumed"])
                same = losses(found["same_losses_resumed"])
                say(f"stopped, and resumed at {found['resumed_at']}: {same}, parameters {parameters}")
            if "largest" in found:
                say(
                    f"losses beside fp32 without capture: apart {found['mean']:.4f} in the mean, at most"
                    f" {found['largest']:.4f}; last ones {found['default_last']:.4f} ({found['default_used']})"
                    f" and {found['eager_last']:.4f}, with another seed {found.get('seed_last', float('nan')):.4f}"
                )
            if "failed" in found:
                say(f"{case.kind}: {found['failed']}")

    def quality(self) -> None:
        data, toy = self.options.data, self.options.toy
        settings = ["name=gpu-quality", f"train.max_minutes={TOY_MINUTES if toy else MINUTES}"]
        settings += [f'data.{key}="{data}/{part}"' for key, part in zip(("train", "dev", "test"), PARTS, strict=True)]
        if toy:
            settings += [f"tokenizer.vocab_size={TOY_PIECES}", "model.embed_dim=16", "model.hidden_dim=16"]
        arguments = ["-c", "multi30k-quick", "--device", self.options.device]
        arguments += [part for one in settings for part in ("-s", one)]
        said = self.mtkit("train", *arguments, "--fresh")
        say("\n".join(line for line in said.split("\n") if "minutes are" in line or "precision" in line))
        scores = json.loads(self.mtkit("eval", *arguments, "--json"))
        self.figures["quality"] = scores
        say(f"{TEST}: BLEU {scores['bleu']['score']:.2f} {scores['bleu']['signature']}")

    def mtkit(self, *arguments: str) -> str:
        """Run a command; what it printed, or of one that prints nothing what it said."""
        left = max(1.0, self.until - time.monotonic())
        command = [sys.executable, "-m", "mtkit", *arguments]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, timeout=left)
        if done.returncode:
            raise RuntimeError(f"mtkit {arguments[0]} failed: {done.stderr[-1000:]}")
        return done.stdout or done.stderr

    def translate(self) -> None:
        trained = self.work / "runs" / "gpu-quality"
        model = self.options.model or (trained if (trained / "best").exists() else None)
        if not model:
            say("translate: left out; give --model DIR, or the part quality before it")
        else:
            captions = self.work / "captions.en"
            captions.write_text("".join(f"{line}\n" for line in distinct(self.options.data, CAPTIONS)))
            command = ["--model", model, "--input", captions, "--device", self.options.device]
            log = self.work / "translate.log"
            with log.open("w") as file, contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.translate_gpu", *map(str, command)],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=max(1.0, self.until - time.monotonic()),
                )
            self.figures["translate"] = log.read_text().rstrip().split("\n")
            say("\n".join(self.figures["translate"][-4 * TAIL :]))


PARTS = ("train", "val", TEST)


def here(options: argparse.Namespace) -> dict[str, str]:
    """What figures must have in common, to be set beside each other."""
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    text = "toy" if options.toy else str(options.data)
    return {"host": socket.gethostname(), "device": name, "torch": torch.__version__, "text": text}


def say(line: str) -> None:
    print(line, flush=True)


def equal(apart: float) -> str:
    return f"NOT equal (at most {apart:.2g} apart)" if apart else "bit-equal"


def losses(same: bool) -> str:
    return f"losses {'' if same else 'NOT '}bit-equal"


def row(case: Case, found: dict[str, Any], peak: float) -> str:
    """A line of the table of training."""
    start = f"{case.workload:17} {case.batch_tokens:7,} {found.get('used', case.precision):9}"
    if "rate" not in found:
        return f"{start}  {found.get('failed', '')[:150]}"
    share, kernels = found["rate"] * found["flop"] / peak, "-"
    busy = "-"
    if "kernels" in found:
        kernels, busy = f"{found['kernels']:,.0f}", f"{found['busy_ms'] / found['ms']:.0%}"
    failed = f"  {found['failed'][:100]}" if "failed" in found else ""
    return (
        f"{start} {found['rate']:16,.0f} {share:8.1%} {found['ms']:13.2f} {kernels:>8} {busy:>9}"
        f" {found['allocated']:6.2f} {found['reserved']:8.2f} {found['start']:11.1f} s{failed}"
    )


def made_up(folder: Path) -> Path:
    """Text to try this with, in the form of --data: words of one language, each with one of the other, in order."""
    folder.mkdir(exist_ok=True)
    rng = random.Random(1)
    words = [first + second for first in ("ba", "do", "gi", "ku") for second in ("la", "me", "ni", "so", "tu")]
    for part, count in (("train", 600), ("val", 20), (TEST, 20)):
        lines = [[rng.choice(words) for _ in range(rng.randint(2, 9))] for _ in range(count)]
        for lang, spelt in (("en", str), ("de", str.title)):
            text = "".join(" ".join(map(spelt, line)) + "\n" for line in lines)
            (folder / f"{part}.{lang}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", metavar="PART", default=list(SECONDS))
    parser.add_argument("--work", type=Path, required=True)
    for name in ("data", "peers", "model"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, help="of each part")
    parser.add_argument("--toy", action="store_true", help="small models on text that is made up")
    options = parser.parse_args()
    for key in ("work", "data", "peers", "model"):
        if path := getattr(options, key):
            setattr(options, key, path.resolve())
    if unknown := set(options.part) - set(SECONDS):
        parser.error(f"unknown part {min(unknown)}; expected one of {', '.join(SECONDS)}")
    if bool(options.data) == options.toy:
        parser.error("expected either --data DIR or --toy")
    options.work.mkdir(parents=True, exist_ok=True)
    if options.toy:
        options.data = made_up(options.work / "toy")
    for name in FILES:
        if not (options.data / name).exists():
            parser.error(f"{options.data / name} does not exist")
    bench = Bench(options)
    bench.read()
    for part in options.part:
        bench.run(part)
    if bench.failed:
        raise SystemExit("\n".join(bench.failed))


if __name__ == "__main__":
    main()
