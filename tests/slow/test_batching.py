"""A trained model of every family member translates a sentence alike, alone or with others, in any order, in fp32."""

import random
from typing import Any

import pytest
import torch

from mtkit.corpus.batch import Batcher
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Decode
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.search import Hypothesis
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.train.loss import batch_loss
from tests.contract.family import EOS, VOCAB, cover, make, name_of

UPDATES = 120
SENTENCES = 64
TIE = 1e-4
pytestmark = pytest.mark.slow


def sentences(rng: random.Random, count: int) -> list[list[int]]:
    return [[rng.randint(3, VOCAB - 1) for _ in range(rng.randint(1, 9))] for _ in range(count)]


def train(model: Seq2Seq) -> None:
    """Some updates of copying: enough to be sure of something, and not of everything."""
    rng = random.Random(1)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(UPDATES):
        rows = sentences(rng, 16)
        loss, count = batch_loss(model, Batcher(source_eos=EOS, target_bos=1, target_eos=EOS)(rows, rows))
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    model.eval()


def translate(ensemble: Ensemble, sources: list[list[int]], together: int) -> list[list[Hypothesis]]:
    found: list[list[Hypothesis]] = []
    for start in range(0, len(sources), together):
        batch = [Sentence([ids]) for ids in sources[start : start + together]]
        made: dict[int, list[Hypothesis]] = {}
        decode, vocabulary = Decode.model_validate({"batch_tokens": 10**6}), Vocabulary(1, EOS, [0, 1])
        for rows, some in translate_ids(ensemble, batch, decode, vocabulary, n_best=2):
            made |= dict(zip(rows, some, strict=True))
        found += [made[i] for i in range(len(batch))]
    return found


@pytest.mark.parametrize("choice", cover(), ids=name_of)
def test_batches_and_order_change_nothing(choice: dict[str, Any]) -> None:
    model = make(choice)
    train(model)
    ensemble = Ensemble([model], [EOS])
    rng = random.Random(2)
    sources = sentences(rng, SENTENCES)
    alone = translate(ensemble, sources, 1)
    for together in (7, 64):
        order = rng.sample(range(SENTENCES), SENTENCES)
        found = translate(ensemble, [sources[i] for i in order], together)
        for i, others in zip(order, found, strict=True):
            scores = [h.score for h in alone[i]]
            assert [h.score for h in others] == pytest.approx(scores, abs=TIE)
            if [h.pieces for h in others] != [h.pieces for h in alone[i]]:
                assert scores[0] - scores[1] < TIE, "not a tie"
