"""Files that somebody has changed, with checksums made right again: refused in one short line that names the place."""

import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mtkit import files, reading
from mtkit.corpus.shards import Part, ShardWriter
from mtkit.errors import BundleError, DataError, MtkitError, RunError
from mtkit.jobs.export import export
from mtkit.store import bundle, checkpoint, log
from mtkit.store.prepared import CORPUS, Prepared
from tests.train.bench import Bench

DATA = Path(__file__).parent / "data"
CPU = torch.device("cpu")
Change = Callable[[Path], object]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle is looked at a second time without waiting."""
    monkeypatch.setattr(bundle, "RETRY_SECONDS", 0)


def refused(call: Callable[[], object], says: str, kind: type[MtkitError] = BundleError) -> None:
    began = time.monotonic()
    with pytest.raises(kind, match=says) as caught:
        call()
    message = str(caught.value)
    assert len(message) < 900
    assert message.isprintable(), message
    assert time.monotonic() - began < 2


def told(key: str, value: Any) -> Change:
    """Another value at a dotted key of config.json."""

    def change(folder: Path) -> None:
        table = json.loads((folder / "config.json").read_text())
        inner = table
        *parents, last = key.split(".")
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
        (folder / "config.json").write_text(json.dumps(table))

    return change


def text(name: str, what: str) -> Change:
    return lambda folder: (folder / name).write_text(what)


def raw(name: str, what: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(what)


def tensors(name: str, **values: torch.Tensor | None) -> Change:
    """Other tensors in a file; None: without it."""

    def change(folder: Path) -> None:
        made: dict[str, Any] = load_file(folder / name)
        made |= {key.replace("__", ".").replace("SCALES", "#scales"): value for key, value in values.items()}
        save_file({key: value for key, value in made.items() if value is not None}, folder / name)

    return change


def placed(name: str, make: Callable[[Path], object]) -> Change:
    """Something else in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def bound(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


def header(table: Any) -> bytes:
    said = json.dumps(table).encode()
    return len(said).to_bytes(8, "little") + said


DEEP = "[" * 100_000 + "]" * 100_000
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
WEIGHTS = "model.safetensors"
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


def sealed(folder: Path) -> None:
    """Checksums of what are files, as whoever changed them would make them; of the others any."""
    if (folder / "checksums.json").is_file() or not os.path.lexists(folder / "checksums.json"):
        names = [path for path in folder.iterdir() if path.name not in ("checksums.json", "README.md")]
        sums = {path.name: files.sha256(path) if _small(path) else "0" * 64 for path in names}
        (folder / "checksums.json").write_text(json.dumps(sums))


def _small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size < 1 << 30


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


def progress(**values: Any) -> Change:
    def change(folder: Path) -> None:
        table = json.loads((folder / "progress.json").read_text()) | values
        (folder / "progress.json").write_text(json.dumps(table))

    return change


STATE = "optimizer.safetensors"
NAME = "output.bias_V:exp_avg"


def noted(**values: torch.Tensor | None) -> Change:
    """Other tensors of the optimiser, of one parameter."""

    def change(folder: Path) -> None:
        made: dict[str, Any] = load_file(folder / STATE)
        made |= {NAME.replace("exp_avg", key): value for key, value in values.items()}
        save_file({key: value for key, value in made.items() if value is not None}, folder / STATE)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (noted(exp_avg=torch.zeros(())), f'tensor "{NAME}": found F32 scalar, expected F32'),
        (noted(exp_avg_sq=torch.zeros(1)), "found F32 1, expected F32"),
        (noted(exp_avg=None), f'tensor "{NAME}": it is missing'),
        (noted(step=torch.tensor(9.0)), "found 9, expected 0 to 2"),
        (noted(step=torch.zeros(2)), "found F32 2, expected F32 scalar"),
        (noted(step=torch.tensor(torch.nan)), "it holds NaN"),
        (noted(more=torch.zeros(2)), "expected no tensor of this name"),
        (tensors(STATE, nobody=torch.zeros(2)), 'tensor "nobody": expected no tensor'),
        (raw(STATE, header([])), "its header is a list"),
        (tensors(WEIGHTS, output__bias_V=torch.zeros(2)), 'tensor "output.bias_V": found F32 2, expected'),
        (raw(WEIGHTS, b"12345678"), "is no safetensors file"),
        (progress(update=-1), "progress.json, update: found -1"),
        (progress(update=None), "progress.json, update: found null"),
        (progress(update=1 << 63), "progress.json, update: found"),
        (progress(parts=0), "progress.json, parts: found 0"),
        (progress(best_update=3), "progress.json, best_update: found 3, expected at most the update, 2"),
        (progress(seconds=-1.5), "progress.json, seconds: found -1.5"),
        (progress(seconds=float("nan")), "progress.json, seconds: found nan"),
        (progress(precision="fp1"), 'progress.json, precision: found "fp1", expected'),
        (progress(kept=["x" * 500_000]), "progress.json, kept.0: found"),
        (progress(kept=[{"update": 7, "score": 1.0, "loss": 1.0}]), "progress.json, kept.0.update: found 7"),
        (progress(best=1.0, scores={"loss": 1.0}, best_scores={}), "progress.json, best_scores: found a table of 0"),
        (text("progress.json", DEEP), "more than 32 tables"),
        (placed(STATE, os.mkfifo), f"{STATE} is a pipe"),
        (placed(WEIGHTS, sparse), f"{WEIGHTS} has 10,737,418,240 bytes, expected at most"),
    ],
)
def test_changed_checkpoints(tmp_path: Path, change: Change, says: str) -> None:
    bench = Bench(tmp_path, max_updates=4)
    checkpoint.save(tmp_path / "c", bench.until(2))
    folder = tmp_path / "c/00000002"
    change(folder)
    sealed(folder)
    training = bench.make()
    refused(lambda: checkpoint.load(tmp_path / "c", training), says)
    assert training.progress.update == 0


def prepared(folder: Path) -> Prepared:
    """A corpus of three pairs."""
    folder.mkdir()
    parts = {}
    for name in ("train", "dev"):
        writer = ShardWriter(folder, name, (40, 40))
        for pair in (([5, 6], [7]), ([8], [9, 39]), ([1, 2, 3], [4])):
            writer.add(*pair)
        parts[name] = [Part.of(name, "", writer.close())]
    for side in ("source", "target"):
        (folder / f"dev.{side}.txt").write_text("a\nb\nc\n")
    note(folder, parts)
    return Prepared.open(folder)


def note(folder: Path, parts: dict[str, Any] | None = None, **values: Any) -> None:
    """Write a manifest that fits the files, or another one."""
    path = folder / "manifest.json"
    if parts is not None:
        plain = {
            name: [{**vars(p), "shards": [vars(s) for s in p.shards]} for p in some] for name, some in parts.items()
        }
        table = CORPUS.head() | {"languages": ["en", "de"], "identity": "0", "inputs": {}, "splits": plain}
        table["tokenizers"] = ["tokenizer.model"]
    else:
        table = json.loads(path.read_text())
    held = [one for one in folder.iterdir() if one.name != path.name and _small(one)]
    table |= {"files": {one.name: one.stat().st_size for one in held}}
    table |= {"checksums": {one.name: files.crc32(one) for one in held}} | values
    path.write_text(json.dumps(table))


def used(folder: Path) -> None:
    """What a training reads of a corpus."""
    found = Prepared.open(folder)
    found.dev_text()
    for name in ("train", "dev"):
        split = found.split(name).within((40, 40), 3)
        for number in range(len(split.shards)):
            split.open(number)


def numbers(name: str, *values: int, dtype: Any = np.uint32) -> Change:
    return lambda folder: np.save(folder / name, np.array(values, dtype))


STARTS, SOURCES = "train-00000.source.starts.npy", "train-00000.source.npy"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (numbers(STARTS, 0, 3, 2, 6), "source has starts that do not rise from 0 to its 6 ids"),
        (numbers(STARTS, 1, 2, 3, 6), "source has starts that do not rise"),
        (numbers(STARTS, 0, 2, 3, 7), "source has starts that do not rise"),
        (numbers(STARTS, 0, 0, 0, 6), "source has a sentence of 6 pieces, expected at most 3"),
        (numbers(STARTS, 0, 6), "has 2 numbers of type u4, expected 4 of u4"),
        (numbers(STARTS, 0, 2, 3, 6, dtype=np.uint16), "has 4 numbers of type u2, expected 4 of u4"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, 40, dtype=np.uint16), "source has the id 40, expected less than 40"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, dtype=np.uint16), "has 5 numbers of type u2, expected 6 of u2"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, 3, dtype=np.int64), "no .npy file of a row of whole numbers"),
        (numbers(SOURCES, 5, 6, 8, 1, 2, 3, dtype=object), "no .npy file of a row of whole numbers"),
        (raw(SOURCES, b"PK\x03\x04"), "no .npy file of a row of whole numbers"),
        (raw(SOURCES, b"\x93NUMPY\x01\x00v\x00" + b"(" * 118), "no .npy file of a row of whole numbers"),
        (placed(SOURCES, os.mkfifo), f"{SOURCES} is a pipe"),
        (placed(SOURCES, lambda path: path.symlink_to("/dev/zero")), f"{SOURCES} is a link that leads out"),
        (text("dev.source.txt", "a\n"), "dev.source.txt is missing or damaged.*1 lines, expected 3"),
        (raw("dev.target.txt", b"\xff\nb\nc\n"), "dev.target.txt is missing or damaged"),
    ],
)
def test_changed_shards(tmp_path: Path, change: Change, says: str) -> None:
    folder = prepared(tmp_path / "c").folder
    used(folder)
    change(folder)
    note(folder)
    refused(lambda: used(folder), says, DataError)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"splits": None}, "manifest.json, splits: found null"),
        ({"splits": {"train": [], "dev": 5}}, "manifest.json, splits.dev: found 5"),
        ({"splits": {"dev": []}}, "expected splits train and dev"),
        ({"tokenizers": ["../x.model"]}, r'manifest.json, tokenizers.0: found "../x.model"'),
        ({"files": {"../x": 1}}, "manifest.json, files.../x"),
        ({"files": {"x": "1"}}, 'manifest.json, files.x: found "1"'),
        ({"files": {"x": -1}}, "manifest.json, files.x: found -1"),
        ({"files": {"x": 1}}, 'expected a checksum of "x"'),
        ({"checksums": {"x": "zz"}}, 'manifest.json, checksums.x: found "zz"'),
        ({"languages": ["en"]}, "manifest.json, languages.1: it is missing|languages"),
        ({"identity": 5}, "manifest.json, identity: found 5"),
        ({"more": 5}, "manifest.json, more: an unknown key"),
        ({"format_version": "3"}, 'its format_version is "3", expected a number'),
    ],
)
def test_changed_manifests(tmp_path: Path, values: dict[str, Any], says: str) -> None:
    folder = prepared(tmp_path / "c").folder
    note(folder, **values)
    refused(lambda: used(folder), says, DataError)


@pytest.mark.parametrize(("key", "value"), [("name", "../x"), ("pairs", 4), ("pairs", -3), ("source_pieces", 1 << 40)])
def test_changed_shards_of_a_manifest(tmp_path: Path, key: str, value: Any) -> None:
    folder = prepared(tmp_path / "c").folder
    table = json.loads((folder / "manifest.json").read_text())["splits"]
    table["train"][0]["shards"][0][key] = value
    note(folder, splits=table)
    refused(lambda: used(folder), "manifest.json", DataError)


def test_a_log_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    os.mkfifo(path)
    refused(lambda: log.Log(path).write(log.Planned(update=1, updates=2)), "log.jsonl is a pipe", RunError)
    refused(lambda: list(log.read(path)), "log.jsonl is a pipe", RunError)
    path.unlink()
    for line in (DEEP, '{"event": 5}', '{"event": ' + "9" * 9999 + "}"):
        path.write_text(line + "\n")
        refused(lambda: list(log.read(path)), "log.jsonl, line 1, is no", RunError)


def test_what_is_shown_is_short_and_printable() -> None:
    assert reading.shown("a\x1b[0m\u202e\ud800") == r'"a\x1b[0m\u202e\ud800"'
    assert reading.shown("x" * 99) == f'"{"x" * reading.SHOWN}…"'
    assert [reading.shown(value) for value in (None, True, [1], {"a": 1}, 10**30)] == [
        "null",
        "true",
        "a list of 1",
        "a table of 1",
        "a number of more than 20 digits",
    ]
    assert len(reading.line("y\n" * 9999)) < 3 * reading.LINE
    assert not any(map(reading.plain, ("", ".", "..", "a/b", "/a", "a\0", ".hidden", "x" * 300, 5)))
