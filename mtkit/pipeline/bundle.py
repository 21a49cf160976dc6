"""The bundle: all that translating needs, in one folder that people can share.

config.json (with format_version), model.safetensors, the tokenizer's .model file(s), checksums.json over
these, and README.md, the model card. No pickle.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import mtkit
from mtkit import files
from mtkit.errors import BundleError
from mtkit.model import tensors
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Decode, Model
from mtkit.text.tokenizer import Tokenizer

FORMAT = 2
RETRY_SECONDS = 0.3


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle."""

    model: Seq2Seq
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    info: dict[str, Any]
    """What config.json says."""
    folder: Path

    @property
    def decode(self) -> Decode:
        """The search settings that come with the model."""
        return Decode.model_validate(self.info["decode"])


def describe(
    model: Model, decode: Decode, tokenizers: list[Tokenizer], languages: tuple[str, str], max_pieces: int
) -> dict[str, Any]:
    """What config.json says."""
    names = ["tokenizer.model"] if len(tokenizers) == 1 else ["source.model", "target.model"]
    return {
        "format_version": FORMAT,
        "mtkit_version": mtkit.__version__,
        "source_lang": languages[0],
        "target_lang": languages[1],
        "tokenizers": names,
        "vocab_sizes": [tokenizers[0].vocab_size, tokenizers[-1].vocab_size],
        "max_pieces": max_pieces,
        "model": model.model_dump(),
        "decode": decode.model_dump(),
    }


def write(folder: Path, model: Seq2Seq, tokenizers: list[Tokenizer], info: dict[str, Any], card: str) -> None:
    """Write a bundle atomically in place of what stands there."""
    with files.publish(folder) as path:
        with files.as_os_error(folder):
            save_file(tensors.contiguous(model), path / "model.safetensors")
        for name, tokenizer in zip(info["tokenizers"], tokenizers, strict=True):
            (path / name).write_bytes(tokenizer.model)
        (path / "config.json").write_text(files.to_json(info), encoding="utf-8")
        (path / "README.md").write_text(card, encoding="utf-8")
        files.seal(path)


def locate(path: Path) -> Path:
    """The bundle that a path means: itself, or the best one of a run.

    Raises:
        BundleError: there is none.
    """
    for folder in (files.standing(path / "best"), path):
        if (folder / files.CHECKSUMS).exists():
            return folder
    if not path.exists():
        raise BundleError(f"{path} does not exist; expected a bundle or a run: train one with mtkit train")
    if (path / "checkpoints").is_dir():
        raise BundleError(f"{path} has no best model yet: it comes with the first validation of mtkit train")
    raise BundleError(f"{path} is no bundle: it has no {files.CHECKSUMS}; give a bundle, or a run such as runs/NAME")


def load(path: Path, device: torch.device) -> Bundle:
    """Load a bundle, or a run's best one, after checking every file's sha256.

    Raises:
        BundleError: a file is missing, changed, or of another format.
    """
    try:
        return _load(locate(path), device)
    except BundleError:
        # A training may just have been putting a better one in its place: look once more.
        time.sleep(RETRY_SECONDS)
        return _load(locate(path), device)


def _load(folder: Path, device: torch.device) -> Bundle:
    files.verify(folder, "bundle")
    try:
        info = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if info["format_version"] != FORMAT:
            raise BundleError(
                f"{folder} has bundle format {info['format_version']}, this mtkit reads {FORMAT}; "
                "use the version of mtkit that wrote it"
            )
        tokenizers = [Tokenizer.read(folder / name) for name in info["tokenizers"]]
        config = Model.model_validate(info["model"])
        # Built without memory, then given the file's tensors: no time goes into values that are replaced.
        with torch.device("meta"):
            source_vocab, target_vocab = info["vocab_sizes"]
            model = build(config, source_vocab, target_vocab, len(tokenizers) == 1)
        values = load_file(folder / "model.safetensors", device=str(device))
    except (KeyError, ValueError, ValidationError, SafetensorError, OSError) as error:
        raise BundleError(f"{folder} cannot be read as a bundle: {error}") from None
    _fill(model, values, folder)
    return Bundle(model.eval(), tokenizers[0], tokenizers[-1], info, folder)


def _fill(model: Seq2Seq, values: dict[str, torch.Tensor], folder: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in tensors.named(model).items()}
    got = {name: tuple(value.shape) for name, value in values.items()}
    if expected != got:
        name = next(iter(set(expected.items()) ^ set(got.items())))[0]
        raise BundleError(f"{folder}: model.safetensors does not fit config.json at {name!r}; copy the bundle again")
    by_id = {id(tensor): values[name] for name, tensor in tensors.named(model).items()}
    made: dict[int, torch.nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:  # a tied matrix stays one
                if id(parameter) not in made:
                    made[id(parameter)] = torch.nn.Parameter(by_id[id(parameter)], requires_grad=False)
                module._parameters[name] = made[id(parameter)]
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                assert id(buffer) in by_id, f"buffer {name!r} is not persistent: there are no values to give it"
                module._buffers[name] = by_id[id(buffer)]
