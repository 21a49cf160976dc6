"""Memories and terms in files: which model they are for, and what they do to translations, whoever asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import ConfigError, DataError
from mtkit.server import aids
from mtkit.server.models import Models
from mtkit.text.terms import Glossary
from mtkit.translator.translator import Translator
from tests.server.asking import Served, Stub

MEMORY, TERMS = "the house\tdas Haus\ntwo dogs\tzwei Hunde\n", "dog\tHund\nbig\tgroße\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a memory and terms."""
    (tmp_path / "memory.tsv").write_text(MEMORY)
    (tmp_path / "terms.tsv").write_text(TERMS)
    (tmp_path / "b=c.tsv").write_text(TERMS)
    return tmp_path


@pytest.fixture
def served(bundles: dict[str, Path], files: Path) -> Iterator[Any]:
    """A server over models, of which one has both."""

    class Helped(Served):
        def __init__(self) -> None:
            super().__init__([bundles["en-de"], bundles["de-fr"]])
            models = Models([bundles["en-de"], bundles["de-fr"]], Translator.load)
            self.service.models = models
            aids.give(models, [f"en-de={files / 'memory.tsv'}"], None, [f"en-de={files / 'terms.tsv'}"])

    made = Helped()
    yield made
    made.close()


def test_a_memory_answers_and_says_so(served: Served, files: Path) -> None:
    text = "the  house\nthe red house"
    made = served.ask("/page/translate", {"q": text, "source": "en", "target": "de"}).value
    told = made["lines"]
    assert [one["origin"] for one in told] == ["memory", "model, memory"]
    assert (told[0]["words"], told[0]["sure"], told[0]["links"]) == (["das", "Haus"], [], [])
    assert made["text"].split("\n")[0] == "das Haus"
    assert served.translate(["the house", "two dogs"]).value["translatedText"] == ["das Haus", "zwei Hunde"]
    # Over a language between, what the memory says is what the next model is given.
    both = served.translate("the house", target="fr").value
    assert both == served.translate("das Haus", source="de", target="fr").value
    # A pair that is added counts from then on.
    (files / "memory.tsv").write_text(MEMORY + "nine\tneun\n")
    assert served.translate("nine").value == {"translatedText": "neun"}


def test_terms_are_rendered_and_told(served: Served, bundles: dict[str, Path]) -> None:
    made = served.ask("/page/translate", {"q": "the red dog sees", "source": "en", "target": "de"}).value
    (told,) = made["lines"]
    (term,) = told["terms"]
    assert (term["source"], term["target"], term["rendered"]) == ("dog", "Hund", True)
    assert term["words"]
    assert all("Hund" in told["words"][place] for place in term["words"])
    assert "Hund" not in Translator.load(bundles["en-de"]).translate("the red dog sees").text
    assert "Hund" in served.translate("the red dog sees").value["translatedText"]
    # Terms that whoever asks has sent himself come before.
    language = {"source_lang": "en", "target_lang": "de"}
    sent = {"name": "mine", "entries": "dog\tKatze", "entries_format": "tsv"} | language
    kept = served.ask("/v2/glossaries", sent).value
    asked = {"text": ["the red dog sees"], "glossary_id": kept["glossary_id"]} | language
    (answer,) = served.ask("/v2/translate", asked).value["translations"]
    assert "Katze" in answer["text"]


def test_which_model_a_file_is_for(bundles: dict[str, Path], files: Path) -> None:
    def given(names: list[str], memories: list[str], terms: list[str]) -> list[str]:
        models = Models([bundles[name] for name in names], Translator.load)
        aids.give(models, memories, 0.5, terms)
        assert {model.least for model in models.all if model.memory} <= {0.5}
        return [aids.told(model) for model in models.all]

    memory, terms = str(files / "memory.tsv"), str(files / "terms.tsv")
    assert given(["en-de"], [memory, f"EN-DE={memory}"], [terms]) == [", a memory of 2, 2 terms"]
    assert given(["en-de", "de-fr"], [f"de-fr={memory}"], []) == ["", ", a memory of 2"]
    assert given(["en-de"], [], [str(files / "b=c.tsv")]) == [", 2 terms"]
    two = ["en-de", "de-fr"]
    with pytest.raises(ConfigError, match=r"which model is it for\? Served are en-de, de-fr: say en-de="):
        given(two, [memory], [])
    with pytest.raises(ConfigError, match=r"which model is it for\?"):
        given(["en-de"], [], [f"en-fr={terms}"])
    with pytest.raises(ConfigError, match="terms for en-de already"):
        given(["en-de"], [], [terms, terms])
    with pytest.raises(DataError, match=r"none\.tsv does not exist"):
        given(["en-de"], [str(files / "none.tsv")], [])
    with pytest.raises(DataError, match=r"none\.tsv does not exist"):
        given(["en-de"], [], [str(files / "none.tsv")])


def test_a_term_that_the_vocabulary_cannot_write_is_told(
    bundles: dict[str, Path], files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Poor(Stub):
        def unwritable(self, terms: Glossary) -> list[str]:
            return [term.targets[0].text for term in terms.terms] * 2

    models = Models([bundles["en-de"]], lambda _: Poor())  # type: ignore[arg-type, return-value]
    aids.give(models, [], None, [str(files / "terms.tsv")])
    models.all[0].translator()
    assert "en-de cannot write 'Hund', 'große', 'Hund', ...: left out of its terms" in caplog.text
