"""Bundles that somebody has changed, with checksums made right again: refused in a line that names the place."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mtkit.jobs.export import export
from mtkit.store import bundle
from tests.store.changes import (
    DEEP,
    WEIGHTS,
    Change,
    bound,
    header,
    placed,
    raw,
    refused,
    sealed,
    sparse,
    tensors,
    text,
    told,
)

DATA = Path(__file__).parent / "data"
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle is looked at a second time without waiting."""
    monkeypatch.setattr(bundle, "RETRY_SECONDS", 0)


CONFIG: list[tuple[Change, str]] = [
    (told("model", None), "config.json, model: found null"),
    (told("decode", [1]), "config.json, decode: found a list of 1"),
    (told("vocab_sizes", ["135", "135"]), 'config.json, vocab_sizes.0: found "135", expected a valid integer'),
    (told("vocab_sizes", [135, 136]), "vocab_sizes"),
    (told("vocab_sizes", [136, 136]), "tokenizer.model has 135 pieces, expected 136"),
    (told("vocab_sizes", [1 << 40, 1 << 40]), "config.json, vocab_sizes.0: found 1099511627776, expected less than"),
    (told("max_pieces", 0), "config.json, max_pieces: found 0"),
    (told("max_pieces", True), "config.json, max_pieces: found true"),
    (told("source_lang", "e/n"), 'config.json, source_lang: found "e/n"'),
    (told("source_lang", "\x1b[31m" * 99), r'config.json, source_lang: found "\\x1b\[31m'),
    (told("tokenizers", ["../tokenizer.model"]), r'config.json, tokenizers.0: found "../tokenizer.model"'),
    (told("tokenizers", ["/etc/passwd"]), "config.json, tokenizers.0: found"),
    (told("tokenizers", ["a\0b"]), r'config.json, tokenizers.0: found "a\\x00b"'),
    (told("tokenizers", ["other.model"]), "does not name other.model"),
    (told("tokenizers", ["tokenizer.model", "tokenizer.model"]), "with two tokenizers"),
    (told("model.encoder.layers", 1 << 31), "encoder.layers = 2147483648: input should be less than or equal to 1000"),
    (told("model.encoder.layers", 1000), "has 23 tensors, too few for the 1,001 layers"),
    (told("model.hidden_dim", 1 << 40), "hidden_dim = 1099511627776: input should be less"),
    (told("model.hidden_dim", 65536), "model.safetensors, tensor .*: found F32 .*, expected F32"),
    (told("model.encoder", {"name": ["x"]}), "config.json, model: encoder.name"),
    (told("x" * 100_000, 1), "config.json, xxxx.* …"),
    (told("training", {"seed": "many"}), "config.json, training.seed: found"),
    (text("config.json", DEEP), "config.json cannot be read: .* more than 32 tables and lists inside each other"),
    (text("config.json", "[" * 40 + "]" * 40), "more than 32 tables"),
    (text("config.json", '{"kind": 1e400}'), "a number that is too large"),
    (text("config.json", '{"kind": ' + "9" * 5000 + "}"), "a number of 5000 digits"),
    (text("config.json", '{"kind": NaN}'), "NaN where a number is expected"),
    (text("config.json", '{"kind": "x", "kind": "y"}'), 'key "kind" comes twice'),
    (text("config.json", '{"kind": "\\ud800"}'), "half a character"),
    (text("config.json", json.dumps({"kind": "y" * 500_000, "format_version": 4})), 'is a "yyy'),
    (raw("config.json", b'{"kind": "\xff"}'), "not UTF-8 at byte 10"),
    (text("config.json", "[]"), "it holds no JSON table"),
    (text("config.json", ""), "no JSON that can be read"),
]
TENSORS: list[tuple[Change, str]] = [
    (tensors(WEIGHTS, source_VE=None), 'tensor "source_VE": it is missing, expected F32 135x16'),
    (tensors(WEIGHTS, more=torch.zeros(3)), 'tensor "more": expected no tensor of this name'),
    (tensors(WEIGHTS, output__bias_V=torch.zeros(134)), 'tensor "output.bias_V": found F32 134, expected F32 135'),
    (tensors(WEIGHTS, output__bias_V=torch.zeros(())), 'tensor "output.bias_V": found F32 scalar, expected F32 135'),
    (tensors(WEIGHTS, output__bias_V=torch.zeros(135).double()), "found F64 135, expected F32 135"),
    (tensors(WEIGHTS, output__bias_V=torch.zeros(135).long()), "found I64 135, expected F32 135"),
    (tensors(WEIGHTS, source_VE=torch.zeros(135, 16).half()), "found F16 135x16, expected F32 135x16"),
    (tensors(WEIGHTS, source_VE=torch.zeros(135, 16).to(torch.float8_e4m3fn)), 'found type "F8_E4M3", expected one of'),
    (tensors(WEIGHTS, source_VESCALES=torch.ones(134)), 'tensor "source_VE": found F32 135x16, expected I8 135x16'),
    (tensors(WEIGHTS, output__bias_V=torch.full((135,), torch.nan)), 'tensor "output.bias_V": it holds NaN'),
    (tensors(WEIGHTS, source_VE=torch.full((135, 16), torch.inf)), 'tensor "source_VE": it holds NaN or infinity'),
    (raw(WEIGHTS, b""), "no safetensors file: its header has 0 bytes of 0"),
    (raw(WEIGHTS, b"\xff" * 99), "no safetensors file: its header has 18,446,744,073,709,551,615 bytes of 99"),
    (raw(WEIGHTS, header([])), "its header is a list of 0, expected a table"),
    (raw(WEIGHTS, header({"a": None})), 'tensor "a": found null, expected dtype, shape and data_offsets'),
    (
        raw(WEIGHTS, header({"a": {"dtype": "F32", "shape": [1 << 47], "data_offsets": [0, 1 << 49]}})),
        "bytes, expected",
    ),
    (raw(WEIGHTS, header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}) + b"12345678"), "at bytes 4"),
    (raw(WEIGHTS, len(DEEP).to_bytes(8, "little") + DEEP.encode()), "more than 32 tables"),
    (raw("tokenizer.model", b"\x0a\x02\x0a\x00"), "tokenizer.model is not a SentencePiece model"),
    (raw("tokenizer.model", b""), "tokenizer.model"),
]
PLACES: list[tuple[Change, str]] = [
    (placed(name, make), says)
    for name in ("config.json", WEIGHTS, "tokenizer.model", "checksums.json")
    for make, says in (
        (os.mkfifo, f"{name} is a pipe, expected a file"),
        (Path.mkdir, f"{name} is a folder, expected a file"),
        (bound, f"{name} is a socket, expected a file"),
        (sparse, f"{name} (has 10,737,418,240 bytes, expected|is no safetensors file)"),
        (
            lambda path: path.symlink_to(path),
            f"{name} cannot be read|is a link that leads out|levels of symbolic|it has no {name}",
        ),
        (lambda path: path.symlink_to("/dev/zero"), f"{name} is a (link that leads out of its folder|device)"),
    )
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of today's format."""
    loaded = bundle.load(DATA / "format2", CPU)
    folder = tmp_path_factory.mktemp("bundle") / "sound"
    bundle.write(folder, loaded.model, [loaded.source_tokenizer], loaded.config, "a card")
    return folder


@pytest.mark.parametrize(("change", "says"), CONFIG + TENSORS + PLACES)
def test_changed_bundles(sound: Path, tmp_path: Path, change: Change, says: str) -> None:
    folder = tmp_path / "b"
    shutil.copytree(sound, folder)
    change(folder)
    if says.startswith("checksums.json ") and (folder / "checksums.json").is_file():
        pass  # its size is what is wrong
    else:
        sealed(folder)
    refused(lambda: bundle.load(folder, CPU), says)


@pytest.mark.parametrize(
    ("sums", "says"),
    [
        ("null", "it is not a JSON table"),
        (DEEP, "more than 32 tables"),
        ('{"../x": "0"}', r'"../x" is no name of a file'),
        ('{"config.json": 5}', "config.json: found 5, expected a sha256"),
        ('{"config.json": "%s"}' % ("f" * 500_000), "expected a sha256"),
        ("{}", "checksums.json does not name config.json"),
    ],
)
def test_changed_checksums(sound: Path, tmp_path: Path, sums: str, says: str) -> None:
    shutil.copytree(sound, tmp_path / "b")
    (tmp_path / "b/checksums.json").write_text(sums)
    refused(lambda: bundle.load(tmp_path / "b", CPU), says)


LIST = "shortlist.safetensors"
IDS = torch.zeros(20, dtype=torch.int16)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (tensors(LIST, always=IDS + 135), "tensor always: found the id 135, expected 0 to 134"),
        (tensors(LIST, always=IDS - 1), "tensor always: found the id -1, expected 0 to 134"),
        (tensors(LIST, always=IDS.float()), 'tensor "always": found F32 20, expected I16 20'),
        (tensors(LIST, always=IDS[0].clone()), 'tensor "always": found I16 scalar'),
        (tensors(LIST, always=IDS.view(4, 5)), 'tensor "always": found I16 4x5'),
        (tensors(LIST, always=None), 'tensor "always": it is missing'),
        (tensors(LIST, likely_VN=torch.full((135, 60), -2, dtype=torch.int16)), "tensor likely_VN: found the id -2"),
        (tensors(LIST, likely_VN=torch.zeros(134, 60, dtype=torch.int16)), "found I16 134x60, expected I16 135x60"),
        (tensors(LIST, likely_VN=torch.zeros(135, 999, dtype=torch.int16)), "found I16 135x999, expected I16 135x135"),
        (
            tensors(WEIGHTS, source_VESCALES=torch.ones(135, 1)),
            'tensor "source_VE#scales": found F32 135x1, expected F32 135',
        ),
        (placed(LIST, os.mkfifo), f"{LIST} is a pipe"),
        (told("shortlist", 5), "config.json, shortlist: found 5"),
        (told("vocab_sizes", None), "config.json, vocab_sizes: found null"),
    ],
)
def test_changed_exported_bundles(tmp_path: Path, change: Change, says: str) -> None:
    folder = tmp_path / "b"
    shutil.copytree(DATA / "format3", folder)
    change(folder)
    sealed(folder)
    refused(lambda: bundle.load(folder, CPU), says)


def test_a_card_of_any_kind_hinders_nobody(sound: Path, tmp_path: Path) -> None:
    makes: list[Callable[[Path], object]] = [os.mkfifo, Path.mkdir, sparse, lambda path: path.write_bytes(b"\xff\n")]
    for number, make in enumerate(makes):
        shutil.copytree(sound, folder := tmp_path / str(number))
        placed("README.md", make)(folder)
        export(folder, tmp_path / "out", precision="bf16", corpus=None)
        assert bundle.load(tmp_path / "out", CPU).exported


def test_a_killed_export_hinders_no_other(sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(sound, out, precision="bf16", corpus=None)
    out.rename(tmp_path / ".old-out")  # killed between the two renames
    assert bundle.load(out, CPU).exported
    (tmp_path / "out.old").mkdir()  # somebody else's
    export(sound, out, precision="int8", corpus=None)
    assert bundle.load(out, CPU).decode.precision == "int8"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.old"]
