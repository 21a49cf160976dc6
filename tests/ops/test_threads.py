"""Threads of one process translate in different precisions while another trains, each as if it were alone."""

import functools
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mtkit.corpus.batch import Batcher
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import compute
from mtkit.schema import Decode, Train
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from mtkit.train.updates import Updates
from tests.contract.family import BOS, EOS, SOURCES, TARGETS, VOCAB, make

ROUNDS = 6
KINDS = [("fp32", False), ("bf16", False), ("int8", False), ("int8", True)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Of torch, in each: sums in another order would be another result."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def translation(ensemble: Ensemble, listed: bool) -> list[Any]:
    """Pieces and scores of every sentence; draws of chance are made beside, as others may make them."""
    torch.rand(1)
    rng = np.random.default_rng(1)
    shortlist = Shortlist(rng.integers(0, VOCAB, (VOCAB, 3)), np.array([3, 4, 5]), True) if listed else None
    decode = Decode.model_validate({"beam_size": 3, "batch_tokens": 40})
    sentences = [Sentence([ids]) for ids in SOURCES]
    found = translate_ids(ensemble, sentences, decode, Vocabulary(BOS, EOS, [BOS]), shortlist, n_best=2)
    return [(rows, [[(h.pieces, h.score) for h in some] for some in made]) for rows, made in found]


def training(model: Seq2Seq, precision: str) -> list[float]:
    """The losses of some updates with dropout."""
    settings = Train.model_validate({})
    state: Any = SimpleNamespace(model=model, progress=SimpleNamespace(update=0, precision=precision))
    losses = []
    for update in range(ROUNDS):
        state.progress.update = update
        batch = Batcher(EOS, BOS, EOS)(SOURCES, TARGETS)
        loss = Updates(state, settings, seed=5).gradients([[batch]], batch.target_tokens)
        assert loss is not None
        losses.append(float(loss))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad, alpha=0.1)
                    parameter.grad = None
    return losses


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_four_threads_translate_and_a_fifth_trains_each_as_alone(precision: str) -> None:
    def ensembles() -> list[Ensemble]:
        model = make()
        shared = Ensemble([model], [EOS], "int8")  # two threads search with one, and what it keeps
        return [Ensemble([model], [EOS], "fp32"), Ensemble([model], [EOS], "bf16"), shared, shared]

    def works() -> list[Callable[[], Any]]:
        return [
            *(
                functools.partial(translation, ensemble, listed)
                for ensemble, (_, listed) in zip(ensembles(), KINDS, strict=True)
            ),
            functools.partial(training, make(dropout=0.3), precision),  # made here, with the generator of all
        ]

    alone = [work() for work in works()]
    assert len({str(found) for found in alone[:4]}) == 4, "precisions that give one result would show nothing"
    begin = threading.Barrier(5)
    together: dict[int, Any] = {}

    def run(place: int, work: Callable[[], Any]) -> None:
        begin.wait(30)
        together[place] = [work() for _ in range(ROUNDS)] if place < 4 else work()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [together[place] for place in range(5)] == [*([found] * ROUNDS for found in alone[:4]), alone[4]]
    assert compute.current() == compute.Compute()
