"""Search on a GPU finds what it finds on a CPU, and its steps are recorded. Skipped where there is none."""

import logging
from typing import Any

import numpy as np
import pytest
import torch

from mtkit.model.build import build
from mtkit.schema import Decode, Model
from mtkit.search.batched import Sampling, translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.examples import examples
from mtkit.search.search import Hypothesis
from mtkit.search.sentence import Group, Phrase, Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
DEVICE = "cuda"
PIECES, SENTENCES = 300, 60
BLOCKS = {"name": "transformer", "layers": 2, "heads": 2}
MODELS: dict[str, dict[str, Any]] = {
    "input_feeding": {},
    "conditional": {"decoder": {"cell": "lstm_ln", "wiring": "conditional"}},
    "gnmt": {"decoder": {"layers": 2, "wiring": "gnmt"}, "attention": {"name": "multihead"}},
    "location": {"attention": {"name": "location"}},
    "transformer": {"encoder": BLOCKS, "decoder": BLOCKS},
}
LIKELY = np.random.default_rng(1).integers(3, PIECES, (PIECES, 20))
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "beam": ({}, {"n_best": 3}),
    "greedy": ({"beam_size": 1}, {}),
    "details": ({}, {"details": True, "attention": range(SENTENCES)}),
    "coverage": ({"coverage_penalty": 0.5}, {}),
    "rules": ({"min_length": 4, "no_repeat_ngram": 2}, {}),
    "sampling": ({}, {"n_best": 2, "sampling": Sampling(1.0, 10, 3)}),
    "shortlist": ({}, {"shortlist": Shortlist(LIKELY, np.array([3, 4, 5]), True)}),
    "phrases": ({}, {"groups": (Group((Phrase((7, 8)), Phrase((9,)))),)}),
    "examples": ({}, {"steered": True}),
}


def ensemble(settings: dict[str, Any], device: str, precision: str = "fp32") -> Ensemble:
    torch.manual_seed(1)
    table = Model.model_validate({"embed_dim": 24, "hidden_dim": 32} | settings)
    model = build(table, PIECES, PIECES, shared=True)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return Ensemble([model.to(device).eval()], [2], precision)


def translated(models: Ensemble, decode: dict[str, Any], **options: Any) -> list[list[Hypothesis]]:
    numbers = np.random.default_rng(3)
    sources = [numbers.integers(3, PIECES, numbers.integers(1, 30)).tolist() for _ in range(SENTENCES)]
    prefixes = options.pop("prefixes", [()] * SENTENCES)
    groups = [options.pop("groups", ()) if row % 2 else () for row in range(2)]
    told = (
        examples(models, [([ids], ids[::-1]) for ids in sources], bos=1, eos=2) if options.pop("steered", False) else []
    )
    wanted = [Sentence([ids], prefixes[i], i, groups[i % 2], told[i : i + 1]) for i, ids in enumerate(sources)]
    found: list[list[Hypothesis]] = [[] for _ in wanted]
    words = Vocabulary(bos=1, eos=2, never=[0, 1], names=[f"▁{piece}" for piece in range(PIECES)])
    for rows, some in translate_ids(models, wanted, Decode.model_validate(decode), words, **options):
        for row, hypotheses in zip(rows, some, strict=True):
            found[row] = hypotheses
    return found


def alike(ours: list[list[Hypothesis]], theirs: list[list[Hypothesis]]) -> None:
    """The same, but where hypotheses are as good as each other."""
    same = [
        (one, other)
        for one, other in zip(ours, theirs, strict=True)
        if [h.pieces for h in one] == [h.pieces for h in other]
    ]
    assert len(same) >= 0.95 * SENTENCES
    for one, other in same:
        for mine, wanted in zip(one, other, strict=True):
            assert (mine.logprob, mine.score) == pytest.approx((wanted.logprob, wanted.score), abs=1e-2, rel=1e-4)
            assert (mine.piece_logprobs or []) == pytest.approx(wanted.piece_logprobs or [], abs=1e-2)
            assert (mine.attention is None) == (wanted.attention is None)
            if mine.attention is not None and wanted.attention is not None:
                torch.testing.assert_close(mine.attention.cpu(), wanted.attention, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("asked", OPTIONS)
def test_hypotheses_are_those_of_the_cpu(name: str, asked: str, caplog: pytest.LogCaptureFixture) -> None:
    decode, options = OPTIONS[asked]
    with caplog.at_level(logging.DEBUG):
        ours = translated(ensemble(MODELS[name], DEVICE), decode, **options)
    assert not [record.getMessage() for record in caplog.records if "recorded" in record.getMessage()]
    alike(ours, translated(ensemble(MODELS[name], "cpu"), decode, **options))


@pytest.mark.parametrize("name", MODELS)
def test_it_finds_the_same_again(name: str) -> None:
    models = ensemble(MODELS[name], DEVICE)
    first, second = (translated(models, {}, n_best=3) for _ in range(2))
    assert [[(h.pieces, h.score) for h in some] for some in first] == [
        [(h.pieces, h.score) for h in some] for some in second
    ]


@pytest.mark.parametrize("name", MODELS)
def test_what_is_forced_is_as_likely_in_bf16(name: str) -> None:
    exact = translated(ensemble(MODELS[name], DEVICE), {"max_ratio": 1})
    prefixes = [[*some[0].pieces, 2] for some in exact]
    forced: dict[str, Any] = {"prefixes": prefixes, "ruled": False, "details": True}
    rounded = translated(ensemble(MODELS[name], DEVICE, "bf16"), {"beam_size": 1}, **forced)
    assert [some[0].pieces for some in rounded] == [some[0].pieces for some in exact]
    apart = [abs(one[0].logprob / other[0].logprob - 1) for one, other in zip(exact, rounded, strict=True)]
    assert sum(apart) / SENTENCES < 0.02
