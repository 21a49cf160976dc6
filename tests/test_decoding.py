"""An option of search is written in its table and where it is obeyed: flag, key, help and check follow from that."""

import subprocess
import sys
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any

import pytest
import typer
from annotated_types import Ge, Le
from pydantic import ValidationError
from torch import Tensor
from typer.testing import CliRunner

from mtkit import config, registry
from mtkit.cli.decode_flags import NONE_GIVEN, Flags, decode_flags
from mtkit.decoding import Decoding, lines
from mtkit.errors import ConfigError
from mtkit.registry import Choice
from mtkit.schema import Decode, described
from mtkit.search.batched import translate_ids
from mtkit.search.ensemble import Ensemble
from mtkit.search.rules.rule import Context, Rule
from mtkit.search.sentence import Sentence, Vocabulary
from tests.contract.family import EOS, make
from tests.search import outside


class Wider(Decoding):
    """With one more option, as if it were written in Decoding itself."""

    least_piece: Annotated[int, Ge(0), Le(99)] = 0
    """No piece below this comes; 0: any may."""


class Wide(Wider, Decode):
    pass


@dataclass(frozen=True)
class LeastPiece(Rule):
    """Obeys it."""

    least: int
    eos: int

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        end_BK = logits_BKV[:, :, self.eos].clone()
        logits_BKV[:, :, : self.least] = -inf
        logits_BKV[:, :, self.eos] = end_BK


def least_piece(context: Context) -> LeastPiece | None:
    decode: Any = context.decode
    return LeastPiece(decode.least_piece, context.eos) if decode.least_piece else None


def command() -> tuple[typer.Typer, list[Flags]]:
    given: list[Flags] = []
    app = typer.Typer()

    @app.command()
    @decode_flags(table=Wider)
    def translate(n_best: int = 1, flags: Flags = NONE_GIVEN, scores: bool = False) -> None:
        given.append(flags)

    return app, given


def test_an_option_more_is_a_flag_with_its_help_and_bounds() -> None:
    app, given = command()
    run = CliRunner().invoke
    said = run(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert "--least-piece" in said
    assert "No piece below this comes; 0: any may." in said
    assert [said.index(flag) for flag in ("--n-best", "--beam-size", "--least-piece", "--scores")] == sorted(
        said.index(flag) for flag in ("--n-best", "--beam-size", "--least-piece", "--scores")
    )
    assert "--rules" not in said  # a table has no flag
    assert run(app, ["--least-piece", "4", "--precision", "bf16"]).exit_code == 0
    assert run(app, []).exit_code == 0
    assert given == [{"least_piece": 4, "precision": "bf16"}, {}]
    for wrong in ("-1", "100", "x"):
        assert run(app, ["--least-piece", wrong]).exit_code == 2
    assert len(given) == 2


def test_an_option_more_is_a_key_with_its_line_and_bounds() -> None:
    assert Wide.model_validate({"least_piece": 4}).least_piece == 4
    said = described.lines(Wide)
    assert said["least_piece"] == "No piece below this comes; 0: any may."
    assert said["beam_size"] == described.lines(Decode)["beam_size"]
    with pytest.raises(ValidationError, match="less than or equal to 99"):
        Wide.model_validate({"least_piece": 100})


def test_an_option_more_has_its_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Choice(f"{__name__}:least_piece", "", always=True)
    monkeypatch.setitem(registry.CHOICES["rule"], "least_piece", line)
    sentences = [Sentence([[5, 6, 7]]), Sentence([[8]])]

    def least(least_piece: int) -> int:
        decode = Wide.model_validate({"least_piece": least_piece, "min_length": 5})
        batches = translate_ids(Ensemble([make()], [EOS]), sentences, decode, Vocabulary(1, EOS, [0, 1]))
        return min(piece for _, rows in batches for some in rows for h in some for piece in h.pieces)

    free = least(0)
    assert least(free + 1) > free


def test_every_key_has_a_line() -> None:
    assert lines(Decoding).keys() == Decode.model_fields.keys()
    assert all(described.lines(Decode).values())


def test_help_needs_neither_pydantic_nor_torch() -> None:
    code = "import sys, mtkit.cli.translate, mtkit.cli.score; print({'pydantic', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("decode.rules.exactli.count=2", "decode.rules: unknown rule 'exactli', did you mean 'exactly'?"),
        ("decode.rules.exactly={}", "decode.rules: exactly.count is required but missing"),
        ("decode.rules.exactly.count=-1", "exactly.count = -1: input should be greater than or equal to 0"),
        ("decode.rules.exactly.coumt=1", "unknown key exactly.coumt, did you mean 'count'? (keys here: count, mark)"),
        ("decode.rules.min_length={}", "rule 'min_length' always acts and has no settings here: leave it out"),
        ("decode.rules.exactly=2", "decode.rules.exactly = 2: input should be a valid dictionary"),
    ],
)
def test_wrong_settings_of_a_rule_are_errors_of_the_config(said: str, answer: str) -> None:
    with outside.registered(), pytest.raises(ConfigError) as failed:
        config.parse_decode([said], "--set")
    assert answer in str(failed.value)


def needs_a_tensor(context: Context, *, like: Tensor) -> None:
    pass


def test_a_rule_may_take_only_what_a_config_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.CHOICES["rule"], "strange", Choice(f"{__name__}:needs_a_tensor", ""))
    with pytest.raises(ConfigError, match="rule 'strange' takes what a config cannot say"):
        config.parse_decode(["decode.rules.strange={}"], "--set")


def test_settings_of_a_rule_are_kept_as_they_were_given() -> None:
    with outside.registered():
        decode = config.parse_decode(["decode.rules.exactly.count=2"], "--set")
    assert decode.rules == {"exactly": {"count": 2}}
