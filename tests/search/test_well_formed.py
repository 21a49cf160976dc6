"""What search says is UTF-8 without control characters, whatever the model says, and it can say all the rest."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.recording import Recorder
from mtkit.schema import Decode, Model
from mtkit.search import batched, tables
from mtkit.search.batched import Sampling, translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.room import Room
from mtkit.search.rules import rules, well_formed
from mtkit.search.rules.never import Never
from mtkit.search.rules.rule import Context
from mtkit.search.rules.well_formed import WellFormed
from mtkit.search.search import Hypothesis
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from mtkit.text.characters import is_text, spelling
from tests.recording import Again

BOS, EOS, BYTES, WORDS = 1, 2, 4, 20  # ids: <unk> <s> </s> <pad>, 256 bytes, and some words
LIMIT = 10  # pieces of a translation
SIZE = BYTES + 256 + WORDS
NEVER = [0, 1, 3, *(BYTES + byte for byte in range(256) if not any(byte in state for state in spelling()))]
SPELLING = [{BYTES + byte: after for byte, after in state.items()} for state in spelling()]
VOCABULARY = Vocabulary(BOS, EOS, NEVER, spelling=SPELLING)


def spelled(pieces: list[int]) -> bytes:
    return b"".join(bytes([piece - BYTES]) if piece < BYTES + 256 else b"word" for piece in pieces)


def well_formed_text(hypotheses: list[Hypothesis]) -> int:
    """Check each; the number of characters that were spelled in bytes."""
    found = 0
    for one in hypotheses:
        whole = spelled(one.pieces)
        # What was begun when a translation reached its greatest length is left; text/tokenizer drops it.
        text = whole.decode("utf-8") if len(one.pieces) < LIMIT else whole.decode("utf-8", "ignore")
        assert len(text.encode()) > len(whole) - 4
        assert is_text(text)
        found += sum(character > "\x7f" for character in text)
    return found


def translated(models: Ensemble, decode: dict[str, Any], vocabulary: Vocabulary, **options: Any) -> list[Any]:
    prefix = options.pop("prefix", ())
    sources = [[[number % 200 + BYTES] * (1 + number % 4)] * len(models.models) for number in range(12)]
    wanted = [Sentence(source, prefix, number) for number, source in enumerate(sources)]
    found: list[Any] = [None] * len(wanted)
    given = Decode.model_validate({"max_ratio": 0.01} | decode), vocabulary
    for rows, some in translate_ids(models, wanted, *given, **options):
        for row, hypotheses in zip(rows, some, strict=True):
            found[row] = hypotheses
    return found


def model(seed: int) -> Seq2Seq:
    """One that says bytes by chance, and mostly those that begin a character."""
    torch.manual_seed(seed)
    made = build(Model.model_validate({"embed_dim": 8, "hidden_dim": 8}), SIZE, SIZE, shared=True)
    torch.nn.init.normal_(made.output.bias_V, std=1.5)
    made.output.bias_V.data[BYTES + 0x80 : BYTES + 256] += 3
    return made.eval()


WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "greedy": ({"beam_size": 1}, {}),
    "beam": ({"beam_size": 6}, {"n_best": 6}),
    "drawn": ({}, {"sampling": Sampling(1.0, 0, 3), "n_best": 20}),
    "drawn from few": ({}, {"sampling": Sampling(2.0, 4, 3), "n_best": 8}),
    "prefix": ({}, {"n_best": 3, "prefix": (BYTES + 0xC3, BYTES + 0xA4)}),
    "rules": ({"min_length": 6, "no_repeat_ngram": 2}, {"n_best": 4}),
    "shortlist": (
        {},
        {
            "shortlist": Shortlist(
                np.random.default_rng(1).integers(BYTES, SIZE, (SIZE, 9)), np.arange(SIZE - WORDS, SIZE), True
            ),
            "n_best": 4,
        },
    ),
}


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_saying(way: str, recorded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, options = WAYS[way]
    recorder = Again()
    if recorded:
        record(monkeypatch, recorder)
    characters = 0
    for seed in (1, 2):
        for hypotheses in translated(Ensemble([model(seed)], [EOS]), decode, VOCABULARY, **options):
            assert hypotheses
            characters += well_formed_text(hypotheses)
    assert characters > 20
    assert bool(recorder.replayed) == (recorded and way in ("greedy", "beam", "shortlist"))


def record(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    """Search in tables, with recordings, where each rule does as if it could not look."""
    monkeypatch.setattr(batched, "in_tables", lambda device: True)
    monkeypatch.setattr(batched, "recorder", lambda device: recorder)
    monkeypatch.setattr(batched, "room_of", lambda ensemble, decode, width, attention: Room(0, 0, width))
    monkeypatch.setattr(tables, "passed", lambda device: lambda: True)
    monkeypatch.setattr(well_formed, "looks", lambda device: False)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_an_ensemble_in_other_precisions(precision: str) -> None:
    both = Ensemble([model(1), model(2)], [EOS, EOS], precision)
    assert sum(well_formed_text(some) for some in translated(both, {}, VOCABULARY, n_best=3)) > 10


def test_without_the_rule_they_would_be_ill_formed() -> None:
    plain = replace(VOCABULARY, spelling=())
    found = translated(Ensemble([model(1)], [EOS]), {}, plain, n_best=3)
    with pytest.raises(UnicodeDecodeError):
        [spelled(one.pieces).decode("utf-8") for some in found for one in some]


@pytest.mark.parametrize("looks", [False, True])
def test_what_may_come_next_is_what_a_decoder_takes(looks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After thousands of beginnings, at once: by the definition, and by both ways of the rule."""
    monkeypatch.setattr(well_formed, "looks", lambda device: looks)
    draw = np.random.default_rng(5)
    said: list[list[int]] = []
    while len(said) < 1500:
        line, state = [BOS] * 5, 0
        for _ in range(draw.integers(0, 6)):
            pieces = list(SPELLING[state]) + ([SIZE - 1] * 40 if state == 0 else [])
            line.append(int(draw.choice(pieces)))
            state = SPELLING[state].get(line[-1], 0)
        said.append(line[-5:])
    logits = torch.zeros(300, 5, SIZE)
    rule = WellFormed(NEVER, SPELLING)
    rule.apply(logits, torch.tensor(said).view(300, 5, 5))
    for line, row in zip(said, logits.flatten(0, 1).tolist(), strict=True):
        before = b"".join(bytes([piece - BYTES]) for piece in line if BYTES <= piece < BYTES + 256)
        begun = before[len(before.decode("utf-8", "ignore").encode()) :] if begins(line) else b""
        for piece, logit in enumerate(row):
            assert (logit == 0) == may_follow(begun, piece), (line, piece)


def begins(line: list[int]) -> bool:
    return BYTES + 0x80 <= line[-1] < BYTES + 256


def may_follow(begun: bytes, piece: int) -> bool:
    if not BYTES <= piece < BYTES + 256:
        return not begun and piece not in NEVER
    return can_become_text(begun + bytes([piece - BYTES]))


@functools.cache
def can_become_text(given: bytes) -> bool:
    """Whether it is a character that is text, or some bytes at the edges of their ranges make one of it."""
    try:
        return len(given.decode("utf-8")) == 1 and is_text(given.decode("utf-8"))
    except UnicodeDecodeError:
        return len(given) < 4 and any(can_become_text(given + bytes([more])) for more in EDGES)


EDGES = (0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBC, 0xBF)


def test_models_without_bytes_have_no_such_rule() -> None:
    for vocabulary, wanted in ((Vocabulary(BOS, EOS, [0]), Never), (VOCABULARY, WellFormed)):
        context = Context(Decode(), vocabulary, [Sentence([[5]])], torch.device("cpu"))
        assert [type(rule) for rule in rules.make(context).rules] == [wanted]
        assert str(rules.make(context).rules[0]) == ""


def test_what_is_ruled_out_at_the_start() -> None:
    """No piece was said yet."""
    row: Tensor = torch.zeros(1, 1, SIZE)
    WellFormed(NEVER, SPELLING).apply(row, torch.empty(1, 1, 0, dtype=torch.long))
    allowed = [
        piece - BYTES for piece in (row[0, 0] == 0).nonzero().flatten().tolist() if BYTES <= piece < SIZE - WORDS
    ]
    assert allowed == [*range(0x20, 0x7F), *range(0xC2, 0xF5)]
