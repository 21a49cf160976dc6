"""Glossaries by DeepL's interface: kept, for whoever sent them, and used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import ConfigError
from mtkit.server.access import Access, add_key
from mtkit.server.glossaries import Glossaries, Missing
from tests.server.asking import Served

Serve = Callable[..., Served]
SENT = {"name": "mine", "source_lang": "EN", "target_lang": "DE", "entries": "dog\tHund\nbig  house\tVilla\n"}


def test_terms_reach_search_by_their_name(serve: Serve) -> None:
    served = serve()
    made = served.ask("/v2/glossaries", SENT)
    assert made.status == 201
    told = made.value
    assert {key: told[key] for key in ("name", "source_lang", "target_lang", "ready", "entry_count")} == {
        "name": "mine",
        "source_lang": "en",
        "target_lang": "de",
        "ready": True,
        "entry_count": 2,
    }
    name = told["glossary_id"]
    asked = {"text": ["a dog"], "source_lang": "EN", "target_lang": "DE", "glossary_id": name}
    for _ in range(2):
        assert served.ask("/v2/translate", asked).status == 200
    (_, first), (_, second) = served.stubs["en-de"].asked
    assert first.glossary is not None
    assert first.glossary is second.glossary  # so that requests with it go together
    assert [one.target for one in first.glossary.find("a dog, a big house")] == ["Hund", "Villa"]
    for wrong in ({"source_lang": ""}, {"target_lang": "FR"}):
        answer = served.ask("/v2/translate", asked | wrong)
        assert answer.status == 400
        assert "must be those of the glossary" in answer.value["message"]
    assert served.ask("/v2/glossaries").value == {"glossaries": [told]}
    assert served.ask(f"/v2/glossaries/{name}").value == told
    entries = served.ask(f"/v2/glossaries/{name}/entries")
    assert entries.body == b"dog\tHund\nbig  house\tVilla"
    assert served.ask(f"/v2/glossaries/{name}", b"", method="DELETE").status == 204
    assert served.ask(f"/v2/glossaries/{name}").status == 404
    assert served.ask("/v2/translate", asked).status == 404
    pairs = served.ask("/v2/glossary-language-pairs").value["supported_languages"]
    assert {"source_lang": "en", "target_lang": "de"} in pairs


def test_csv_and_what_is_no_glossary(serve: Serve) -> None:
    served = serve()
    csv = {"entries_format": "csv", "entries": 'dog,Hund\n"a, b","c ""d"""\ncat,Katze,en,de\n'}
    name = served.ask("/v2/glossaries", SENT | csv).value["glossary_id"]
    assert served.ask(f"/v2/glossaries/{name}/entries").body.decode() == 'dog\tHund\na, b\tc "d"\ncat\tKatze'
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"entries": "\n"}, "empty parameter 'entries'"),
        ({"entries": "dog"}, "entry 1 has 1 columns"),
        ({"entries": "dog\t"}, "empty or too long"),
        ({"entries": "dog\tHund\ndog\tKöter"}, "entry 2 has a term that another one has"),
        ({"entries": 'a,"b', "entries_format": "csv"}, "no CSV"),
        ({"entries_format": "tbx"}, "'entries_format' not supported"),
        ({"name": ""}, "'name' is empty"),
        ({"target_lang": "FR"}, "language pair"),
        ({"target_lang": "EN"}, "language pair"),
        ({"source_lang": "XX"}, "nothing here translates"),
    ]
    for more, why in wrong:
        answer = served.ask("/v2/glossaries", SENT | more)
        assert answer.status == 400, more
        assert why in answer.value["message"], answer
    assert len(served.ask("/v2/glossaries").value["glossaries"]) == 1


def test_a_method_that_is_not_taken_is_told_which_are(serve: Serve) -> None:
    answer = serve("en-de").ask("/v2/glossaries/x", b"")
    assert answer.status == 405
    assert answer.headers["allow"] == "DELETE, GET"
    assert answer.value == {"message": "POST is not taken here, but DELETE and GET; /docs says more"}


def test_of_one_key_nothing_is_told_to_another(serve: Serve, tmp_path: Path) -> None:
    keys = [{"authorization": f"DeepL-Auth-Key {add_key(name, tmp_path / 'keys.toml')}"} for name in ("a", "b")]
    served = serve("en-de", access=Access(tmp_path / "keys.toml"))
    name = served.ask("/v2/glossaries", SENT, keys[0]).value["glossary_id"]
    assert [served.ask(f"/v2/glossaries/{name}", headers=key).status for key in (*keys, {})] == [200, 404, 404]
    assert served.ask("/v2/glossaries", headers=keys[1]).value == {"glossaries": []}


def test_on_disk_they_stay(tmp_path: Path) -> None:
    kept = Glossaries(tmp_path / "terms")
    one = kept.add("me", "mine", ("en", "de"), [("dog", "Hund"), ("|*\\", "세계")])
    other = kept.add("me", "other", ("en", "de"), [("cat", "Katze")])
    kept.delete("me", other.id)
    (tmp_path / "terms/notes.json").write_text("of somebody else")
    again = Glossaries(tmp_path / "terms")
    assert again.of("me") == [one]
    assert [term.targets[0].text for term in again.get("me", one.id).glossary.terms] == ["Hund", "세계"]
    with pytest.raises(Missing):
        again.get("you", one.id)
    (tmp_path / f"terms/{one.id}.json").write_text('{"id": 1}')
    with pytest.raises(ConfigError, match="is no glossary"):
        Glossaries(tmp_path / "terms")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be kept in"):
        Glossaries(tmp_path / "file")
