"""Products in bf16 with sums in fp32, with an exact product in place of CUDA's."""

import pytest
import torch
from torch import Tensor, nn

from mtkit.ops import wide
from mtkit.ops.products import linear, precision
from mtkit.ops.reference.operands import Rounded
from mtkit.ops.wide import Wide


@pytest.fixture(autouse=True)
def of_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    def exact(x: Tensor, y: Tensor) -> Tensor:
        assert x.dtype is y.dtype is torch.bfloat16
        return x.float() @ y.float()

    monkeypatch.setattr(wide, "in_fp32", exact)


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize("start", [(), (3,)])
def test_only_operands_are_rounded(lead: tuple[int, ...], start: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    weight, x, grad = torch.randn(*lead, 3, 50), torch.randn(*lead, 4, 50), torch.randn(*lead, 4, 3)
    rounded, rounded_weight = x.bfloat16().float(), weight.bfloat16().float()
    begin = torch.randn(*lead, 1, *start) if start else None
    wanted = rounded @ rounded_weight.mT + (0 if begin is None else begin)
    torch.testing.assert_close(Wide(weight).times(x, begin), wanted)
    out = torch.empty_like(wanted)
    assert Wide(weight).times(x, begin, out) is out
    torch.testing.assert_close(out, wanted)
    torch.testing.assert_close(Wide(weight).back(grad), grad.bfloat16().float() @ rounded_weight)
    assert (Rounded(weight).times(x, begin) - wanted).abs().max() > 1e-3


def test_a_kept_operand_is_taken_by_linear() -> None:
    layer, x = nn.Linear(50, 3), torch.randn(4, 50)
    with torch.no_grad(), precision("bf16", {id(layer.weight): Wide(layer.weight.detach())}):
        made = linear(x, layer.weight, layer.bias)
    wanted = x.bfloat16().float() @ layer.weight.bfloat16().float().T + layer.bias
    torch.testing.assert_close(made, wanted.detach())


def test_on_a_processor_there_are_none() -> None:
    assert wide.operands(nn.Linear(5, 3).parameters()) == {}
