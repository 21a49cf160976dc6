"""What mtkit/README.md adds as examples: its code passes its test; cells and attentions keep every contract, too."""

import contextlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from mtkit import registry
from mtkit.registry import CHOICES, Choice
from tests.contract import test_model as contracts
from tests.contract.family import WIRINGS, assert_same, batch_of, make, outcome

README = Path(registry.__file__).parent / "README.md"
# One that feeds something back and one that runs over whole sequences; the others by `make slow`.
SOME_WIRINGS = [
    pytest.param(name, marks=[] if name in ("input_feeding", "gnmt") else pytest.mark.slow)
    for name in CHOICES["wiring"]
]
# The contracts of a whole model, whichever there are.
OF_A_MODEL: list[Callable[[Any], None]] = [
    test
    for name, test in vars(contracts).items()
    if name.startswith("test_") and list(inspect.signature(test).parameters) == ["model"]
]


class Example(NamedTuple):
    """A section of the README."""

    kind: str
    code: str
    line: str
    """Of the registry."""
    test: str
    lines: int
    """Of code, as the README counts them."""


def example(kind: str, title: str = "") -> Example:
    (section,) = re.findall(rf"^## To add an? {title or kind}\n(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)
    (lines,) = re.findall(r"^`[\w/]+\.py`, (\d+) lines:", section, re.MULTILINE)
    code, line, test = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return Example(kind, code, line, test, int(lines))


EXAMPLES = [example("cell"), example("attention")]
OTHERS = [
    example("encoder"),
    example("metric"),
    example("reader", "input format"),
    example("rule", "search rule"),
    example("command"),
]


@contextlib.contextmanager
def added(given: Example) -> Iterator[str]:
    """While this lasts the example is registered, as the README says, whether or not it stands there already."""
    ((name, choice),) = eval(f"{{{given.line}}}", {"Choice": Choice}).items()
    module_name, _, _ = choice.where.partition(":")
    spec = importlib.util.spec_from_loader(module_name, loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module_name, module)
        patch.setitem(CHOICES[given.kind], name, choice)
        exec(compile(given.code, str(README), "exec"), vars(module))
        yield name


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda given: given.kind)
def keys(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Keys of [model] that name the example, which is registered while this lasts."""
    with added(request.param) as name:
        if request.param.kind == "cell":
            yield {"encoder__cell": name, "decoder__cell": name, "encoder__layers": 2, "decoder__layers": 2}
        else:
            yield {"attention__name": name, "attention__heads": 2, "decoder__layers": 2}


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("given", EXAMPLES + OTHERS, ids=lambda given: given.kind)
def test_its_values_and_its_length(given: Example) -> None:
    """The README's own test; once more with the choice in the table already, as for whoever followed the README."""
    assert len(given.code.splitlines()) == given.lines
    code: dict[str, Any] = {}
    exec(compile(given.test, str(README), "exec"), code)
    tests = [value for key, value in code.items() if key.startswith("test_")]
    assert tests
    with added(given) as name:
        for test in tests:
            test()
        with added(given):
            for test in tests:
                test()
        assert name in CHOICES[given.kind]


@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_fast_path_equals_autograd_on_the_plain_one(
    keys: dict[str, Any], wiring: str, float64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(**keys, decoder__wiring=wiring)
    plain = outcome(model, [batch_of(contracts.ALL)], plain=True)
    if wiring in CHOICES["wiring"]:  # the toy has no other path
        monkeypatch.setattr(type(model.decoder), "step", None)  # which the plain path goes by
    assert_same(outcome(model, [batch_of(contracts.ALL)]), plain)


@pytest.mark.parametrize("wiring", SOME_WIRINGS)
@pytest.mark.parametrize("contract", OF_A_MODEL, ids=lambda test: test.__name__)
def test_it_keeps_every_contract_of_a_model(
    keys: dict[str, Any], wiring: str, contract: Callable[[Any], None], float64: None
) -> None:
    contract(make(**keys, decoder__wiring=wiring))


@pytest.mark.parametrize("wiring", SOME_WIRINGS)
def test_it_keeps_the_contracts_of_its_kind_in_wirings(keys: dict[str, Any], wiring: str, float64: None) -> None:
    if (cell := keys.get("decoder__cell")) is not None:
        for norm in ("none", "layer"):
            contracts.test_fast_path_equals_autograd_with_dropout(cell, wiring, norm)
    for attention in ("additive", "location") if cell else (keys["attention__name"],):
        contracts.test_truncated_gradients(cell or "gru", wiring, attention)


def test_there_are_contracts() -> None:
    """None of those named here may go missing by being renamed."""
    wanted = {
        contracts.test_padding_batch_size_and_order_change_nothing,
        contracts.test_forward_equals_stacked_steps,
        contracts.test_state_is_reordered_and_kept,
    }
    assert wanted <= set(OF_A_MODEL)
