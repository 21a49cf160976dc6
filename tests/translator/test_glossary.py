"""A glossary: its terms are in the translations, and lines without one are what they are without it."""

from pathlib import Path
from typing import Any

import pytest

from mtkit import ConfigError, Sampling, Translator
from mtkit.schema import Decode
from mtkit.search.sentence import APART, OPENING, WITHIN
from mtkit.text.terms import Form, Glossary, Term
from mtkit.translator.member import Member
from mtkit.translator.request import Line, Request
from mtkit.translator.wording import Wording
from tests.translator.small import LINES, LONGEST, model_of, pieces, table, translator

DOG = Term((Form("dog"), Form("dogs")), (Form("Katze"), Form("Katzen")))
SEES = Term((Form("sees"),), (Form("findet"),))
LONG = "the red dog sees the cat. " * 6 + "one two three."
MORE = [*LINES, "THE DOG", "dog", "the {0} dog <b>sees</b> it", LONG]


def glossary(*terms: Term, pair: tuple[str, str] = ("en", "de")) -> Glossary:
    return Glossary(terms, pair)


@pytest.fixture(scope="module")
def small() -> Translator:
    made: Translator = translator()
    return made


@pytest.mark.parametrize("settings", [{}, {"beam_size": 1}, {"n_best": 3}, {"align": True, "details": True}], ids=str)
def test_terms_are_rendered_and_other_lines_are_as_without(small: Translator, settings: dict[str, Any]) -> None:
    given: dict[str, Any] = settings | {"guard": False}
    without, made = small.translate(MORE, **given), small.translate(MORE, glossary=glossary(DOG, SEES), **given)
    for line, before, after in zip(MORE, without, made, strict=True):
        words = line.replace("<b>", " ").replace("</b>", " ").split()
        assert [one.source for one in after.terms] == [one for one in words if one in ("dog", "dogs", "DOG", "sees")]
        assert all(one.rendered for one in after.terms), after
        if not after.terms:
            assert after == before
        elif all(one.rendered for one in glossary(DOG, SEES).told(glossary(DOG, SEES).find(line), before.text)):
            assert after.candidates == before.candidates
    assert made[MORE.index("THE DOG")].terms[0].target == "KATZE|KATZEN"
    assert {"{0}", "<b>", "</b>"} <= {*made[-2].text.replace("<", " <").replace(">", "> ").split()}
    assert made[-1].terms[-1].rendered
    assert made[0].as_json()["terms"][0] == {"source": "dog", "target": "Katze|Katzen", "rendered": True}


def test_an_ensemble_and_a_prefix() -> None:
    words = pieces()
    members = [Member(model_of(table(), words, seed), words, words, LONGEST) for seed in (3, 4)]
    both = Translator(members, Decode(), ("en", "de"))
    request = Request(glossary=glossary(DOG))
    (made,) = both.window([Line("the dog", "das Haus")], request=request)
    assert made.text.startswith("das Haus")
    assert made.terms[0].rendered
    (there,) = both.window([Line("the dog", "die Katze")], request=request)
    assert there.terms[0].rendered


def test_what_stays_as_it_is(small: Translator) -> None:
    made = small.translate("the Xyz-42 dog", glossary=glossary(Term((Form("xyz-42"),))), guard=False)
    assert "Xyz-42" in made.text


def test_what_the_vocabulary_cannot_write_is_told() -> None:
    words = pieces(byte_fallback=False)
    one = Translator([Member(model_of(table(), words), words, words, LONGEST)], Decode(), ("en", "de"))
    terms = glossary(Term((Form("dog"),), (Form("Ж"),)), SEES)
    assert one.unwritable(terms) == ["Ж"]
    made = one.translate("the dog sees", glossary=terms, guard=False)
    assert [term.rendered for term in made.terms] == [False, True]
    assert made.warnings == ["'dog' is not rendered as 'Ж'"]


def test_draws_have_no_terms(small: Translator) -> None:
    with pytest.raises(ConfigError, match="leave it out, or sampling"):
        small.translate("the dog", glossary=glossary(DOG), sampling=Sampling())


def test_forms_as_pieces() -> None:
    """With the mark of a new word, and without it where no letter stands before."""
    words = pieces()
    wording = Wording(glossary(DOG), words)
    with_mark, without = wording.phrases(Form("Katze"))
    assert words.decode(list(with_mark.pieces)) == "Katze"
    assert (with_mark.before, without.before) == (WITHIN, APART)
    assert "".join(words.pieces(list(without.pieces))) == "Katze"
    assert words.decode([*words.encode(["("])[0], *without.pieces]) == "(Katze"
    (opening,) = wording.phrases(Form("Hund", opening=True))
    assert opening.before == OPENING
    chinese = Wording(glossary(DOG, pair=("en", "zh")), words)
    assert [one.before for one in chinese.phrases(Form("Katze"))] == [WITHIN, WITHIN]
    assert all(one.open_ended for one in chinese.phrases(Form("Katze")))


def test_pickled_it_is_the_same(tmp_path: Path) -> None:
    import pickle

    terms = glossary(DOG, SEES)
    other = pickle.loads(pickle.dumps(terms))
    assert (repr(other), other.find("the dogs")) == (repr(terms), terms.find("the dogs"))
