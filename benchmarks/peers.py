"""Other toolkits on the workloads of `train.py`: their text, their configs, and how fast they say they are.

Each reports target tokens without padding, the end of each sentence included; the figure is the median of its reports
after the first. Written for JoeyNMT 2.3.0 and OpenNMT-py 3.5.1.
"""

import gzip
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

from sentencepiece import SentencePieceProcessor

LANGUAGES = ("en", "de")
PARTS = ("train", "val")
PEERS = {"A": ["joeynmt", "opennmt"], "transformer-tiny": ["joeynmt", "opennmt"]}
SPECIAL = ("<unk>", "<pad>", "<s>", "</s>")  # in the order that JoeyNMT asks for
TAIL = 600  # characters of the log of a peer that failed
EVERY = 10  # updates between two reports
REPORTS = {"joeynmt": r"Tokens per Sec:\s+(\d+)", "opennmt": r"/\s*(\d+) tok/s"}


def speed(
    peer: str,
    workload: str,
    environments: Path,
    data: Path,
    tokenizer: Path,
    work: Path,
    updates: int,
    *,
    device: str = "cpu",
    precision: str = "fp32",
    seconds: float = math.inf,
) -> tuple[float, float]:
    """Target tokens a second, and the peak of memory in MB, of a peer on DATA/train and DATA/val.

    Args:
        environments: holds, under the peer's name, a virtual environment, or a folder of wheels of what the Python that
            runs this lacks, for machines without a network.
        tokenizer: the SentencePiece model that mtkit uses.
        precision: fp32, or on a GPU fp16.
        seconds: after which its reports so far must do.
    """
    text({part: data / part for part in PARTS}, LANGUAGES, tokenizer, work)
    name = f"{peer}-{workload}-{device.replace(':', '')}-{precision}"
    config, log = work / f"{name}.yaml", work / f"{name}.log"
    made = {"joeynmt": joeynmt, "opennmt": opennmt}[peer](workload, tokenizer, work, updates)
    if device != "cpu":
        half = precision == "fp16"
        made |= {"use_cuda": True, "fp16": half} if peer == "joeynmt" else {"gpu_ranks": [0], "model_dtype": precision}
    config.write_text(json.dumps(made))  # JSON is YAML
    command = {
        "joeynmt": ["-m", "joeynmt", "train", str(config), "--skip-test"],
        "opennmt": ["-m", "onmt.bin.train", "-config", str(config)],
    }[peer]
    # Of JoeyNMT's checkpoints torch's present default refuses some.
    environment = os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    if number := device.partition(":")[2]:
        environment["CUDA_VISIBLE_DEVICES"] = number
    python = environments / peer / "bin" / "python"
    if not python.exists():
        python = Path(sys.executable)
        path = [str(unpacked(environments / peer, work / f"{peer}-site")), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    until = time.monotonic() + seconds
    with log.open("w") as file:
        process = subprocess.Popen([python, *command], stdout=file, stderr=subprocess.STDOUT, env=environment)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        while not ended:
            # Once it has said all, it only saves.
            if len(reports(peer, log)) >= updates // EVERY or time.monotonic() > until:
                process.kill()
                _, _, usage = os.wait4(process.pid, 0)
                break
            time.sleep(0.2)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = status  # it was waited for here
    rates = reports(peer, log)
    if status or len(rates) < 2:
        said = log.read_text(errors="replace")[-TAIL:]
        raise SystemExit(f"{peer} failed, or reported no speed; see {log}, which ends with\n{said}")
    return statistics.median(rates[1:]), usage.ru_maxrss / 1024


def reports(peer: str, log: Path) -> list[float]:
    """The speeds that a peer has reported so far."""
    return [float(found) for found in re.findall(REPORTS[peer], log.read_text(errors="replace"))]


def unpacked(wheels: Path, folder: Path) -> Path:
    """A folder with the contents of wheels, to be on Python's path.

    Raises:
        SystemExit: there are none.
    """
    if not (found := sorted(wheels.glob("*.whl"))):
        raise SystemExit(f"{wheels} holds neither a virtual environment nor wheels")
    for wheel in found:
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def text(prefixes: dict[str, Path], languages: tuple[str, str], tokenizer: Path, work: Path) -> None:
    """The text as the peers want it: as it is, in pieces, and the vocabulary.

    Args:
        prefixes: of PREFIX.LANGUAGE.gz, for each of PARTS.
    """
    pieces = SentencePieceProcessor(model_file=str(tokenizer))
    vocabulary = [pieces.id_to_piece(i) for i in range(pieces.get_piece_size())]
    own = [piece for piece in vocabulary if piece not in SPECIAL]
    (work / "pieces.txt").write_text("".join(f"{piece}\n" for piece in [*SPECIAL, *own]))
    (work / "counted.txt").write_text("".join(f"{piece}\t1\n" for piece in own))
    for part, prefix in prefixes.items():
        for lang in languages:
            lines = gzip.decompress(Path(f"{prefix}.{lang}.gz").read_bytes()).decode()
            (work / f"{part}.{lang}").write_text(lines)
            cut = pieces.encode(lines.removesuffix("\n").split("\n"), out_type=str)
            (work / f"{part}.pieces.{lang}").write_text("".join(" ".join(line) + "\n" for line in cut))


def joeynmt(
    workload: str, tokenizer: Path, work: Path, updates: int, languages: tuple[str, str] = LANGUAGES
) -> dict[str, Any]:
    """JoeyNMT's config of a workload."""
    side = {
        "max_length": 100,
        "level": "bpe",
        "voc_limit": 8000,
        "voc_min_freq": 1,
        "voc_file": str(work / "pieces.txt"),
        "tokenizer_type": "sentencepiece",
        "tokenizer_cfg": {"model_file": str(tokenizer), "pretokenizer": "none"},
    }
    names = ("unk", "pad", "bos", "eos")
    special: dict[str, Any] = {f"{name}_token": piece for name, piece in zip(names, SPECIAL, strict=True)}
    special |= {f"{name}_id": number for number, name in enumerate(names)}
    if workload == "A":
        embeddings = {"embedding_dim": 256, "dropout": 0.3}
        layer = {"type": "recurrent", "rnn_type": "gru", "embeddings": embeddings, "dropout": 0.3, "num_layers": 1}
        encoder = layer | {"hidden_size": 256, "bidirectional": True}
        decoder = layer | {
            "hidden_size": 512,
            "hidden_dropout": 0.3,
            "input_feeding": True,
            "init_hidden": "bridge",
            "attention": "bahdanau",
        }
    else:
        encoder = decoder = {
            "type": "transformer",
            "num_layers": 4,
            "num_heads": 4,
            "embeddings": {"embedding_dim": 128, "scale": True, "dropout": 0.3},
            "hidden_size": 128,
            "ff_size": 256,
            "dropout": 0.3,
            "layer_norm": "pre",
        }
    return {
        "name": "speed",
        "joeynmt_version": "2.3.0",
        "model_dir": str(work / "joeynmt"),
        "use_cuda": False,
        "fp16": False,
        "random_seed": 1,
        "data": {
            "train": str(work / "train"),
            "dev": str(work / "val"),
            "dataset_type": "plain",
            "src": side | {"lang": languages[0]},
            "trg": side | {"lang": languages[1]},
            "special_symbols": special,
        },
        "testing": {
            "beam_size": 5,
            "beam_alpha": 1.0,
            "batch_size": 64,
            "batch_type": "sentence",
            "eval_metrics": ["bleu"],
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.001,
            "scheduling": "plateau",
            "patience": 3,
            "decrease_factor": 0.5,
            "normalization": "tokens",
            "label_smoothing": 0.1,
            "loss": "crossentropy",
            "clip_grad_norm": 1.0,
            "batch_size": 4096,
            "batch_type": "token",
            "epochs": 1000,
            "updates": updates,
            "validation_freq": 10**6,
            "logging_freq": EVERY,
            "overwrite": True,
            "early_stopping_metric": "bleu",
            "keep_best_ckpts": 1,
        },
        "model": {
            "initializer": "xavier_uniform",
            "tied_embeddings": True,
            "tied_softmax": workload != "A",
            "encoder": encoder,
            "decoder": decoder,
        },
    }


def opennmt(workload: str, tokenizer: Path, work: Path, updates: int) -> dict[str, Any]:
    """OpenNMT-py's config of a workload."""
    files = {part: {"path_src": str(work / f"{part}.pieces.en"), "path_tgt": str(work / f"{part}.pieces.de")}
             for part in PARTS}  # fmt: skip
    if workload == "A":
        model: dict[str, Any] = {
            "encoder_type": "brnn",
            "decoder_type": "rnn",
            "rnn_type": "GRU",
            "enc_layers": 1,
            "dec_layers": 1,
            "enc_hid_size": 512,
            "dec_hid_size": 512,
            "hidden_size": 512,
            "word_vec_size": 256,
            "global_attention": "mlp",
            "input_feed": 1,
        }
    else:
        model = {
            "encoder_type": "transformer",
            "decoder_type": "transformer",
            "enc_layers": 4,
            "dec_layers": 4,
            "heads": 4,
            "hidden_size": 128,
            "word_vec_size": 128,
            "transformer_ff": 256,
            "position_encoding": True,
            "share_decoder_embeddings": True,
        }
    return model | {
        "save_data": str(work / "opennmt"),
        "src_vocab": str(work / "counted.txt"),
        "tgt_vocab": str(work / "counted.txt"),
        "share_vocab": True,
        "share_embeddings": True,
        "overwrite": True,
        "data": {"text": files["train"], "valid": files["val"]},
        "save_model": str(work / "opennmt-model"),
        "seed": 1,
        "train_steps": updates,
        "valid_steps": 10**6,
        "save_checkpoint_steps": 10**6,
        "report_every": EVERY,
        "bucket_size": 29000,
        "num_workers": 0,
        "world_size": 1,
        "dropout": [0.3],
        "attention_dropout": [0.0],
        "label_smoothing": 0.1,
        "optim": "adam",
        "learning_rate": 0.001,
        "max_grad_norm": 1.0,
        "batch_type": "tokens",
        "batch_size": 4096,
        "accum_count": [1],
        "normalization": "tokens",
        "model_dtype": "fp32",
    }
