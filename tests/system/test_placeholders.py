"""Placeholders, tags and addresses in a model that was never shown any: they come out, and the words are the words."""

from pathlib import Path

import pytest

from mtkit import Translator
from mtkit.translator.guard import LOST
from tests.system.toy import mtkit, ran

LINES = {
    "the {0} dog sees {{big.cat}}": "das {0} Hund sieht {{big.cat}}",
    "the %1$s dog finds %d": "das %1$s Hund findet %d",
    "the <b>red</b> dog": "das <b>rote</b> Hund",
    "the dog sees http://ex.org/a?b=1": "das Hund sieht http://ex.org/a?b=1",
    "the cat finds {0} and {0} sees the house": "das Katze findet {0} und {0} sieht das Haus",
    "<p>the <i>big <b>red</b></i> dog</p>": "<p>das <i>große <b>rote</b></i> Hund</p>",
    "<br/>the small cat sees <u>one house</u>": "<br/>das kleine Katze sieht <u>eins Haus</u>",
    'the <a href="http://ex.org/?q=%s&amp;r=2#x">red cat</a> finds': (
        'das <a href="http://ex.org/?q=%s&amp;r=2#x">rote Katze</a> findet'
    ),
    "the dog finds a.b+c@ex-1.org and the cat": "das Hund findet a.b+c@ex-1.org und das Katze",
    "the dog &amp; the cat sees %(name)s": "das Hund &amp; das Katze sieht %(name)s",
    "the %-5d red dog sees %05.1f": "das %-5d rote Hund sieht %05.1f",
    "%PRODUCTNAME sees the ${house}": "%PRODUCTNAME sieht das ${house}",
    "  the {name} dog ": "  das {name} Hund ",
    "{0}": "{0}",
    "http://ex.org/the?dog=1 <br>": "http://ex.org/the?dog=1 <br>",
    "the red dog": "das rote Hund",
}


@pytest.fixture(scope="module")
def toy(trained: Path) -> Translator:
    return Translator.load(trained / "runs" / "toy", device="cpu")


def test_they_come_out_and_words_are_translated(toy: Translator) -> None:
    made = toy.translate(list(LINES))
    assert [one.text for one in made] == list(LINES.values())


def test_links_are_of_the_text_that_comes_out(toy: Translator) -> None:
    made = toy.translate("the <b>red</b> dog sees {0} and", align=True)
    assert made.text == "das <b>rote</b> Hund sieht {0} und"
    assert made.candidates[0].alignment == [(word, word) for word in range(6)]
    assert made.warnings == [f'"<b>" (and 2 more) {LOST}']


def test_a_long_line(toy: Translator) -> None:
    line = 'the {0} red dog sees <a title="the. dog, one">one big house</a> and %s finds the cat, ' * 6
    made = toy.translate(line.strip())
    assert "parts" in made.warnings[0]
    for span in ("{0}", '<a title="the. dog, one">', "</a>", "%s"):
        assert made.text.count(span) == 6


def test_the_command(trained: Path) -> None:
    """The first few are told of, the others counted; one switch leaves them to the model."""
    text = "".join(f"the dog sees {{{number}}}\n" for number in range(8))
    done = mtkit(trained, "translate", "-q", "--n-best", "2", stdin=text)
    translations = [line.split(" ||| ")[1] for line in ran(done).splitlines()]
    assert all(line.count(f"{{{row // 2}}}") == 1 for row, line in enumerate(translations))
    said = [line for line in done.stderr.splitlines() if LOST in line]
    assert len(said) == 6
    assert said[0] == f'WARNING: line 1: "{{0}}" {LOST}'
    assert said[-1].startswith("WARNING: 3 more lines like")
    done = mtkit(trained, "translate", "-q", "--no-protect", stdin=text)
    assert "{1}" not in ran(done)
    assert LOST not in done.stderr
