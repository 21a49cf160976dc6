"""The forms of output, worked by hand."""

import json

from mtkit.translator import forms
from mtkit.translator.request import Candidate, Translation

ONE = Candidate("der Hund", -0.5, -0.75, ["▁der", "▁Hund"], alignment=[(0, 0), (1, 1)])
TWO = Candidate("ein Hund", -1.25, -2.0, ["▁ein", "▁Hund"], alignment=[(1, 1)])
MADE = Translation("the dog", [ONE, TWO])
BLANK = Translation("", [])


def test_text() -> None:
    assert forms.text(4, Translation("the dog", [ONE]), 1, False, False) == "der Hund\n"
    assert forms.text(4, Translation("the dog", [ONE]), 1, True, False) == "-0.5000\tder Hund\n"
    assert forms.text(4, Translation("the dog", [ONE]), 1, False, True) == "der Hund ||| 0-0 1-1\n"
    assert forms.text(4, Translation("the dog", [ONE]), 1, True, True) == "-0.5000\tder Hund ||| 0-0 1-1\n"


def test_n_best_lists() -> None:
    assert forms.text(4, MADE, 2, False, False) == "4 ||| der Hund ||| -0.5000\n4 ||| ein Hund ||| -1.2500\n"
    assert forms.text(0, MADE, 2, True, True) == (
        "0 ||| der Hund ||| -0.5000 ||| 0-0 1-1\n0 ||| ein Hund ||| -1.2500 ||| 1-1\n"
    )


def test_a_blank_line_has_a_line() -> None:
    assert forms.text(4, BLANK, 1, False, False) == "\n"
    assert forms.text(4, BLANK, 1, True, True) == "0.0000\t ||| \n"
    assert forms.text(4, BLANK, 2, False, False) == "4 |||  ||| 0.0000\n"


def test_links() -> None:
    assert forms.links(None) == ""
    assert forms.links([]) == ""
    assert forms.links([(0, 2), (11, 3)]) == "0-2 11-3"


def test_jsonl() -> None:
    line = forms.jsonl(4, Translation("der\u2028Hund ß", [ONE], ["long"]), "bf16")
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert "ß" in line  # as it is, not escaped
    made = json.loads(line)
    assert (made["id"], made["source"], made["translation"]) == (4, "der\u2028Hund ß", "der Hund")
    assert made["alignment"] == [[0, 0], [1, 1]]
    assert (made["warnings"], made["precision"]) == (["long"], "bf16")
    assert json.loads(forms.jsonl(5, BLANK, "fp32"))["nbest"] == []
