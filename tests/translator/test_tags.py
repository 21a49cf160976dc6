"""What is said before a source: by whom it is known, where it stands, and that nothing else of a translation has it."""

from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import ConfigError
from mtkit.schema import Decode
from mtkit.store import bundle
from mtkit.store.bundle_config import TagFacts
from mtkit.text.reserved import TAGS
from mtkit.translator.looking import look
from mtkit.translator.member import Member
from mtkit.translator.request import Line, Pair
from mtkit.translator.translator import Translator
from tests.translator.small import LINES, LONGEST, model_of, pieces, table

KNOWN = (
    TagFacts(name="2de", symbol=TAGS[0], languages=("en", "de")),
    TagFacts(name="2fr", symbol=TAGS[1], languages=("en", "fr")),
    TagFacts(name="", symbol="", languages=("en", "de")),
)
HEADS = {tag.name: [pieces().id_of(tag.symbol)] if tag.symbol else [] for tag in KNOWN}


def member(tags: tuple[TagFacts, ...] = KNOWN, seed: int = 3, conv: int = 0, name: str = "one") -> Member:
    words = pieces()
    return Member(model_of(table(conv), words, seed), words, words, LONGEST, name=name, tags=tags)


def translator(*members: Member, tag: str | None = None, **settings: Any) -> Translator:
    return Translator(members or [member()], Decode.model_validate(settings), ("en", "de"), tag)


def ids(made: Translator, line: str) -> list[list[int]]:
    """Of each part of a line, as search is given it."""
    (job,) = made._segmenter.jobs([Line(line)]).values()
    return [list(one.sources[0]) for one in job.sentences]


@pytest.mark.parametrize("name", ["2de", "2fr", ""])
def test_it_stands_before_the_pieces_of_a_line(name: str) -> None:
    made = translator(tag=name)
    assert ids(made, LINES[0]) == [HEADS[name] + pieces().encode([LINES[0]])[0]]
    assert (made.tag, made.source_lang, made.target_lang) == (name, "en", "fr" if name == "2fr" else "de")


def test_before_every_part_of_a_long_line() -> None:
    long = " ".join(LINES[0] for _ in range(9))
    parts = ids(translator(tag="2fr"), long)
    assert len(parts) > 3
    assert all(part[:1] == HEADS["2fr"] and 1 < len(part) <= LONGEST for part in parts)
    texts = (" ".join(["one"] * count) for count in range(30, 0, -1))
    full = next(text for text in texts if len(pieces().encode([text])[0]) < LONGEST)
    assert len(ids(translator(tag="2fr"), full)) == 1


def test_the_first_is_taken_where_nothing_is_said_and_a_call_can_say_another() -> None:
    made = translator()
    assert made.tag == "2de"
    found = {name: str(made.translate(LINES[0], tag=name)) for name in ("2de", "<2de>", "2fr", "")}
    assert found["2de"] == found["<2de>"] == str(made.translate(LINES[0]))
    assert len({found["2de"], found["2fr"], found[""]}) == 3
    assert found["2fr"] == str(made.tagged("2fr").translate(LINES[0]))
    assert (made.tag, made.target_lang) == ("2de", "de")  # it has not changed


def test_what_nobody_was_trained_with_is_refused_with_what_was() -> None:
    for ask in (lambda: translator(tag="2fe"), lambda: translator().translate("one", tag="2fe")):
        with pytest.raises(ConfigError) as caught:
            ask()
        assert str(caught.value) == (
            "tag = '2fe', did you mean '2fr'?: one was trained with <2de> (en to de), <2fr> (en to fr), no tag (en to "
            "de); give one"
        )
    with pytest.raises(ConfigError, match="tag = '2de': one was trained without tags; leave it out"):
        translator(member(()), tag="2de")
    with pytest.raises(ConfigError, match=r"no tag: one was trained with <2de> \(en to de\); give one"):
        translator(member(KNOWN[:1]), tag="")
    assert translator(member(()), tag="").tag is None


def test_models_of_an_ensemble_know_it_by_its_name() -> None:
    swapped = zip(KNOWN, (TAGS[1], TAGS[0], ""), strict=True)
    other = tuple(tag.model_copy(update={"symbol": symbol}) for tag, symbol in swapped)
    made = translator(member(), member(other, seed=4), tag="2fr")
    (job,) = made._segmenter.jobs([Line("one")]).values()
    assert [one[0] for one in job.sentences[0].sources] == [HEADS["2fr"][0], HEADS["2de"][0]]
    with pytest.raises(ConfigError, match="two was trained without tags"):
        translator(member(), member((), seed=4, name="two"))


def test_no_text_is_a_tag() -> None:
    for line in (f"{TAGS[0]} one two", f"one {TAGS[1]}", "one<mtkit:30>two"):
        (found,) = ids(translator(tag=""), line)
        assert not {*found} & {pieces().id_of(tag) for tag in TAGS}


@pytest.mark.parametrize("conv", [0, 2])
def test_links_are_between_words_and_no_column_is_its(conv: int) -> None:
    made = translator(member(conv=conv), tag="2fr").translate(LINES[0], align=True)
    (best,) = made.candidates
    assert best.attention is not None
    assert best.source_tokens is not None
    assert best.alignment is not None
    assert {len(row) for row in best.attention} == {len(best.source_tokens)}
    assert "".join(best.source_tokens) == "".join(pieces().pieces([*pieces().encode([LINES[0]])[0], pieces().eos]))
    assert {source for source, _ in best.alignment} <= {*range(len(LINES[0].split()))}


def test_a_pair_is_scored_with_it_and_a_look_shows_it() -> None:
    made = translator(tag="2fr")
    pair = Pair("the red dog", "das rote Haus")
    (job,) = made._segmenter.forced([pair]).values()
    assert [*job.sentences[0].sources[0]] == HEADS["2fr"] + pieces().encode([pair.text])[0]
    found = [next(iter(translator(tag=name).forced([pair]))).candidates[0].logprob for name in ("2fr", "2de", "2fr")]
    assert found[0] == found[2] != pytest.approx(found[1], abs=1e-2)
    assert look(made, Line("the red dog")).parts[0].source[0] == "<2fr>"


def test_a_bundle_keeps_them(tmp_path: Path) -> None:
    words, settings = pieces(), table()
    about = bundle.describe(settings, Decode(), [words], ("en", "de"), LONGEST, tags=KNOWN)
    bundle.write(tmp_path / "b", model_of(settings, words), [words], about, "a card")
    made = Translator.load(tmp_path / "b", device="cpu", tag="2fr")
    assert made.tags == list(KNOWN)
    again = made.__reduce__()
    assert again[0](*again[1]).tag == "2fr"
    assert str(made.translate(LINES[0])) == str(translator(tag="2fr").translate(LINES[0]))
