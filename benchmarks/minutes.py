"""The same minutes for mtkit and for JoeyNMT: from raw text to a translated test set.

    python -m benchmarks.minutes mtkit --recipe NAME --minutes 30 --work DIR [--threads N]
    python -m benchmarks.minutes joeynmt --recipe NAME --minutes 30 --work DIR [--threads N] --python FILE

To be run in the folder that holds the recipe's text (as .gz). The recipe names the text and is what mtkit trains.
JoeyNMT 2.3.0 (FILE is the Python that has it) trains workload A of train.py in fp32: GRU 256 a direction, GRU 512 with
input feeding and additive attention. It has mtkit's pieces, and does not validate on the way: its weights are those of
the last second.

The clock runs from the raw text to the last update, for JoeyNMT from the moment that its pieces are known. Of mtkit's
part the start of the process and the last validation, some seconds, come on top; it is said how long all took. Then
the test set is translated into DIR/SYSTEM.LANGUAGE (JoeyNMT with a beam of 5, mtkit as the recipe says) and scored.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import peers, scores
from mtkit.config import Loaded, load
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.view import Silent

TRAINS_JOEYNMT = Path(__file__).with_name("joeynmt_minutes.py")


def text(loaded: Loaded, prefix: str, lang: str) -> Path:
    """A file of the recipe's text."""
    path = loaded.path(f"{prefix}.{lang}.gz")
    if not path.is_file():
        sys.exit(f"{path} does not exist; expected the text that the recipe names, as .gz")
    return path


def mtkit(options: argparse.Namespace, source: bytes, output: Path) -> None:
    if Path("prepared").exists():
        sys.exit("prepared/ is here already; expected a folder with raw text only, since preparing it counts")
    began = time.monotonic()
    command = [sys.executable, "-m", "mtkit"]
    subprocess.run([*command, "preprocess", "--config", options.recipe], check=True)
    left = options.minutes - (time.monotonic() - began) / 60
    if left < 0.01:
        sys.exit(f"preparing the text took all of the {options.minutes:g} minutes; give more")
    shared = ["--config", options.recipe, "--threads", str(options.threads)]
    subprocess.run([*command, "train", *shared, "--fresh", "--set", f"train.max_minutes={left:.3f}"], check=True)
    print(f"trained after {(time.monotonic() - began) / 60:.2f} minutes", file=sys.stderr)
    subprocess.run([*command, "translate", *shared, "--output", str(output)], input=source, check=True)


def joeynmt(options: argparse.Namespace, source: bytes, output: Path) -> None:
    loaded = load(options.recipe)
    data, work = loaded.config.data, options.work
    languages = (data.source_lang, data.target_lang)
    prepared, _ = preprocess(loaded, Silent())
    (tokenizer,) = prepared.tokenizer_files
    deadline = time.time() + 60 * options.minutes
    prefixes = dict(zip(peers.PARTS, (data.train[0].path, data.dev[0].path), strict=True))
    peers.text({part: loaded.path(prefix) for part, prefix in prefixes.items()}, languages, tokenizer, work)
    config = work / "joeynmt.yaml"
    config.write_text(json.dumps(peers.joeynmt("A", tokenizer, work, 10**6, languages)))  # JSON is YAML
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    python = str(options.python)
    subprocess.run([python, str(TRAINS_JOEYNMT), str(config), f"{deadline:.1f}"], check=True, env=environment)
    command = [python, "-m", "joeynmt", "translate", str(config)]  # its --output-path fails, after all the work
    with output.open("wb") as file:
        subprocess.run(command, input=source, stdout=file, check=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=("mtkit", "joeynmt"))
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--python", type=Path)
    options = parser.parse_args()
    if options.system == "joeynmt" and not options.python:
        parser.error("joeynmt needs --python, the Python that has it")
    loaded = load(options.recipe)
    data = loaded.config.data
    if len(data.train) != 1 or len(data.dev) != 1 or len(data.test) != 1 or not loaded.config.tokenizer.shared:
        sys.exit(f"{options.recipe}: expected one train, a dev and one test, and a shared tokenizer")
    source, references = (text(loaded, data.test[0].path, lang) for lang in (data.source_lang, data.target_lang))
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    output = options.work / f"{options.system}.{data.target_lang}"
    {"mtkit": mtkit, "joeynmt": joeynmt}[options.system](options, gzip.decompress(source.read_bytes()), output)
    name = f"{data.source_lang}-{data.target_lang}.{options.system}"
    path = scores.keep(name, output, references, data.target_lang, False, options.work)
    print(scores.line(options.system, scores.scores(path)))


if __name__ == "__main__":
    main()
