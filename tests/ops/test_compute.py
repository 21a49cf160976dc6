"""How to compute belongs to a thread: precision, kept operands, forms in C, the chance of dropout."""

import threading

import torch

from mtkit.ops import compute, native, products
from mtkit.ops.compute import Kept
from mtkit.ops.dropout import mask_like


def test_a_precision_is_left_as_it_was_and_seen_by_no_other_thread() -> None:
    """Two threads enter and leave across each other, in the order that a shared variable does not survive."""
    entered, looked = threading.Barrier(2), threading.Barrier(2)
    seen: dict[str, list[object]] = {}

    def work(name: str) -> None:
        found: list[object] = [compute.current()]
        with products.precision(name, {}), native.off():
            entered.wait(10)
            found.append(products.entered())
            looked.wait(10)
        seen[name] = [*found, compute.current()]

    threads = [threading.Thread(target=work, args=(name,)) for name in ("bf16", "int8")]
    with products.precision("bf16"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert products.entered() == "bf16"
    default = compute.Compute()
    assert seen == {"bf16": [default, "bf16", default], "int8": [default, "int8", default]}
    assert compute.current() == default


def test_a_backward_pass_computes_as_its_forward_pass_did() -> None:
    """After the precision was left, and in another thread, as autograd runs it on other devices."""
    torch.manual_seed(1)
    x, weight = torch.randn(40, 48), torch.randn(64, 48)
    made, seen = {}, []

    def grads(name: str, threaded: bool) -> list[torch.Tensor]:
        one, other = x.clone().requires_grad_(), weight.clone().requires_grad_()
        with products.precision(name), native.off():
            loss = products.linear(one, other).square().sum()
        thread = threading.Thread(target=lambda: seen.append(torch.autograd.grad(loss, (one, other))))
        if threaded:
            thread.start()
            thread.join()
            return list(seen.pop())
        return list(torch.autograd.grad(loss, (one, other)))

    for name in ("fp32", "bf16"):
        made[name] = grads(name, threaded=False)
        for ours, theirs in zip(made[name], grads(name, threaded=True), strict=True):
            assert torch.equal(ours, theirs)
    # Were the forms in C not off in the backward pass, too, these would be rounded less often.
    with native.off(), products.precision("bf16"):
        operand = products.operand(weight)
        assert torch.equal(made["bf16"][0], operand.back(2 * operand.times(x)))
    assert not torch.equal(made["fp32"][0], made["bf16"][0])


def test_masks_come_from_the_generator_that_is_entered() -> None:
    torch.manual_seed(7)
    wanted = mask_like(torch.zeros(50, 20), 0.3)
    with compute.changed(generator=torch.Generator().manual_seed(7)):
        torch.rand(3)  # somebody else draws
        assert torch.equal(mask_like(torch.zeros(50, 20), 0.3), wanted)


def test_an_operand_that_is_kept_is_made_once_for_all_threads() -> None:
    kept: Kept = {}
    weight = torch.nn.Parameter(torch.randn(30, 20))
    found, begin = [], threading.Barrier(4)

    def work() -> None:
        with products.precision("int8", kept):
            begin.wait(10)
            found.append(products.operand(weight))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(operand) for operand in found}) == 1
