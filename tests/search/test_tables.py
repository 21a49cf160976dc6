"""Search in tables finds what the other one finds: the same hypotheses with the same scores."""

import logging
from collections.abc import Callable, Collection
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
import torch

from mtkit.ops.recording import Recorded
from mtkit.schema import Decode
from mtkit.search import batched, tables
from mtkit.search import room as rooms
from mtkit.search.batched import Sampling, translate_ids
from mtkit.search.ended import Ended
from mtkit.search.ensemble import Ensemble
from mtkit.search.room import Room, room_of
from mtkit.search.rules.forced import Forced
from mtkit.search.rules.min_length import MinLength
from mtkit.search.rules.never import Never
from mtkit.search.rules.no_repeat import NoRepeat
from mtkit.search.rules.rule import Rule
from mtkit.search.rules.rules import Rules
from mtkit.search.search import Hypothesis, Ranking, search
from mtkit.search.selection import Beam
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from tests.contract.family import cover, make, name_of
from tests.recording import Again
from tests.search.test_search import BOS, EOS, NEVER, SOURCES, step, table

CPU = torch.device("cpu")
EVERY = range(len(SOURCES))

Found = list[list[tuple[Any, ...]]]


def both(seed: int, limits: list[int], beam: int, n_best: int, alpha: float, rules: list[Rule]) -> list[Found]:
    made: list[Found] = []
    for one in (search, in_tables):
        found = one(
            step,
            table(len(limits), seed),
            Rules(Forced(EOS, torch.tensor(limits)), [Never(NEVER), *rules]),
            Ranking(alpha),
            Beam(beam),
            bos=BOS,
            n_best=n_best,
        )
        made.append([[astuple(h) for h in some] for some in found])
    return made


def in_tables(*given: Any, **named: Any) -> list[list[Hypothesis]]:
    searching = tables.search_in_tables(*given, device=CPU, **named)
    while True:
        try:
            assert next(searching)()  # no device has work
        except StopIteration as end:
            return end.value(slice(None))  # type: ignore[no-any-return]


@pytest.mark.parametrize("look", [1, 2, 8])
@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0, -1.0])
@pytest.mark.parametrize(("beam", "n_best"), [(1, 1), (2, 1), (3, 2), (5, 5)])
def test_of_random_bigrams(beam: int, n_best: int, alpha: float, look: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LOOK", look)
    for seed in range(4):
        ours, theirs = both(seed, [5, 1, 4, 2, 5, 3, 0], beam, n_best, alpha, [])
        assert ours == theirs
        assert any(ours)


@pytest.mark.parametrize("rule", [MinLength(3, EOS), NoRepeat(1), NoRepeat(2)], ids=str)
def test_rules(rule: Rule) -> None:
    ours, theirs = both(7, [5, 3, 4, 5], 4, 3, 1.0, [rule])
    assert ours == theirs


def test_what_the_rules_leave_nothing_of_is_nothing_here_too() -> None:
    ours, theirs = both(1, [2, 2], 3, 1, 1.0, [Never(list(range(6)))])
    assert ours == theirs
    assert any(not some for some in ours)


def alike(ours: Found, theirs: Found) -> None:
    """The same but for rounding, since what is computed together is not the same."""
    for one, other in zip(ours, theirs, strict=True):
        assert [pieces for pieces, *_ in one] == [pieces for pieces, *_ in other]
        for (_, *numbers), (_, *wanted) in zip(one, other, strict=True):
            assert numbers == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def told(one: Hypothesis) -> list[float]:
    """What a hypothesis tells of its pieces."""
    return [*(one.piece_logprobs or []), *(one.attention.flatten().tolist() if one.attention is not None else [])]


class Watched:
    """Ways to call `translate_ids`, and how often it was searched in tables."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.searched = 0
        real = tables.search_in_tables

        def counted(*given: Any, **named: Any) -> Any:
            self.searched += 1
            return real(*given, **named)

        monkeypatch.setattr(batched, "search_in_tables", counted)
        self.recorder = Again()
        monkeypatch.setattr(tables, "ANEW", ((0.5, 1),))
        monkeypatch.setattr(batched, "recorder", lambda device: self.recorder)
        monkeypatch.setattr(batched, "room_of", lambda ensemble, decode, width, attention: Room(0, 0, width))

    def translate(self, ensemble: Ensemble, in_tables: bool, decode: dict[str, Any], **options: Any) -> list[Any]:
        self.patch.setattr(batched, "in_tables", lambda device: in_tables)
        prefixes = options.pop("prefixes", [()] * len(SOURCES))
        wanted = [
            Sentence([ids] * len(ensemble.models), prefix, i)
            for i, (ids, prefix) in enumerate(zip(SOURCES, prefixes, strict=True))
        ]
        found: list[list[Hypothesis]] = [[] for _ in wanted]
        words = Vocabulary(bos=1, eos=2, never=[0, 1])
        for rows, some in translate_ids(ensemble, wanted, Decode.model_validate(decode), words, **options):
            for row, hypotheses in zip(rows, some, strict=True):
                found[row] = hypotheses
        return [[(h.pieces, h.logprob, h.score, *told(h)) for h in some] for some in found]

    def compare(self, ensemble: Ensemble, decode: dict[str, Any], **options: Any) -> None:
        alike(*(self.translate(ensemble, here, decode, **options) for here in (True, False)))
        assert self.searched


@pytest.mark.parametrize("choice", cover()[::4], ids=name_of)
@pytest.mark.parametrize("beam", [1, 4])
def test_models(choice: dict[str, Any], beam: int, monkeypatch: pytest.MonkeyPatch) -> None:
    watched, model = Watched(monkeypatch), make(choice)
    watched.compare(Ensemble([model], [2]), {"beam_size": beam, "max_ratio": 8}, n_best=min(2, beam))
    # All is played back but for two steps of each shape.
    assert watched.recorder.replayed > 3 * watched.recorder.recorded > 0


def test_what_cannot_be_recorded_is_made_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Again):
        def record(self, work: Callable[[], None]) -> Recorded:
            def half(*given: Any) -> Any:
                raise RuntimeError("operation not permitted when stream is capturing")

            with monkeypatch.context() as patch:
                patch.setattr(Ended, "add", half)
                work()
            raise AssertionError

    watched = Watched(monkeypatch)
    watched.recorder = Refusing()
    watched.compare(Ensemble([make()], [2]), {"beam_size": 3})


OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rules": ({"min_length": 4, "no_repeat_ngram": 2}, {}),
    "short": ({"max_ratio": 0.2}, {}),
    "very short": ({"max_ratio": 0.01}, {}),
    "prefixes": ({}, {"prefixes": [[4, 5], (), [6], (), [7, 8, 9]]}),
    "sampling": ({}, {"sampling": Sampling(1.5, 5, 3), "n_best": 3}),
    "shortlist": (
        {},
        {"shortlist": Shortlist(np.random.default_rng(1).integers(0, 17, (17, 3)), np.array([3, 4, 5]), True)},
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, options = OPTIONS[name]
    Watched(monkeypatch).compare(Ensemble([make(dropout=0.0)], [2]), decode, **options)


def test_an_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [make(), make({"encoder.name": "transformer", "decoder.name": "transformer"})]
    Watched(monkeypatch).compare(Ensemble(models, [2, 2]), {"beam_size": 3}, n_best=3)


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("decoder", ["recurrent", "transformer"])
def test_what_is_told_of_pieces(decoder: str, beam: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble, decode = Ensemble([make({"decoder.name": decoder})], [2]), {"beam_size": beam}
    for asked in ({"details": True}, {"attention": EVERY}, {"details": True, "attention": EVERY}):
        watched = Watched(monkeypatch)
        watched.compare(ensemble, decode, n_best=min(2, beam), **asked)
        assert watched.recorder.replayed
        ((*_, first), *_), *_ = watched.translate(ensemble, True, decode, **asked)
        assert isinstance(first, float)


def test_few_whose_attention_is_told_are_in_a_batch_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, ensemble, some = Watched(monkeypatch), Ensemble([make()], [2]), {1, 3}
    told = watched.translate(ensemble, True, {"beam_size": 3}, attention=some)
    assert watched.searched == 1
    apart = watched.translate(ensemble, False, {"beam_size": 3}, attention=some)
    for place, hypotheses in enumerate(apart):  # on a processor in a batch of their own, and nobody else's is told
        alike([told[place]] if place in some else [[one[:3] for one in told[place]]], [hypotheses])


@pytest.mark.parametrize("attention", [(), EVERY])
def test_coverage(attention: Collection[int], monkeypatch: pytest.MonkeyPatch) -> None:
    watched, ensemble = Watched(monkeypatch), Ensemble([make()], [2])
    decode = {"beam_size": 4, "coverage_penalty": 2.0}
    watched.compare(ensemble, decode, n_best=4, attention=attention)
    plain = watched.translate(ensemble, True, {"beam_size": 4})
    assert plain != watched.translate(ensemble, True, decode)


def test_memory_that_runs_out_halves_the_batch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(monkeypatch)
    ensemble = Ensemble([make()], [2])
    wanted = watched.translate(ensemble, True, {})
    real = tables.search_in_tables

    def of_few(step: Any, state: Any, rules: Rules, *given: Any, **named: Any) -> Any:
        if len(rules.limits_B) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(step, state, rules, *given, **named)

    monkeypatch.setattr(batched, "search_in_tables", of_few)
    with caplog.at_level(logging.WARNING):
        alike(watched.translate(ensemble, True, {}), wanted)
    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out; from now on at most 2 sentences are translated together"
    ]


def test_room(monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = Ensemble([make()], [2])
    assert room_of(ensemble, Decode(), 5) == Room(4096, 0, 5)
    assert Room(100, 0, 5).has(2, 10)
    assert not Room(100, 0, 5).has(3, 10)
    monkeypatch.setattr(rooms, "in_tables", lambda device: True)
    for free, width, sentences in ((1 << 40, 1, 4096), (1 << 40, 5, 2048), (1 << 40, 10, 1024), (24 * 17 * 50, 5, 5)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 1 << 50))
        found = room_of(ensemble, Decode(), width)
        assert found.has(sentences, 1)
        assert not found.has(sentences + 1, 1)
    assert room_of(ensemble, Decode.model_validate({"batch_tokens": 100}), 5) == Room(100, 0, 5)  # as asked


@pytest.mark.parametrize(("choice", "attention"), [({}, True), ({"decoder.name": "transformer"}, False)])
def test_what_is_kept_of_pieces_takes_room(
    choice: dict[str, Any], attention: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "in_tables", lambda device: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1 << 24, 1 << 50))
    found, plain = (
        room_of(Ensemble([make(one)], [2]), Decode(), 5, looked) for one, looked in ((choice, attention), ({}, False))
    )
    assert plain.has(1000, 50)
    assert found.has(100, 10)
    assert not found.has(1000, 50)


@pytest.mark.parametrize(
    ("gone", "shape", "recorded", "worthwhile"),
    [
        (1, (16, 5), False, True),
        (1, (17, 5), False, False),
        (900, (1800, 5), True, True),
        (900, (1801, 5), True, False),
        (900, (1800, 1), True, False),  # a step would take as long as before
        (900, (1000, 1), True, True),
        (90, (100, 5), True, False),
    ],
)
def test_when_sentences_are_moved_together(gone: int, shape: tuple[int, int], recorded: bool, worthwhile: bool) -> None:
    assert tables._worthwhile(gone, shape, recorded) == worthwhile


def test_hypotheses_are_made_while_the_next_batch_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, done = Watched(monkeypatch), list[str]()
    monkeypatch.setattr(tables, "passed", lambda device: lambda: False)
    monkeypatch.setattr(batched, "room_of", lambda ensemble, decode, width, attention: Room(0, 2, width))
    real = tables.search_in_tables

    def noted(*given: Any, **named: Any) -> Any:
        done.append("begun")
        found = yield from real(*given, **named)

        def made(part: slice) -> Any:
            done.append("made")
            return found(part)

        return made

    monkeypatch.setattr(batched, "search_in_tables", noted)
    watched.translate(Ensemble([make()], [2]), True, {})
    assert done == ["begun", "begun", "made", "begun", "made", "made"]
