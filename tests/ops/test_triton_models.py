"""Whole models by kernels in Triton, in its interpreter: they take what a model gives them, and compute it right."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mtkit.corpus.batch import Batcher
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import attention, native, recurrence, table
from mtkit.ops.triton import takes
from mtkit.schema import Decode, Model
from mtkit.search import search, selection
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.train import loss
from tests.ops import test_triton

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.skipif(test_triton.DEVICE == "cuda", reason="tests/train/test_cuda.py runs models there"),
]
CELLS = {"gru", "gru_backward"}
NORMS = {"norm", "norm_backward"}
SCORES = {"AdditiveScores", "attend_step", "attend_step_backward"}
MODELS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "input_feeding": ({}, CELLS | SCORES),
    "heads": ({"attention": {"name": "additive", "heads": 2}}, CELLS | SCORES),
    "conditional": ({"decoder": {"cell": "lstm", "wiring": "conditional"}}, {"lstm", "lstm_backward", *SCORES}),
    "dot": ({"attention": {"name": "scaled_dot", "heads": 2}}, CELLS | SCORES - {"AdditiveScores"}),
    "lstm_ln": ({"decoder": {"cell": "lstm_ln"}}, {"lstm", "lstm_backward", *NORMS, *SCORES}),
    "gru_ln": ({"encoder": {"cell": "gru_ln"}}, CELLS | NORMS),
}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Takes forms in Triton wherever they would be on CUDA; the names of those that were."""
    names: set[str] = set()

    def form(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        (line,) = (one for one in table.OPERATIONS[name] if one.name == "triton")
        asked, found = table._found(line.takes), table._found(line.where)

        def done(*given: Any) -> Any:
            with monkeypatch.context() as patch:
                patch.setattr(Tensor, "is_cuda", True)
                patch.setattr(takes, "ready", lambda: True)
                fits = asked(given)
            if fits:
                names.add(name)
            return found(*given) if fits else plain(*given)

        return done

    for module in (attention, recurrence, loss, search, selection):
        for place, plain in vars(module).copy().items():
            name = getattr(plain, "__name__", "")
            if any(one.name == "triton" for one in table.OPERATIONS.get(name, ())):
                monkeypatch.setattr(module, place, form(name, plain))
    return names


def model(settings: dict[str, Any]) -> Seq2Seq:
    torch.manual_seed(1)
    sizes = {"embed_dim": 12, "hidden_dim": 16, "dropout": 0.0}
    return build(Model.model_validate(sizes | settings), 20, 20, True)


def gradients(settings: dict[str, Any]) -> tuple[float, Tensor]:
    sources, targets = [[5, 6, 7, 8], [9], [3, 4]], [[4, 5], [6, 7, 8, 9], [11]]
    batch = Batcher(source_eos=2, target_bos=1, target_eos=2)(sources, targets)
    made = model(settings).train()
    total, _ = loss.batch_loss(made, batch, loss.Objective(0.1))
    torch.autograd.backward(total)
    return total.item(), torch.cat([one.grad.flatten() for one in made.parameters() if one.grad is not None])


@pytest.mark.parametrize("name", MODELS)
def test_gradients(name: str, request: pytest.FixtureRequest) -> None:
    settings, expected = MODELS[name]
    with native.off():
        wanted, theirs = gradients(settings)
    taken = request.getfixturevalue("taken")
    got, ours = gradients(settings)
    assert expected | {"softmax_loss"} <= taken
    assert got == pytest.approx(wanted, rel=1e-5)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def translations(settings: dict[str, Any]) -> list[tuple[list[int], float]]:
    """Of beam search, with their log-probabilities."""
    sentences = [Sentence([ids]) for ids in ([5, 6, 2], [9, 2])]
    vocabulary = Vocabulary(bos=1, eos=2, never=[0, 1])
    decode, ensemble = (
        Decode.model_validate({"beam_size": 3, "max_ratio": 1.0}),
        Ensemble([model(settings).eval()], [2]),
    )
    found = translate_ids(ensemble, sentences, decode, vocabulary, n_best=2)
    return [(one.pieces, one.logprob) for _, lists in found for one in itertools.chain(*lists)]


def test_search(request: pytest.FixtureRequest) -> None:
    settings, _ = MODELS["heads"]
    with native.off():
        wanted = translations(settings)
    taken = request.getfixturevalue("taken")
    got = translations(settings)
    assert {"additive_scores", "attend", "log_sums", "best_pieces"} <= taken
    assert [ids for ids, _ in got] == [ids for ids, _ in wanted]
    assert [one for _, one in got] == pytest.approx([one for _, one in wanted], abs=1e-4)
