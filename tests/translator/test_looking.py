"""What is told of a sentence is what translating it does."""

import json
from dataclasses import asdict, replace
from math import exp
from typing import Any

import numpy as np
import pytest
import torch

from mtkit.errors import ConfigError
from mtkit.search.shortlist import Shortlist
from mtkit.translator import looking
from mtkit.translator.looking import look
from mtkit.translator.request import Line, Pair, Request
from mtkit.translator.translator import Translator
from tests.translator.small import decode, translator

TRANSFORMER: dict[str, Any] = {"encoder": {"name": "transformer"}, "decoder": {"name": "transformer"}}
KINDS: dict[str, dict[str, Any]] = {
    "recurrent": {},
    "convolution": {"conv": 2},
    "transformer": TRANSFORMER,
    "none": {"attention": {"name": "none"}, "decoder": {"wiring": "plain"}},
}
LINE = "the red dog sees the cat"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"length_penalty": 0.4, "no_repeat_ngram": 2, "min_length": 4},
        {"coverage_penalty": 0.3, "precision": "bf16"},
    ],
)
def test_the_best_leaf_is_what_is_translated(kind: str, settings: dict[str, Any]) -> None:
    if kind == "none":
        settings = settings | {"coverage_penalty": 0.0}
    made = _with(translator(**KINDS[kind]), max_ratio=1, **settings)
    (wanted,) = made.window([Line(LINE)], request=Request(details=True))
    found = look(made, Line(LINE))
    (part,) = found.parts
    best = wanted.candidates[0]
    assert found.translation == best.text
    assert part.score == pytest.approx(best.score, abs=1e-4)
    assert part.logprob == pytest.approx(best.logprob, abs=1e-4)
    assert [one.piece for one in part.target] == [*best.tokens, "</s>"]
    assert [one.logprob for one in part.target] == pytest.approx(best.token_logprobs, abs=1e-4)
    ends = {node.number: node.score for node in part.tree if node.score is not None}
    assert max(ends, key=lambda number: ends[number] or 0) == part.best
    nodes = {node.number: node for node in part.tree}
    for said in part.target:
        others = [nodes[number] for number in said.others]
        assert len(others) == 5
        assert [one.piece_logprob for one in others] == sorted((one.piece_logprob for one in others), reverse=True)


def test_with_a_shortlist_the_tree_is_of_its_pieces() -> None:
    (member,) = translator().members
    size = member.source_tokenizer.vocab_size
    always = np.array([1, 2, *range(size - 40, size)])
    short = Shortlist(np.full((size, 1), -1), always, copies=False)
    made = Translator([replace(member, shortlist=short)], decode(max_ratio=1, min_length=3), ("en", "de"))
    (wanted,) = made.window([Line(LINE)])
    found = look(made, Line(LINE))
    (part,) = found.parts
    assert found.translation == wanted.text
    assert part.score == pytest.approx(wanted.score, abs=1e-4)
    names = {member.target_tokenizer.names[piece] for piece in always}
    assert {node.piece for node in part.tree} <= names
    (given,) = look(made, Pair(LINE, "das rote Haus")).parts  # which may be outside of it
    assert not {one.piece for one in given.target} <= names


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_is_whole_and_plain(kind: str) -> None:
    found = look(_with(translator(**KINDS[kind]), max_ratio=1, min_length=3), Line(LINE))
    (part,) = found.parts
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["parts"][0]["score"] == part.score
    rows = {"source": len(part.target), "encoder": len(part.fields), "decoder": len(part.target)}
    columns = {"source": len(part.fields), "encoder": len(part.fields), "decoder": len(part.target)}
    for one in part.attention:
        for head in one.heads:
            assert [len(row) for row in head] == [columns[one.kind]] * rows[one.kind]
            assert [sum(row) for row in head] == pytest.approx([1] * len(head), abs=1e-3)
    assert part.saliency is not None
    assert [len(row) for row in part.saliency] == [len(part.source)] * len(part.target)
    assert {one.kind for one in part.attention} == {
        "recurrent": {"source"},
        "convolution": {"source"},
        "transformer": {"source", "encoder", "decoder"},
        "none": set(),
    }[kind]
    assert bool(part.norms) == (kind != "transformer")
    assert any("no attention" in note for note in found.notes) == (kind == "none")
    assert bool(found.links) == (kind != "none")
    assert all(source < 6 and target < len(found.target_words) for source, target in found.links)


def test_a_state_of_a_convolution_stands_for_what_it_reads() -> None:
    (part,) = look(translator(conv=2), Line(LINE)).parts
    assert part.fields[0] == (0, 1)
    assert part.fields[1] == (1, 3)
    assert part.fields[-1][1] == len(part.source) - 1


def test_a_given_translation_is_scored() -> None:
    made, pair = translator(), Pair(LINE, "das Haus")
    (wanted,) = made.forced([pair])
    found = look(made, pair)
    (part,) = found.parts
    assert found.forced
    assert found.translation == "das Haus"
    assert part.logprob == pytest.approx(wanted.candidates[0].logprob, abs=1e-4)
    assert [one.piece for one in part.target][-1] == "</s>"
    total = sum(exp(node.piece_logprob) for node in part.tree if node.parent == 0)
    assert 0 < total <= 1 + 1e-5
    assert {node.why for node in part.tree if node.fate == "ruled out"} == {"prefix"}


def test_a_line_in_parts_is_seen_part_by_part() -> None:
    line = " ".join(["the red dog sees the cat."] * 6)
    found = look(_with(translator(), max_ratio=1), Line(line))
    assert len(found.parts) > 1
    assert any("parts" in note for note in found.notes)


@pytest.mark.parametrize("line", ["the red dog %s", "the <b>cat</b>"])
def test_what_was_put_into_a_translation_is_said(line: str) -> None:
    made = _with(translator(), max_ratio=1, min_length=3)
    found = look(made, Line(line))
    assert found.translation == next(iter(made.window([Line(line)]))).text
    assert found.translation != found.parts[0].text
    assert sum("put there from the source" in note for note in found.notes) == 1
    assert not any("put there" in note for note in look(made, Line(LINE)).notes)


@pytest.mark.parametrize("line", ["", "  ", "12 34 !"])
def test_a_line_that_no_model_is_given_has_no_inside(line: str) -> None:
    found = look(translator(), Line(line))
    assert found.parts == []
    assert any("nothing in this line" in note for note in found.notes)


def test_long_sentences_are_told_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _with(translator(**TRANSFORMER), max_ratio=1)
    whole = look(made, Line(LINE))
    (part,) = whole.parts
    heads = sum(len(one.heads) * len(one.heads[0]) * len(one.heads[0][0]) for one in part.attention)
    monkeypatch.setattr(looking, "MOST_WEIGHTS", heads - 1)
    monkeypatch.setattr(looking, "MOST_SALIENT", 10)
    monkeypatch.setattr(looking, "MOST_NODES", 20)
    found = look(made, Line(LINE))
    (short,) = found.parts
    assert short.saliency is None
    assert len(found.notes) == 3
    assert all(one.mean and len(one.heads) == 1 for one in short.attention)
    mean = torch.tensor(part.attention[0].heads).mean(0)
    torch.testing.assert_close(torch.tensor(short.attention[0].heads[0]), mean, atol=2e-5, rtol=0)
    numbers = {node.number for node in short.tree}
    assert len(numbers) < len(part.tree)
    assert all(node.parent in numbers for node in short.tree[1:])
    assert all(other in numbers for said in short.target for other in said.others)
    monkeypatch.setattr(looking, "MOST_WEIGHTS", 1)
    assert [one.kind for one in look(made, Line(LINE)).parts[0].attention] == ["source"]


def test_an_ensemble_is_not_looked_into() -> None:
    members = [translator().members[0], translator().members[0]]
    with pytest.raises(ConfigError, match="one model at a time"):
        look(Translator(members, decode(), ("en", "de")), Line(LINE))


def _with(made: Any, **settings: Any) -> Translator:
    return Translator(made.members, decode(**settings), ("en", "de"))
