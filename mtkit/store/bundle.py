"""The bundle: all that translating needs, in one folder that people can share.

config.json (see `bundle_config`), model.safetensors, the tokenizer's .model file(s), in an exported bundle perhaps
shortlist.safetensors, checksums.json over these, and README.md, the model card. No pickle.
"""

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
from mtkit.errors import BundleError, ConfigError
from mtkit.model import tensors
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.report.training import TrainingFacts
from mtkit.schema import Decode, Model
from mtkit.search.shortlist import Shortlist
from mtkit.store import bundle_config, weights
from mtkit.store.bundle_config import BundleConfig, ShortlistFacts
from mtkit.text.tokenizer import Tokenizer
from mtkit.version import __version__

RETRY_SECONDS = 0.3


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle."""

    model: Seq2Seq
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    config: BundleConfig
    """What config.json says."""
    folder: Path
    shortlist: Shortlist | None = None

    @property
    def exported(self) -> bool:
        """Whether it is no longer what training wrote."""
        return self.config.kind == "exported"

    @property
    def decode(self) -> Decode:
        """The search settings that come with the model."""
        return self.config.decode

    @property
    def source_lang(self) -> str:
        return self.config.source_lang

    @property
    def target_lang(self) -> str:
        return self.config.target_lang

    @property
    def max_pieces(self) -> int:
        """Of the longest source that it was trained on."""
        return self.config.max_pieces


def describe(
    model: Model,
    decode: Decode,
    tokenizers: list[Tokenizer],
    languages: tuple[str, str],
    max_pieces: int,
    training: TrainingFacts | None = None,
) -> BundleConfig:
    """What config.json says of a model that was trained."""
    return BundleConfig(
        kind="trained",
        mtkit_version=__version__,
        source_lang=languages[0],
        target_lang=languages[1],
        tokenizers=("tokenizer.model",) if len(tokenizers) == 1 else ("source.model", "target.model"),
        vocab_sizes=(tokenizers[0].vocab_size, tokenizers[-1].vocab_size),
        max_pieces=max_pieces,
        model=model,
        decode=decode,
        training=training,
    )


def write(folder: Path, model: Seq2Seq, tokenizers: list[Tokenizer], config: BundleConfig, card: str) -> None:
    """Write a bundle atomically in place of what stands there."""
    _write(folder, tensors.contiguous(model), tokenizers, config, card, None)


def export(folder: Path, loaded: Bundle, precision: str, shortlist: Shortlist | None, card: str) -> None:
    """Write a bundle anew, with its weights in a precision, which translating then takes too."""
    config = loaded.config.model_copy(
        update={
            "kind": "exported",
            "mtkit_version": __version__,
            "decode": Decode.model_validate(loaded.decode.model_dump() | {"precision": precision}),
            "shortlist": shortlist and ShortlistFacts(copies=shortlist.copies),
        }
    )
    tokenizers = [loaded.source_tokenizer, loaded.target_tokenizer][: len(config.tokenizers)]
    values = weights.stored(tensors.contiguous(loaded.model), precision)
    _write(folder, values, tokenizers, config, card, shortlist)


def _write(
    folder: Path,
    values: dict[str, torch.Tensor],
    tokenizers: list[Tokenizer],
    config: BundleConfig,
    card: str,
    shortlist: Shortlist | None,
) -> None:
    with files.publish(folder) as path:
        with files.as_os_error(folder):
            save_file(values, path / "model.safetensors")
            if shortlist is not None:
                width = np.int16 if max(config.vocab_sizes) < 1 << 15 else np.int32
                table = {"likely_VN": shortlist.likely_VN, "always": shortlist.always}
                words = {name: torch.from_numpy(ids.astype(width)) for name, ids in table.items()}
                save_file(words, path / "shortlist.safetensors")
        for name, tokenizer in zip(config.tokenizers, tokenizers, strict=True):
            (path / name).write_bytes(tokenizer.model)
        (path / bundle_config.FILE).write_text(bundle_config.to_json(config), encoding="utf-8")
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
    config = bundle_config.read(folder)
    try:
        tokenizers = [Tokenizer.read(folder / name) for name in config.tokenizers]
        # Built without memory, then given the file's tensors: no time goes into values that are replaced.
        with torch.device("meta"), _NoValues():
            model = build(config.model, *config.vocab_sizes, config.shared)
        values = weights.restored(load_file(folder / "model.safetensors", device=str(device)))
        shortlist = None
        if config.shortlist is not None:
            table = load_file(folder / "shortlist.safetensors")
            shortlist = Shortlist(table["likely_VN"].numpy(), table["always"].numpy(), config.shortlist.copies)
    except (KeyError, ValueError, ConfigError, SafetensorError, OSError) as error:
        raise BundleError(f"{folder} cannot be read as a bundle: {error}") from None
    _fill(model, values, folder)
    return Bundle(model.eval(), tokenizers[0], tokenizers[-1], config, folder, shortlist)


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
