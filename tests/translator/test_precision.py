"""One decision for a translator: the quickest precision that pays; what is asked for is told where it does not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mtkit.ops import paces, products
from mtkit.ops.paces import Paces
from mtkit.search.ensemble import Ensemble
from mtkit.translator import looking, precision
from mtkit.translator.precision import Choice, choose
from mtkit.translator.request import Line, Pair
from mtkit.translator.translator import Translator
from tests.translator.small import LINES, decode, model_of, pieces, table, translator, written


def at(monkeypatch: pytest.MonkeyPatch, bf16: float, int8: float) -> None:
    """So many times as fast as in fp32 products are, of whatever width."""
    made = Paces({"bf16": (bf16,) * 4, "int8": (int8,) * 4}, "as told")
    monkeypatch.setattr(paces, "here", lambda: made)
    monkeypatch.setattr(products, "slow", lambda *_: "")
    monkeypatch.setattr(precision, "LEAST", 1000)


MODEL = model_of(table(), pieces())


@pytest.mark.parametrize(
    ("bf16", "int8", "chosen"),
    [
        (1.0, 1.0, "fp32"),
        (1.1, 1.3, "fp32"),  # not enough for what rounding costs
        (1.2, 1.3, "bf16"),
        (0.5, 1.5, "int8"),
        (1.4, 2.2, "bf16"),  # not enough quicker for what is coarser
        (1.4, 2.3, "int8"),
        (3.0, 0.5, "bf16"),
    ],
)
def test_the_quickest_that_pays(monkeypatch: pytest.MonkeyPatch, bf16: float, int8: float, chosen: str) -> None:
    at(monkeypatch, bf16, int8)
    made = choose("auto", [MODEL])
    assert (made.name, made.told) == (chosen, "")
    assert f"in int8 {int8:.1f} times" in made.reason
    assert choose("auto", [MODEL, MODEL]).name == chosen  # an ensemble has one


@pytest.mark.parametrize("tie", ["none", "inputs", "target", "all"])
def test_tables_that_are_only_looked_up_do_not_count(tie: str) -> None:
    """Embeddings that are not the output's, and learned positions."""
    side = {"name": "transformer", "heads": 2, "layers": 1, "positions": "learned"}
    model = model_of(table(tie=tie, encoder=side, decoder=side), pieces())
    maps = [tuple(one.weight.shape) for one in model.modules() if isinstance(one, nn.Linear)]
    assert sorted(precision._weights([model])) == sorted([*maps, tuple(model.output.weight_VE.shape)])


def test_small_models_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 9, 9)
    monkeypatch.setattr(precision, "LEAST", 200_000)
    made = choose("auto", [MODEL])
    assert made.name == "fp32"
    assert "rounding pays from 200,000 on" in made.reason


def test_what_is_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 0.5, 3)
    for name in ("fp32", "bf16", "int8"):
        assert choose(name, [MODEL]) == Choice(name, "as asked")
    at(monkeypatch, 0.5, 0.4)
    made = choose("int8", [MODEL])
    assert made.name == "int8"
    assert made.told.startswith("int8 is slower than fp32 here for this model (0.40 times as fast)")


def test_where_it_cannot_be_quick_another_is_taken_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1.5, 1.0)
    monkeypatch.setattr(products, "slow", lambda name, *_: "this processor has none" if name == "int8" else "")
    told = "int8 is not quicker here, since this processor has none: translating in bf16"
    assert choose("int8", [MODEL]) == Choice("bf16", "this processor has none", told)


def test_a_translator_decides_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at(monkeypatch, 1.5, 1.0)
    made = Translator.load(written(tmp_path / "b"), beam_size=2)
    assert (made.asked.precision, made.decode.precision, made.precision.name) == ("auto", "bf16", "bf16")
    wanted = made.translate(LINES, precision="bf16", details=True)
    at(monkeypatch, 1.0, 2.0)  # as if another process had measured something else
    assert made.translate(LINES, precision="auto", details=True) == made.translate(LINES, details=True) == wanted
    _, (_, _, handed_on, _) = made.__reduce__()
    assert handed_on.precision == "bf16"  # processes that are begun anew take the same
    assert made.translate(LINES, precision="fp32", details=True) != wanted


@pytest.mark.parametrize("asked", ["auto", "int8"])
@pytest.mark.parametrize("line", [Line(LINES[0]), Pair(LINES[0], "das")], ids=["search", "forced"])
def test_what_is_looked_at_is_not_rounded_unasked(monkeypatch: pytest.MonkeyPatch, asked: str, line: Any) -> None:
    at(monkeypatch, 1.0, 2.0)
    entered: list[str] = []

    class Noting(Ensemble):
        def __init__(self, models: Any, eos: Any, precision: str) -> None:
            entered.append(precision)
            super().__init__(models, eos, precision)

    for module in ("mtkit.translator.precision", "mtkit.translator.looking"):
        monkeypatch.setattr(f"{module}.Ensemble", Noting)
    one = translator()
    looking.look(Translator(one.members, decode(precision=asked), ("en", "de")), line)
    assert set(entered) == {"fp32" if asked == "auto" else "int8"}


def test_gpus_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 9, 9)
    elsewhere: Any = SimpleNamespace(source_VE=torch.empty(1, device="meta"))
    assert choose("auto", [elsewhere]) == Choice("fp32", "on a GPU")
