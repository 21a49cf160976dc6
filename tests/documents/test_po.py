"""Catalogues of gettext, read back by rules of their own and, where it is installed, by polib."""

from pathlib import Path

import pytest

from mtkit.documents import plurals
from mtkit.documents.document import Options
from mtkit.errors import DataError
from tests.documents.stub import Told, made, outcome

SAMPLE = (Path(__file__).parent / "samples/messages.po").read_text()
RUSSIAN = Options("a file", ("en", "ru"))
HEAD = 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


def test_what_is_translated_stays_and_what_is_not_is_marked() -> None:
    text = 'msgid "Yes"\nmsgstr "Ja"\n\n#, c-format\nmsgid "No %s"\nmsgstr ""\n'
    assert made("po", text) == 'msgid "Yes"\nmsgstr "Ja"\n\n#, fuzzy, c-format\nmsgid "No %s"\nmsgstr "oN %s"\n'
    everything = Options("x", ("en", "de"), everything=True, marked="none")
    flagged = text.replace("#, c", "#, fuzzy, c").replace('msgid "Yes"', '#, fuzzy\nmsgid "Yes"')
    assert made("po", flagged, everything) == text.replace('"Ja"', '"seY"').replace('""', '"oN %s"')


def test_doubtful_translations_alone_are_marked_if_wanted() -> None:
    text = 'msgid "One"\nmsgstr ""\n\nmsgid "Two"\nmsgstr ""\n'
    options = Options("x", ("en", "de"), marked="doubtful")
    found = outcome("po", text, options, lambda lines: [Told(one, ["odd"] * (one == "Two")) for one in lines])
    assert found.data.decode() == 'msgid "One"\nmsgstr "One"\n\n#, fuzzy\nmsgid "Two"\nmsgstr "Two"\n'
    assert [one.segment.where for one in found.doubtful] == ["line 4"]


def test_plurals_have_the_forms_of_the_target_language() -> None:
    found = made("po", SAMPLE, RUSSIAN)
    assert (
        '"Language: ru\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=3; plural=(n%10'
        in found
    )
    assert 'msgstr[0] "%d elif saw dnuof"\nmsgstr[1] "%d selif erew dnuof"\nmsgstr[2] "%d selif erew dnuof"\n' in found
    one = 'msgid "One file"\nmsgid_plural "%d files"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    assert 'msgstr[0] "enO elif"\nmsgstr[1] "%d selif"\n' in made("po", HEAD + one)
    korean = made("po", one, Options("x", ("en", "ko")))
    assert 'msgstr[0] "%d selif"\n' in korean
    assert "msgstr[1]" not in korean
    assert 'msgstr[0] "%d selif"\n' in made("po", one, RUSSIAN)  # its first form is of 21, too
    half = one.replace('msgstr[0] ""', 'msgstr[0] "Eine"')
    assert 'msgstr[0] "Eine"\nmsgstr[1] "%d selif"\n' in made("po", HEAD + half)


def test_expressions_of_plurals_are_those_of_c() -> None:
    """Forms of 0, 1, 2, 5, 11, 21, 101, 111 by CLDR's rules."""
    known = {"de": "10111111", "fr": "00111111", "ru": "20122002", "pl": "20122222", "ar": "01234443", "ko": "00000000"}
    for language, forms in known.items():
        found = plurals.of_language(language)
        expression = found.text.partition("plural=")[2].rstrip(";")
        numbers = (0, 1, 2, 5, 11, 21, 101, 111)
        if language == "ar":  # 100, 101 and 102 are the last form
            forms = "01234554"[:2] + "2" + "3" + "4" + "4" + "5" + "4"
        assert "".join(str(plurals._value(expression, number)) for number in numbers) == forms, language
    assert plurals.of_language("pt-BR").first == 0
    assert plurals.of_language("xx").count == 2


NONE = ["2; plural=n/0;", "2; plural=5;", "2; plural=(n", "2; plural=__import__", "999; plural=0;", "2; plural=n n;"]


@pytest.mark.parametrize("text", [*(f"nplurals={one}" for one in NONE), "nplurals=2; plural=" + "(" * 900, ""])
def test_expressions_that_are_none(text: str) -> None:
    assert plurals.parsed(text) is None


def test_strings_have_the_form_of_the_catalogue() -> None:
    word = "word " * 30
    wrapped = f'msgid ""\n"{word[:75]}"\n"{word[75:]}"\nmsgstr ""\n\nmsgid "short"\nmsgstr ""\n'
    lines = [line for line in made("po", wrapped).splitlines() if line.startswith('"drow')]
    assert [len(line) for line in lines] == [77, 77]
    flat = f'msgid "{word}"\nmsgstr ""\n'
    assert made("po", flat).splitlines()[2] == f'msgstr "{word.replace("word", "drow")}"'
    broken = 'msgid ""\n"One\\n"\n"two \\"x\\" \\\\n\\n"\nmsgstr ""\n'
    assert made("po", broken).partition("msgstr ")[2] == '""\n"enO\\n"\n"owt \\"x\\" \\\\n\\n"\n'


def test_ends_that_gettext_asks_for_are_those_of_the_source() -> None:
    text = 'msgid "\\nOne\\n"\nmsgstr ""\n'
    assert made("po", text).splitlines()[-1] == 'msgstr "\\nenO\\n"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('msgid "a\nmsgstr ""\n', 'line 1: found "msgid "a", expected msgid'),
        ('"a"\n', "line 1: .*before it"),
        ('msgstr "a"\n', "line 1: msgstr without msgid"),
        ('msgid "a"\n', "line 1: a message without msgstr"),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr[1] ""\n', "line 1: forms of a plural"),
        ('msgid "a"\nmsgstr ""\nmsgstr ""\n', "line 3: msgstr comes twice"),
        ('msgid ""\nmsgstr "Content-Type: text/plain; charset=klingon\\n"\n', "'klingon', which is no encoding"),
    ],
)
def test_what_is_no_catalogue_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        outcome("po", text)


def test_encodings_of_catalogues() -> None:
    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=ISO-8859-1\\n"\n\nmsgid "caf\xe9"\nmsgstr ""\n'
    assert outcome("po", text.encode("latin-1")).data.endswith(b'msgstr "\xe9fac"\n')
    with pytest.raises(DataError, match="is in ISO-8859-1, which cannot write '→' of a translation; convert"):
        outcome("po", text.encode("latin-1"), search=lambda lines: [Told("→") for _ in lines])


@pytest.mark.system
def test_polib_reads_what_was_written() -> None:
    polib = pytest.importorskip("polib")
    before, after = polib.pofile(SAMPLE.replace("CHARSET", "UTF-8")), polib.pofile(made("po", SAMPLE, RUSSIAN))
    assert [one.msgid for one in before] == [one.msgid for one in after]
    assert after.untranslated_entries() == []
    assert after.find("%d file was found").msgstr_plural[2] == "%d selif erew dnuof"
