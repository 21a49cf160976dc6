"""How quick products are is measured once, kept, and read again; what cannot be kept is not measured."""

import json
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtkit.ops import native, paces, products
from mtkit.ops.compute import current
from mtkit.ops.native import cache, compiler, units
from mtkit.ops.paces import Paces

SEEN = {"bf16": [1.0, 1.5, 2.0, 2.5], "int8": [0.5, 1.0, 3.0, 4.0]}
OTHERS = {name: [x / 2 for x in times] for name, times in SEEN.items()}
MEASURED = "as measured on this machine"
READY = compiler.Status("ready", "compiled with cc", "1")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own; as if compiled code were here, with instructions that are known."""
    compiler.compiled()  # in the cache folder that there is, if it is still to be done
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(products, "slow", lambda name: "")
    monkeypatch.setattr(units, "unit", {"bf16": "AVX-512 BF16", "int8": "AVX2"}.get)
    monkeypatch.setattr(compiler, "status", lambda: READY)
    paces._here.cache_clear()
    yield tmp_path / "mtkit"
    paces._here.cache_clear()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[float]]], list[int]]:
    """Lets measurements give what is said; the list has an entry for each that was made."""
    calls: list[int] = []

    def give(times: dict[str, list[float]]) -> list[int]:
        monkeypatch.setattr(paces, "measured", lambda names: calls.append(1) or times)  # type: ignore[func-returns-value]
        return calls

    return give


def again() -> Paces:
    """What the next process finds."""
    paces._here.cache_clear()
    return paces.here()


def test_gains_by_hand() -> None:
    here = Paces({"int8": (0.5, 1.0, 2.0, 4.0)}, "")
    assert here.gain("int8", [(192, 64)]) == 0.5
    assert here.gain("int8", [(1536, 512)]) == here.gain("int8", [(8192, 2048)]) == 4
    assert here.gain("int8", [(192, 64), (3 * 256, 256)]) == pytest.approx((1 + 16) / (1 / 0.5 + 16 / 2))
    assert here.gain("fp32", [(9, 9)]) == here.gain("bf16", [(9, 9)]) == here.gain("int8", []) == 1


def test_measured_once_a_machine(home: Path, measured: Callable[..., list[int]]) -> None:
    calls = measured(SEEN)
    first = paces.here()
    assert (first.times, first.how) == ({name: tuple(times) for name, times in SEEN.items()}, MEASURED)
    measured(OTHERS)
    assert again() == first
    assert len(calls) == 1
    (file,) = home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_another_process_wrote_first_is_what_all_go_by(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(names: list[str]) -> dict[str, list[float]]:
        cache.keep(cache.folder(), f"paces-{paces._key()}.json", json.dumps(OTHERS).encode())
        return SEEN

    monkeypatch.setattr(paces, "measured", late)
    assert paces.here().times["int8"] == tuple(OTHERS["int8"])
    assert len(list(home.iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"bf16": [1, 1, 1, 1]}', json.dumps(SEEN | {"int8": [1, 2]}), json.dumps(SEEN | {"int8": "abcd"}),
     json.dumps(SEEN | {"int8": [1, 1, 1, 0]}), json.dumps(SEEN | {"int8": [[1], 1, 1, 1]}), "[" * 9999],
)  # fmt: skip
def test_a_damaged_table_is_measured_anew(home: Path, measured: Callable[..., list[int]], content: str) -> None:
    calls = measured(SEEN)
    paces.here()
    (file,) = home.iterdir()
    file.write_text(content)
    assert again().times["int8"] == tuple(SEEN["int8"])
    assert len(calls) == 2
    assert json.loads(file.read_text()) == SEEN


def test_what_others_could_write_is_not_read(home: Path, measured: Callable[..., list[int]]) -> None:
    calls = measured(SEEN)
    paces.here()
    (file,) = home.iterdir()
    file.chmod(0o666)
    assert again().how == "as is usual with AVX-512 BF16 and AVX2"
    file.unlink()
    file.symlink_to("/dev/zero")
    assert "usual" in again().how
    assert len(calls) == 1


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system"), cache.UnsafeCache("others can write it")])
def test_what_cannot_be_kept_is_not_measured(
    measured: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refused() -> Path:
        raise error

    calls = measured(SEEN)
    monkeypatch.setattr(cache, "folder", refused)
    here = paces.here()
    assert not calls
    assert here.times == {"bf16": (1.4,) * 4, "int8": (1.0,) * 4}  # of AVX2 nothing is known: nothing is expected


def test_what_is_measured_is_of_one_processor_and_one_code(
    home: Path, measured: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = measured(SEEN)
    paces.here()
    monkeypatch.setattr(compiler, "status", lambda: replace(READY, key="2"))
    again()
    monkeypatch.setattr(torch, "__version__", "another")
    again()
    assert len(calls) == len(list(home.iterdir())) == 3


def test_threads_that_ask_at_once_wait_for_one_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def slow(names: list[str]) -> dict[str, list[float]]:
        calls.append(1)
        time.sleep(0.05)
        return SEEN

    monkeypatch.setattr(paces, "measured", slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: paces.here(), range(4)))
    assert len(calls) == 1
    assert len({id(one) for one in found}) == 1


def test_what_is_found_without_compiled_code_holds_there_alone(
    measured: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(SEEN)
    monkeypatch.setattr(products, "slow", lambda name: "" if current().native else "switched off")
    with native.off():
        assert paces.here() == Paces({}, "switched off")
    assert paces.here().how == MEASURED
    with native.off():
        assert not paces.here().times


def test_without_instructions_nothing_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "slow", lambda name: f"{name} is nowhere")
    assert paces.here() == Paces({}, "int8 is nowhere")


def test_measuring() -> None:
    """In earnest: what the forms in torch take, for want of others, is a fact as well."""
    threads = torch.get_num_threads()
    made = paces.measured(["bf16"])
    assert torch.get_num_threads() == threads
    assert len(made["bf16"]) == len(paces.WIDTHS)
    assert all(1e-3 < x < 1e3 for x in made["bf16"])
