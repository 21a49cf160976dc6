"""The cell that mtkit/README.md adds as an example: its code, taken from there, is held to what holds every cell."""

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mtkit import registry
from mtkit.registry import CHOICES, Choice
from tests.contract import test_model as contracts
from tests.contract.family import assert_same, batch_of, make, outcome

README = Path(registry.__file__).parent / "README.md"
# The contracts of a whole model, whichever there are.
OF_A_MODEL: list[Callable[[Any], None]] = [
    test
    for name, test in vars(contracts).items()
    if name.startswith("test_") and list(inspect.signature(test).parameters) == ["model"]
]


def blocks() -> list[str]:
    (section,) = re.findall(r"^## To add a cell\n(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)
    found: list[str] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return found


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The cell's name; while this lasts it is registered, as the README says."""
    cell, line, _ = blocks()
    ((name, choice),) = eval(f"{{{line}}}", {"Choice": Choice}).items()
    module_name, _, _ = choice.where.partition(":")
    path = tmp_path_factory.mktemp("cells") / f"{module_name.rpartition('.')[2]}.py"
    path.write_text(cell)
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    assert name not in CHOICES["cell"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module_name, module)
        patch.setitem(CHOICES["cell"], name, choice)
        spec.loader.exec_module(module)
        yield name


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def keys_of(name: str, wiring: str) -> dict[str, Any]:
    both = {
        f"{side}__{key}": value for side in ("encoder", "decoder") for key, value in (("cell", name), ("layers", 2))
    }
    return {"decoder__wiring": wiring, **both}


def test_its_values(name: str) -> None:
    """The README's own test."""
    code: dict[str, Any] = {}
    exec(compile(blocks()[2], str(README), "exec"), code)
    tests = [value for key, value in code.items() if key.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_its_backward_is_the_derivative(name: str, float64: None) -> None:
    contracts.test_cell_backward_is_the_derivative(name)


@pytest.mark.parametrize("wiring", CHOICES["wiring"])
def test_the_fast_path_equals_autograd_on_the_plain_one(
    name: str, wiring: str, float64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(**keys_of(name, wiring))
    plain = outcome(model, [batch_of(contracts.ALL)], plain=True)
    monkeypatch.setattr(type(model.decoder), "step", None)  # which the plain path goes by
    assert_same(outcome(model, [batch_of(contracts.ALL)]), plain)


@pytest.mark.parametrize("wiring", CHOICES["wiring"])
@pytest.mark.parametrize("contract", OF_A_MODEL, ids=lambda test: test.__name__)
def test_it_keeps_every_contract_of_a_model(
    name: str, wiring: str, contract: Callable[[Any], None], float64: None
) -> None:
    contract(make(**keys_of(name, wiring)))


@pytest.mark.parametrize("wiring", CHOICES["wiring"])
def test_it_keeps_the_contracts_of_cells_in_wirings(name: str, wiring: str, float64: None) -> None:
    contracts.test_fast_path_equals_autograd_with_dropout(name, wiring)
    for attention in ("additive", "location"):
        contracts.test_truncated_gradients(name, wiring, attention)


def test_there_are_contracts() -> None:
    """None of those named here may go missing by being renamed."""
    wanted = {
        contracts.test_padding_batch_size_and_order_change_nothing,
        contracts.test_forward_equals_stacked_steps,
        contracts.test_state_is_reordered_and_kept,
    }
    assert wanted <= set(OF_A_MODEL)
