"""The same minutes for mtkit and for JoeyNMT: from raw text to a translated test set.

    python benchmarks/minutes.py mtkit --recipe NAME --minutes 30 --work DIR [--threads N]
    python benchmarks/minutes.py joeynmt --recipe NAME --minutes 30 --work DIR [--threads N] --python FILE

To be run in the folder that holds the recipe's text (as .gz). The recipe names the text and is what mtkit trains.
JoeyNMT 2.3.0 (FILE is the Python that has it) trains workload A of train.py in fp32: GRU 256 a direction, GRU 512 with
input feeding and additive attention. It has mtkit's pieces, and does not validate on the way: its weights are those of
the last second.

The clock counts all up to the last update: preparing the text, which for JoeyNMT is encoding it, starting, validating.
Then the test set is translated with a beam of 5, or what the recipe says, into DIR/SYSTEM.LANGUAGE, and scored.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import peers
import scores

from mtkit.config import Loaded, load
from mtkit.pipeline.preprocess import preprocess

TRAINS_JOEYNMT = Path(__file__).with_name("joeynmt_minutes.py")


def text(loaded: Loaded, prefix: str, lang: str) -> Path:
    """A file of the recipe's text."""
    path = loaded.path(f"{prefix}.{lang}.gz")
    if not path.is_file():
        sys.exit(f"{path} does not exist; expected the text that the recipe names, as .gz")
    return path


def mtkit(loaded: Loaded, options: argparse.Namespace, output: Path) -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "mtkit"]
    subprocess.run([*command, "preprocess", "--config", options.recipe], check=True)
    shared = ["--config", options.recipe, "--threads", str(options.threads)]
    left = options.minutes - (time.monotonic() - began) / 60
    subprocess.run([*command, "train", *shared, "--fresh", "--set", f"train.max_minutes={left:.3f}"], check=True)
    print(f"trained until {(time.monotonic() - began) / 60:.2f} minutes had passed", file=sys.stderr)
    source = text(loaded, loaded.config.data.test[0], loaded.config.data.source_lang)
    lines, _ = scores.read(source)
    given = "".join(f"{line}\n" for line in lines).encode()
    subprocess.run([*command, "translate", *shared, "--output", str(output)], input=given, check=True)


def joeynmt(loaded: Loaded, options: argparse.Namespace, output: Path) -> None:
    data = loaded.config.data
    languages = (data.source_lang, data.target_lang)
    prepared, _ = preprocess(loaded, lambda message: None)
    (tokenizer,) = prepared.tokenizer_files
    began = time.monotonic()
    prefixes = zip(peers.PARTS, (data.train[0], data.dev), strict=True)
    peers.text({part: loaded.path(prefix) for part, prefix in prefixes}, languages, tokenizer, options.work)
    config = options.work / "joeynmt.yaml"
    config.write_text(json.dumps(peers.joeynmt("A", tokenizer, options.work, 10**6, languages)))  # JSON is YAML
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    left = 60 * options.minutes - (time.monotonic() - began)
    command = [str(options.python), str(TRAINS_JOEYNMT), str(config), f"{left:.1f}"]
    subprocess.run(command, check=True, env=environment)
    lines, _ = scores.read(text(loaded, data.test[0], data.source_lang))
    given = "".join(f"{line}\n" for line in lines).encode()
    command = [str(options.python), "-m", "joeynmt", "translate", str(config), "--output-path", str(output)]
    subprocess.run(command, input=given, check=True, env=environment)


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
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    loaded = load(options.recipe)
    data = loaded.config.data
    references = text(loaded, data.test[0], data.target_lang)
    output = options.work / f"{options.system}.{data.target_lang}"
    {"mtkit": mtkit, "joeynmt": joeynmt}[options.system](loaded, options, output)
    path = scores.keep(f"{data.source_lang}-{data.target_lang}.{options.system}", output, references, data.target_lang,
                       False, options.work)  # fmt: skip
    print(scores.line(options.system, scores.scores(path)))


if __name__ == "__main__":
    main()
