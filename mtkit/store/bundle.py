"""The bundle: all that translating needs, in one folder that people can share.

config.json (with format_version), model.safetensors, the tokenizer's .model file(s), in an exported bundle perhaps
shortlist.safetensors, checksums.json over these, and README.md, the model card. No pickle.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode

from mtkit import files
from mtkit.config import parse_part
from mtkit.errors import BundleError, ConfigError
from mtkit.model import tensors
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Decode, Model
from mtkit.search.shortlist import Shortlist
from mtkit.store import weights
from mtkit.text.tokenizer import Tokenizer
from mtkit.version import __version__

FORMAT = 2
EXPORTED = 3  # weights may be rounded, and there may be a shortlist
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
    shortlist: Shortlist | None = None

    @property
    def exported(self) -> bool:
        """Whether it is no longer what training wrote."""
        return bool(self.info["format_version"] == EXPORTED)

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
        "mtkit_version": __version__,
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
    _write(folder, tensors.contiguous(model), tokenizers, info, card, None)


def export(folder: Path, loaded: Bundle, precision: str, shortlist: Shortlist | None, card: str) -> None:
    """Write a bundle anew, with its weights in a precision, which translating then takes too."""
    info = loaded.info | {"format_version": EXPORTED, "decode": loaded.info["decode"] | {"precision": precision}}
    if shortlist is not None:
        info["shortlist"] = {"copies": shortlist.copies}
    tokenizers = [loaded.source_tokenizer, loaded.target_tokenizer][: len(info["tokenizers"])]
    values = weights.stored(tensors.contiguous(loaded.model), precision)
    _write(folder, values, tokenizers, info, card, shortlist)


def _write(
    folder: Path,
    values: dict[str, torch.Tensor],
    tokenizers: list[Tokenizer],
    info: dict[str, Any],
    card: str,
    shortlist: Shortlist | None,
) -> None:
    with files.publish(folder) as path:
        with files.as_os_error(folder):
            save_file(values, path / "model.safetensors")
            if shortlist is not None:
                width = np.int16 if max(info["vocab_sizes"]) < 1 << 15 else np.int32
                table = {"likely_VN": shortlist.likely_VN, "always": shortlist.always}
                words = {name: torch.from_numpy(ids.astype(width)) for name, ids in table.items()}
                save_file(words, path / "shortlist.safetensors")
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
        if info["format_version"] not in (FORMAT, EXPORTED):
            raise BundleError(
                f"{folder} has bundle format {info['format_version']}, this mtkit reads {FORMAT} and {EXPORTED}; "
                "use the version of mtkit that wrote it"
            )
        tokenizers = [Tokenizer.read(folder / name) for name in info["tokenizers"]]
        config = parse_part(Model, info["model"], "config.json, model")
        parse_part(Decode, info["decode"], "config.json, decode")
        # Built without memory, then given the file's tensors: no time goes into values that are replaced.
        with torch.device("meta"), _NoValues():
            source_vocab, target_vocab = info["vocab_sizes"]
            model = build(config, source_vocab, target_vocab, len(tokenizers) == 1)
        values = weights.restored(load_file(folder / "model.safetensors", device=str(device)))
        shortlist = None
        if "shortlist" in info:
            table = load_file(folder / "shortlist.safetensors")
            copies = info["shortlist"]["copies"]
            shortlist = Shortlist(table["likely_VN"].numpy(), table["always"].numpy(), copies)
    except (KeyError, ValueError, ConfigError, SafetensorError, OSError) as error:
        raise BundleError(f"{folder} cannot be read as a bundle: {error}") from None
    _fill(model, values, folder)
    return Bundle(model.eval(), tokenizers[0], tokenizers[-1], info, folder, shortlist)


class _NoValues(TorchFunctionMode):
    """Nothing is drawn: for numbers without memory torch would load its compiler, half of the time to start."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0]
        return func(*args, **(kwargs or {}))


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
