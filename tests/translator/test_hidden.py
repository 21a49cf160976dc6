"""A model that has learnt of spans is given pieces in their places, and says each exactly once, whatever else it says.

The model is built, not trained: without the rule it would say hardly any.
"""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from mtkit import Sampling, Translation, Translator
from mtkit.schema import Decode
from mtkit.search.sentence import NOTHING
from mtkit.text.finder import Finder
from mtkit.text.reserved import SPANS, SYMBOLS
from mtkit.text.spans import find, pairs
from mtkit.translator.guard import FORCED, LOST
from mtkit.translator.request import Line, Pair
from tests.translator.small import LINES, decode, translator
from tests.translator.test_guard import HARD, holds

OWN = (r"[A-Z]{2,}-\d+",)
SYMBOL = SYMBOLS[0][:7]
KINDS = ["{0}", "%s", "<br/>", "http://ex.org/?a=1", "AB-12", "`x`", "🎉", "12 MB"]


def taught(made: Translator, own: tuple[str, ...] = OWN) -> Translator:
    """The same as if trained with spans."""
    members = [replace(one, spans=own) for one in made.members]
    return Translator(members, Decode(), (made.source_lang, made.target_lang))


@pytest.fixture(scope="module")
def plain() -> Any:
    return translator(longest=40)


@pytest.fixture(scope="module")
def small(plain: Translator) -> Translator:
    return taught(plain)


def lines(count: int) -> list[str]:
    """Words with spans in random places, some of which enclose others."""
    rng, made = random.Random(3), list[str]()
    for number in range(count):
        words = rng.choices(["the", "red", "dog", "sees", "one", "cat"], k=rng.randint(1, 8))
        for _ in range(rng.randint(1, 4)):
            words.insert(rng.randint(0, len(words)), rng.choice([*KINDS, f"{{n{number}}}"]))
        for name in rng.choices("biu", k=rng.randint(0, 2)):
            first, last = sorted(rng.sample(range(len(words) + 1), 2))
            inside = " ".join(words[first:last])
            if inside.count("<b") == inside.count("</"):
                words[first:last] = [f"<{name}>{inside}</{name}>"]
        made.append(" ".join(words))
    return made


@pytest.mark.parametrize(
    "asked",
    [{}, {"n_best": 3}, {"align": True, "details": True}, {"beam_size": 1}, {"sampling": Sampling(), "n_best": 3}],
    ids=["plain", "n_best", "details", "greedy", "drawn"],
)
def test_whatever_is_asked_for(small: Translator, asked: dict[str, Any]) -> None:
    given = [*HARD, *lines(30)]
    for line, made in zip(given, small.translate(given, **asked), strict=True):
        holds(line, made)
        assert not any(LOST in warning for warning in made.warnings)
        assert SYMBOL not in made.text
        for one in made.candidates:
            names = [token for token in one.tokens if token in SYMBOLS]
            assert sorted(names) == sorted(SPANS[: len(names)])
            own = Finder.of("en", OWN, units_in="de").find(line)
            assert all(one.text.count(span.text) >= Counter(each.text for each in own)[span.text] for span in own)
            assert (one.token_logprobs is None) == (not asked.get("details"))


def test_they_are_searched_with_the_piece_and_not_without(small: Translator, plain: Translator) -> None:
    line = "the {0} dog sees <b>one</b> cat"
    assert SPANS[0] in small.translate(line).candidates[0].tokens
    assert not {*SPANS} & {*plain.translate(line).candidates[0].tokens}
    left = small.translate(line, protect=False)
    assert not {*SPANS} & {*left.candidates[0].tokens}
    assert small.translate(f"the {SPANS[5]} dog", protect=False).candidates
    assert small.translate(LINES, n_best=2) == plain.translate(LINES, n_best=2)  # without spans nothing is another


def test_what_had_to_be_put_is_told(small: Translator) -> None:
    """A model that never saw one hardly ever would have it anywhere."""
    told = [warning for one in small.translate(HARD) for warning in one.warnings]
    assert any(warning.startswith('"{0}"') and warning.endswith(FORCED) for warning in told)
    assert all(warning.endswith(FORCED) for warning in told)


def test_more_than_there_are_pieces_for(small: Translator) -> None:
    line = "the " + "{0} dog " * (len(SPANS) + 1)
    holds(line, small.translate(line))


def test_a_line_in_parts(plain: Translator) -> None:
    small = taught(translator(longest=12))
    line = "the {0} red dog sees <b>one big house</b>. And %s finds the cat at http://ex.org/a! " * 4
    made = small.translate(line.strip())
    assert "parts" in made.warnings[0]
    holds(line.strip(), made)
    assert {*SPANS} & {*made.candidates[0].tokens}


def test_a_prefix_is_obeyed(small: Translator) -> None:
    (made,) = small.window([Line("the {0} dog sees {1}", "das {0}")])
    assert made.text.startswith("das {0}")
    holds("the {0} dog sees {1}", made)


def test_an_ensemble_has_learnt_of_them_if_all_have(small: Translator, plain: Translator) -> None:
    both = Translator([*small.members, *plain.members], Decode(), ("en", "de"))
    twice = Translator([*small.members, *small.members], Decode(), ("en", "de"))
    assert not {*SPANS} & {*both.translate(HARD[0]).candidates[0].tokens}
    assert {*SPANS} & {*twice.translate(HARD[0]).candidates[0].tokens}
    holds(HARD[0], twice.translate(HARD[0]))


def test_pairs_are_scored_as_they_were_learnt(small: Translator, plain: Translator) -> None:
    pair = Pair("the <b>red</b> dog {0}", "das {0} <b>rote</b> Hund")
    (made,) = small.forced([pair], align=True)
    assert made.text == pair.target
    assert [token for token in made.candidates[0].tokens if token in SPANS] == [SPANS[2], SPANS[0], SPANS[1]]
    for source, target in made.candidates[0].alignment or []:
        assert max(source, target) < 4
    (other,) = plain.forced([pair], align=True)
    assert not {*SPANS} & {*other.candidates[0].tokens}
    lost = Pair("the {0} dog", "der Hund")
    assert [one.text for one in small.forced([lost])] == ["der Hund"]


def test_what_somebody_names_is_protected(small: Translator, plain: Translator) -> None:
    line = "the dog sees FOO_7 and {0} and AB-12"
    for made in (
        plain.translate(line, protect=r"[A-Z]+_\d"),
        plain.translate(line, protect=[r"[A-Z]+_\d", "xyz"], n_best=2),
        small.translate(line, protect=r"[A-Z]+_\d"),
    ):
        assert all(one.text.count("FOO_7") == one.text.count("{0}") == 1 for one in made.candidates)
    assert small.translate(line).text.count("AB-12") == 1  # as in training
    assert "FOO_7" not in plain.translate(line).text
    by_config = Translator(plain.members, decode(protect=[r"[A-Z]+_\d"]), ("en", "de"))
    assert by_config.translate("FOO_7").candidates[0].tokens == []  # nothing to be translated
    assert by_config.translate("the FOO_7").text.count("FOO_7") == 1


def test_rules_have_nothing_to_do_without(small: Translator) -> None:
    (job,) = small._segmenter.jobs([Line("the dog")]).values()
    assert job.sentences[0].frame is NOTHING
    (job,) = small._segmenter.jobs([Line("the <b>{0}</b>")]).values()
    frame = job.sentences[0].frame
    assert (len(frame.pieces), frame.within, frame.closing) == (3, (-1, 0, 0), {0: 2})


def test_tags_nest(small: Translator) -> None:
    for line, made in zip(some := lines(60), small.translate(some, n_best=2), strict=True):
        wanted = [(find(line)[a].text, find(line)[b].text) for a, b in pairs(find(line)).items()]
        assert isinstance(made, Translation)
        for one in made.candidates:
            found = find(one.text)
            assert Counter((found[a].text, found[b].text) for a, b in pairs(found).items()) == Counter(wanted)
