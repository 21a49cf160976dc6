"""DeepL's interface: its addresses, forms, answers, errors and codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtkit.server.access import Access, Limits, add_key
from tests.server.asking import Served, encoded

Serve = Callable[..., Served]
KEY = {"authorization": "DeepL-Auth-Key any:fx"}


@pytest.mark.parametrize("form", ["json", "form", "parts"])
def test_each_form_of_body(serve: Serve, form: str) -> None:
    body, headers = encoded({"text": ["a dog", "two"], "target_lang": "DE", "source_lang": "EN"}, form)
    made = serve("en-de").ask("/v2/translate", body, headers | KEY)
    assert made.status == 200
    assert made.value == {
        "translations": [
            {"detected_source_language": "EN", "text": "de:a dog"},
            {"detected_source_language": "EN", "text": "de:two"},
        ]
    }


def test_the_language_is_found_and_characters_are_counted(serve: Serve) -> None:
    served = serve()
    told = {"text": "안녕하세요", "target_lang": "EN-US", "show_billed_characters": True, "context": "a greeting"}
    (one,) = served.ask("/v2/translate", told).value["translations"]
    assert one == {"detected_source_language": "KO", "text": "en:안녕하세요", "billed_characters": 5}
    usage = served.ask("/v2/usage").value
    assert usage["character_count"] == 5
    assert usage["character_limit"] > 10**9


def test_languages(serve: Serve) -> None:
    served = serve()
    sources = served.ask("/v2/languages?type=source").value
    assert [one["language"] for one in sources] == ["DE", "EN", "KO"]
    assert served.ask("/v2/languages").value == sources
    targets = served.ask("/v2/languages?type=target").value
    assert [one["language"] for one in targets] == ["DE", "EN-GB", "EN-US", "FR"]
    assert targets[0] == {"language": "DE", "name": "German", "supports_formality": False}


@pytest.mark.parametrize(
    ("more", "status", "why"),
    [
        ({"text": None}, 400, "missing text"),
        ({"target_lang": "XX"}, 400, "Value for 'target_lang' not supported."),
        ({"source_lang": "XX"}, 400, "Value for 'source_lang' not supported."),
        ({"tag_handling": "pdf"}, 400, "Value for 'tag_handling' not supported."),
        ({"text": ["x"] * 51}, 400, "51 texts, at most 50"),
        ({"text": ["x" * 30]}, 413, "30 characters, at most 20"),
        ({"glossary_id": "none"}, 404, "no such glossary"),
        ({"glossary_id": 0}, 400, "glossary_id parameter is not a string"),
        ({"show_billed_characters": 0}, 400, "Value for 'show_billed_characters' not supported"),
        ({"show_billed_characters": "yes"}, 400, "Value for 'show_billed_characters' not supported"),
    ],
)
def test_what_is_wrong_is_a_message(serve: Serve, more: dict[str, Any], status: int, why: str) -> None:
    served = serve("en-de", access=Access(limits=Limits(characters=20)))
    answer = served.ask("/v2/translate", {"text": ["x"], "target_lang": "DE"} | more)
    assert answer.status == status
    assert list(answer.value) == ["message"]
    assert why in answer.value["message"]


def test_keys_by_header_and_by_field(serve: Serve, tmp_path: Path) -> None:
    key = add_key("omegat", tmp_path / "keys.toml")
    served = serve("en-de", access=Access(tmp_path / "keys.toml", required=True))
    told = {"text": ["x"], "target_lang": "DE", "source_lang": "EN"}
    assert served.ask("/v2/translate", told).status == 403
    assert served.ask("/v2/translate", told, KEY).status == 403
    assert served.ask("/v2/translate", told, {"authorization": f"DeepL-Auth-Key {key}"}).status == 200
    assert served.ask("/v2/translate", told | {"auth_key": key}).status == 200
    # What one key has used is not told to another.
    other = add_key("other", tmp_path / "keys.toml")
    served = serve("en-de", access=Access(tmp_path / "keys.toml", required=True))
    served.ask("/v2/translate", told, {"authorization": f"DeepL-Auth-Key {key}"})
    used = [
        served.ask("/v2/usage", headers={"authorization": f"DeepL-Auth-Key {one}"}).value["character_count"]
        for one in (key, other)
    ]
    assert used == [1, 0]
