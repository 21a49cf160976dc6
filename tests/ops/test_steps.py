"""Parts of a Transformer decoder's step: each against arithmetic in float64, and C against torch."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mtkit.ops import native, steps
from mtkit.ops.attention import attend_dots

here = pytest.mark.skipif(not native.status().ready, reason="no C compiler, or no OpenMP in torch, on this machine")
HEADS = [(1, 1), (3, 5), (2, 16), (4, 32), (2, 64), (1, 100)]


@pytest.fixture(autouse=True)
def no_autograd() -> Iterator[None]:
    with torch.no_grad():
        yield


def close(made: Tensor | None, wanted: Tensor) -> None:
    assert made is not None
    torch.testing.assert_close(made.double(), wanted.double(), atol=2e-5, rtol=2e-5)


@here
@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("H", [1, 7, 128, 333])
def test_add_norm(H: int, added: bool, threads: int) -> None:
    torch.manual_seed(1)
    x_nH, added_H, gain_H, shift_H = torch.randn(70, H) * 3 + 1, torch.randn(H), torch.randn(H), torch.randn(H)
    sum_nH = x_nH.double() + (added_H if added else 0)
    mean, variance = sum_nH.mean(1, keepdim=True), sum_nH.var(1, keepdim=True, correction=0)
    wanted_nH = (sum_nH - mean) / (variance + 0.01).sqrt() * gain_H + shift_H
    for way in (native.off, torch.no_grad):
        with way():
            mine_nH = x_nH.clone()
            close(steps.add_norm(mine_nH, added_H if added else None, gain_H, shift_H, 0.01), wanted_nH)
            close(mine_nH, sum_nH)


@here
@pytest.mark.parametrize(("A", "D"), HEADS)
@pytest.mark.parametrize("L", [1, 2, 33])
def test_attend_rows(A: int, D: int, L: int, threads: int) -> None:
    """Hypotheses that share pieces with others, in any order, and a table that is larger."""
    torch.manual_seed(1)
    n, first, R, H = 37, 90, 130, A * D
    made_n3H, table_R2H = torch.randn(n, 3 * H + 5)[:, 2 : 2 + 3 * H], torch.randn(R, 2 * H)
    rows_nL = torch.randint(first, (n, L))
    rows_nL[:, -1] = first + torch.arange(n)
    after_R2H = table_R2H.clone()
    after_R2H[first : first + n] = made_n3H[:, H:]
    wanted = []
    for query_H, rows in zip(made_n3H[:, :H].double(), rows_nL.tolist(), strict=True):
        seen_L2AD = torch.stack([after_R2H[row] for row in rows]).double().view(L, 2, A, D)
        heads = []
        for h in range(A):
            chances = [
                math.exp(float(query_H[h * D : h * D + D] @ keys_D) / math.sqrt(D)) for keys_D in seen_L2AD[:, 0, h]
            ]
            heads.append(
                sum(c * values_D for c, values_D in zip(chances, seen_L2AD[:, 1, h], strict=True)) / sum(chances)
            )
        wanted.append(torch.cat(heads))
    for way in (native.off, torch.no_grad):
        with way():
            mine_R2H = table_R2H.clone()
            close(steps.attend_rows(made_n3H, mine_R2H, first, rows_nL, A), torch.stack(wanted))
            assert torch.equal(mine_R2H, after_R2H)


@here
@pytest.mark.parametrize("row", [-1, 9, 1 << 40])
def test_rows_that_are_not_there_are_noticed(row: int) -> None:
    made_n3H, table_R2H = torch.randn(2, 12), torch.randn(9, 8)
    context_nH = steps.attend_rows(made_n3H, table_R2H, 3, torch.tensor([[0, 3], [row, 4]]), 2)
    assert context_nH.isnan().tolist() == [[False] * 4, [True] * 4]
    assert steps.attend_rows(made_n3H, table_R2H, 8, torch.tensor([[8], [8]]), 2).isnan().any(1).tolist() == [0, 1]


@here
@pytest.mark.parametrize(("A", "D"), HEADS)
@pytest.mark.parametrize(("S", "K"), [(1, 1), (15, 3), (16, 5), (17, 2), (50, 1)])
def test_attend_memory(A: int, D: int, S: int, K: int, threads: int) -> None:
    torch.manual_seed(1)
    B = 11
    keys_BASD, values_BASD = torch.randn(2, B, A, S, D)
    queries_BKAD = torch.randn(B, K, A, D)
    padding_BS = torch.arange(S) > torch.randint(S, (B, 1))
    bias_BS = torch.zeros(B, S).masked_fill(padding_BS, -torch.inf)
    scores_BAKS = torch.einsum("bkad,basd->baks", queries_BKAD.double(), keys_BASD.double()) / math.sqrt(D)
    weights_BAKS = scores_BAKS.masked_fill(padding_BS[:, None, None], -torch.inf).softmax(-1)
    wanted_BKAD = torch.einsum("baks,basd->bkad", weights_BAKS, values_BASD.double())
    keys_BACDT, bias_BX = steps.tiled(keys_BASD, bias_BS)
    values_BSH = values_BASD.transpose(1, 2).flatten(2).contiguous()
    for way in (native.off, torch.no_grad):
        for weigh in (False, True):
            with way():
                context_nH, weights_nS = steps.attend_memory(
                    queries_BKAD.view(B * K, -1), keys_BACDT, values_BSH, bias_BX, weigh
                )
            close(context_nH, wanted_BKAD.reshape(B * K, -1))
            assert (weights_nS is not None) == weigh
            if weights_nS is not None:
                close(weights_nS, weights_BAKS.mean(1).flatten(0, 1))
                assert (weights_nS[padding_BS.repeat_interleave(K, 0)] == 0).all()


@here
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize(("S", "K", "A", "H"), [(1, 1, 3, 6), (15, 5, 48, 96), (33, 2, 300, 30)])
def test_attend_dots(heads: int, S: int, K: int, A: int, H: int, threads: int) -> None:
    torch.manual_seed(1)
    B = 23
    query_BKA, keys_BSA, values_BSH = torch.randn(B, K, A), torch.randn(B, S, A), torch.randn(B, S, H)
    padding_BS = torch.arange(S) > torch.randint(S, (B, 1))
    bias_BS = torch.zeros(B, S).masked_fill(padding_BS, -torch.inf)
    contexts, weights = [], []
    for h in range(heads):
        a, v = slice(h * A // heads, (h + 1) * A // heads), slice(h * H // heads, (h + 1) * H // heads)
        scores_BKS = torch.einsum("bka,bsa->bks", query_BKA[..., a].double(), keys_BSA[..., a].double())
        weights.append(scores_BKS.masked_fill(padding_BS[:, None], -torch.inf).softmax(-1))
        contexts.append(weights[-1] @ values_BSH[..., v].double())
    for way in (native.off, torch.no_grad):
        with way():
            context_BKH, weights_BKS = attend_dots(query_BKA, keys_BSA, values_BSH, bias_BS, heads)
        close(context_BKH, torch.cat(contexts, 2))
        close(weights_BKS, torch.stack(weights).mean(0))
