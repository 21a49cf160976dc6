"""The bundle: all that translating needs, in one folder that people can share.

config.json (see `bundle_config`), model.safetensors, the tokenizer's .model file(s), in an exported bundle perhaps
shortlist.safetensors, checksums.json over these, and README.md, the model card. No pickle.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

from mtkit import files, reading
from mtkit.errors import BundleError, ConfigError, DataError
from mtkit.model import tensor_files, tensors
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.model.tensor_files import Spec
from mtkit.reading import Unreadable
from mtkit.report.training import TrainingFacts
from mtkit.schema import Decode, Model
from mtkit.search.shortlist import Shortlist
from mtkit.store import bundle_config, shipped, weights
from mtkit.store.bundle_config import BundleConfig, ShortlistFacts, TagFacts
from mtkit.text.reserved import SPANS
from mtkit.text.tokenizer import Tokenizer
from mtkit.version import __version__

WEIGHTS, SHORTLIST = "model.safetensors", "shortlist.safetensors"
TOKENIZER, PIECE = 4 << 20, 1024  # bytes of a tokenizer, at most: its normalisation and the like, and each piece
NO_IDS = Spec("I32", (0,))
SOON = 1 << 28  # bytes whose checksum takes a fraction of a second
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
    spans: tuple[str, ...] | None = None,
    tags: Sequence[TagFacts] = (),
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
        tags=tuple(tags) or None,
        training=training,
        spans=spans,
    )


def write(folder: Path, model: Seq2Seq, tokenizers: list[Tokenizer], config: BundleConfig, card: str) -> None:
    """Write a bundle atomically in place of what stands there."""
    _write(folder, tensors.contiguous(model), tokenizers, config, card, None)


def rewrite(folder: Path, config: BundleConfig) -> None:
    """Change what config.json says of a bundle that stands, atomically; all else stays."""
    with files.publish(folder) as path:
        for one in folder.iterdir():
            if one.is_file() and one.name not in (bundle_config.FILE, files.CHECKSUMS):
                shutil.copyfile(one, path / one.name)
        (path / bundle_config.FILE).write_text(bundle_config.to_json(config), encoding="utf-8")
        files.seal(path)


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
            save_file(values, path / WEIGHTS)
            if shortlist is not None:
                width = np.int16 if max(config.vocab_sizes) < 1 << 15 else np.int32
                table = {"likely_VN": shortlist.likely_VN, "always": shortlist.always}
                words = {name: torch.from_numpy(ids.astype(width)) for name, ids in table.items()}
                save_file(words, path / SHORTLIST)
        for name, tokenizer in zip(config.tokenizers, tokenizers, strict=True):
            (path / name).write_bytes(tokenizer.model)
        (path / bundle_config.FILE).write_text(bundle_config.to_json(config), encoding="utf-8")
        (path / "README.md").write_text(card, encoding="utf-8")
        files.seal(path)


def locate(path: Path) -> Path:
    """The bundle that a path means: itself, or the best one of a run, or the one that ships under this name.

    Raises:
        BundleError: there is none.
    """
    path = shipped.meant(path)
    for folder in (files.standing(path / "best"), files.standing(path)):
        if (folder / files.CHECKSUMS).exists():
            return folder
    if not path.exists():
        known = shipped.names()
        others = f", or name one that comes with mtkit ({', '.join(known)})" if known else ""
        raise BundleError(f"{path} does not exist; expected a bundle or a run: train one with mtkit train{others}")
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
    seal = files.Seal.of(folder, "bundle")
    seal.check(bundle_config.FILE, reading.LIMIT)
    config = bundle_config.read(folder)
    try:
        tokenizers = [
            _tokenizer(seal, name, size) for name, size in zip(config.tokenizers, config.vocab_sizes, strict=False)
        ]
        for tag in config.tags or ():
            if tag.symbol:
                tokenizers[0].id_of(tag.symbol)
        if config.spans is not None:
            for one in tokenizers:
                one.id_of(SPANS[0])  # it has what stands for them
        model, values = _model(seal, config, device)
        shortlist = _shortlist(seal, config.shortlist.copies, *config.vocab_sizes) if config.shortlist else None
    except (Unreadable, DataError, ConfigError, OSError) as error:
        raise BundleError(f"{reading.line(str(error))}; copy the bundle again") from None
    _fill(model, values)
    return Bundle(model.eval(), tokenizers[0], tokenizers[-1], config, folder, shortlist)


def _tokenizer(seal: files.Seal, name: str, pieces: int) -> Tokenizer:
    path = seal.check(name, TOKENIZER + PIECE * pieces)
    tokenizer = Tokenizer.read(path)
    if tokenizer.vocab_size != pieces:
        raise Unreadable(f"{path} has {tokenizer.vocab_size:,} pieces, expected {pieces:,} by {bundle_config.FILE}")
    return tokenizer


def _model(seal: files.Seal, config: BundleConfig, device: torch.device) -> tuple[Seq2Seq, dict[str, torch.Tensor]]:
    """A model without memory, and what is to fill it.

    The file's header is held against the config first, so that numbers of either, whatever they are, cost nothing.
    """
    path = reading.member(seal.folder, WEIGHTS)
    with _changed_first(seal, WEIGHTS):
        found = tensor_files.header(path)
        layers = sum(getattr(side, "layers", 0) for side in (config.model.encoder, config.model.decoder))
        if layers > len(found):
            raise Unreadable(
                f"{path} has {len(found)} tensors, too few for the {layers:,} layers of {bundle_config.FILE}"
            )
        try:
            model = blank(config.model, config.vocab_sizes, config.shared)
        except (RuntimeError, TypeError, ValueError) as error:  # of a plug-in's, say, whose bounds nobody knows here
            raise Unreadable(f"the model of {seal.folder / bundle_config.FILE} cannot be built ({error})") from None
        expected = weights.expected(tensor_files.specs(tensors.named(model)), found)
        tensor_files.compare(path, found, expected)
    seal.check(WEIGHTS, tensor_files.largest(expected))
    return model, weights.restored(tensor_files.load(path, str(device)))


def _shortlist(seal: files.Seal, copies: bool, source: int, target: int) -> Shortlist:
    path = reading.member(seal.folder, SHORTLIST)
    with _changed_first(seal, SHORTLIST):
        found = tensor_files.header(path)
        likely, always = (found.get(name, NO_IDS).shape[-1:] or (0,) for name in ("likely_VN", "always"))
        width = "I16" if max(source, target) < 1 << 15 else "I32"
        expected = {
            "likely_VN": Spec(width, (source, min(*likely, target))),
            "always": Spec(width, (min(*always, target),)),
        }
        tensor_files.compare(path, found, expected)
    seal.check(SHORTLIST, tensor_files.largest(expected))
    table = {name: value.numpy() for name, value in tensor_files.load(path).items()}
    for name, least in (("likely_VN", -1), ("always", 0)):
        ids = table[name]
        if ids.size and not (least <= ids.min() and ids.max() < target):
            wrong = ids.min() if ids.min() < least else ids.max()
            raise Unreadable(f"{path}, tensor {name}: found the id {wrong}, expected {least} to {target - 1}")
    return Shortlist(table["likely_VN"], table["always"], copies)


def blank(model: Model, vocab_sizes: tuple[int, int], shared: bool) -> Seq2Seq:
    """A model without memory, to be given values or to be looked at: no time goes into values that are replaced."""
    with torch.device("meta"), _NoValues():
        return build(model, *vocab_sizes, shared)


@contextlib.contextmanager
def _changed_first(seal: files.Seal, name: str) -> Iterator[None]:
    """Where a file is not what is expected, and is missing or has changed since it was sealed, say that."""
    try:
        yield
    except (Unreadable, FileNotFoundError):
        path = seal.folder / name
        if not path.exists() or (path.is_file() and path.stat().st_size < SOON):
            seal.check(name, SOON)
        raise


class _NoValues(TorchFunctionMode):
    """Nothing is drawn: for numbers without memory torch would load its compiler, half of the time to start."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0]
        return func(*args, **(kwargs or {}))


def _fill(model: Seq2Seq, values: dict[str, torch.Tensor]) -> None:
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
