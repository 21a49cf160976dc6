"""LibreTranslate's interface: its addresses, forms, answers, errors and codes."""

from collections.abc import Callable
from typing import Any

import pytest

from mtkit.server.access import Access, Limits
from tests.server.asking import FORM, JSON, Served, encoded

Serve = Callable[..., Served]
ASKED = {"q": "a dog", "source": "en", "target": "de"}


@pytest.mark.parametrize("form", ["json", "form", "parts"])
def test_each_form_of_body(serve: Serve, form: str) -> None:
    served = serve("en-de")
    assert served.ask("/translate", *encoded(ASKED, form)).value == {"translatedText": "de:a dog"}
    several = served.ask("/translate", *encoded(ASKED | {"q": ["a dog", "Grüße, 세계"]}, form))
    assert several.status == 200
    assert several.value == {"translatedText": ["de:a dog", "de:Grüße, 세계"]}
    assert several.headers["content-type"] == "application/json"


def test_the_address_and_json_without_its_type(serve: Serve) -> None:
    served = serve("en-de")
    assert served.ask("/translate?q=a+dog&source=en&target=de", b"").value == {"translatedText": "de:a dog"}
    untyped = b'{"q": "a dog", "source": "en", "target": "de"}'
    assert served.ask("/translate", untyped).value == {"translatedText": "de:a dog"}
    # What the body says comes before what the address says.
    assert served.ask("/translate?q=two&target=de", {"q": "one", "source": "en"}).value == {"translatedText": "de:one"}
    unescaped = "q=Käse%20und&source=en&target=de".encode()
    assert served.ask("/translate", unescaped, FORM).value == {"translatedText": "de:Käse und"}


def test_lines_and_what_is_between_them(serve: Serve) -> None:
    served = serve("en-de")
    text = "\n one\r\n\r\n \ntwo\rthree\n"
    assert served.translate(text).value["translatedText"] == "\nde: one\r\n\r\n \nde:two\rde:three\n"
    assert served.translate("").value == {"translatedText": ""}
    assert served.translate([]).value == {"translatedText": []}
    assert served.translate(["", " "]).value == {"translatedText": ["", " "]}


def test_alternatives_and_languages_that_are_found(serve: Serve) -> None:
    served = serve()
    made = served.translate(["one", "two\nthree"], alternatives=2).value
    assert made["alternatives"] == [["de:one 1", "de:one 2"], ["de:two 1\nde:three 1", "de:two 2\nde:three 2"]]
    decode, request = served.stubs["en-de"].asked[0]
    assert decode is None
    assert request.n_best == 3
    assert served.translate("one", alternatives="9").status == 200  # as forms say numbers
    decode, request = served.stubs["en-de"].asked[-1]
    assert decode is not None
    assert decode.beam_size == request.n_best == 10
    found = served.translate(
        ["The house is red and big.", "안녕하세요, 세계", "Das Haus ist groß."], source="auto"
    ).value
    assert [one["language"] for one in found["detectedLanguage"]] == ["en", "ko", "de"]
    assert all(50 < one["confidence"] <= 100 for one in found["detectedLanguage"])
    # By two models; what is in the language already stays.
    assert found["translatedText"] == [
        "de:The house is red and big.",
        "de:en:안녕하세요, 세계",
        "Das Haus ist groß.",
    ]
    assert served.ask("/detect", {"q": "안녕하세요"}).value[0]["language"] == "ko"
    assert served.ask("/detect", b"q=Das+ist+ein+Haus.", FORM).value[0]["language"] == "de"
    assert served.ask("/detect", {"q": " "}).value == []
    assert served.ask("/detect", {"q": []}).value == []


def test_languages_settings_and_health(serve: Serve) -> None:
    served = serve()
    languages = served.ask("/languages").value
    # From English to French over German; three steps are too many.
    assert languages == [
        {"code": "de", "name": "German", "targets": ["fr"]},
        {"code": "en", "name": "English", "targets": ["de", "fr"]},
        {"code": "ko", "name": "Korean", "targets": ["de", "en"]},
    ]
    settings = served.ask("/frontend/settings").value
    assert settings["charLimit"] == -1
    assert settings["suggestions"] is settings["apiKeys"] is settings["keyRequired"] is False
    assert served.ask("/health").value == {"status": "ok"}
    assert served.ask("/translate", ASKED | {"target": "fr"}).value == {"translatedText": "fr:de:a dog"}


WRONG: list[tuple[str, Any, int, str]] = [
    ("/translate", {"source": "en", "target": "de"}, 400, "Invalid request: missing q parameter"),
    ("/translate", {"q": "x", "target": "de"}, 400, "Invalid request: missing source parameter"),
    ("/translate", {"q": "x", "source": "en"}, 400, "Invalid request: missing target parameter"),
    ("/translate", ASKED | {"source": "xx"}, 400, "xx is not supported"),
    ("/translate", ASKED | {"target": "auto"}, 400, "auto is not supported"),
    ("/translate", ASKED | {"source": "fr", "target": "en"}, 400, "nothing here translates fr to en"),
    ("/translate", ASKED | {"format": "pdf"}, 400, "pdf format is not supported"),
    ("/translate", ASKED | {"alternatives": -1}, 400, "alternatives"),
    ("/translate", ASKED | {"alternatives": 21}, 400, "a number from 0 to 20"),
    ("/translate", ASKED | {"alternatives": True}, 400, "alternatives"),
    ("/translate", ASKED | {"alternatives": "many"}, 400, "alternatives"),
    ("/translate", ASKED | {"q": 7}, 400, "neither a string nor a list of strings"),
    ("/translate", ASKED | {"q": ["one", None]}, 400, "neither a string nor a list of strings"),
    ("/translate", ASKED | {"q": {"a": 1}}, 400, "neither a string nor a list of strings"),
    ("/translate", ASKED | {"source": ["en"]}, 400, "source parameter is not a string"),
    ("/translate", ASKED | {"q": "half \ud83d"}, 400, "lone surrogate"),
    ("/translate", ASKED | {"q": "x", "api_key": 5}, 400, "api_key parameter is not a string"),
    ("/translate", [ASKED], 400, "no JSON object"),
    ("/translate", b"", 400, "missing q"),
    ("/translate", b"{bad", 400, "no JSON"),
    ("/translate", b'{"q": "\xff"}', 400, "no JSON"),
    ("/translate", b"[" * 100_000, 400, "no JSON"),
    ("/translate", b'{"q": ' + b"9" * 5000 + b"}", 400, "no JSON"),
    ("/detect", {}, 400, "missing q parameter"),
    ("/suggest", ASKED | {"s": "ein Hund"}, 403, "disabled"),
    ("/nothing", None, 404, "/docs says what there is"),
    ("/translate", None, 405, "GET is not taken here, but POST"),
    ("/page/%2e%2e", None, 404, "no such page"),
]


def test_what_is_wrong_is_said_in_json(serve: Serve) -> None:
    served = serve()
    for path, body, status, why in WRONG:
        answer = served.ask(path, body, JSON if isinstance(body, bytes) else None)
        assert answer.status == status, (path, body, answer)
        assert list(answer.value) == ["error"]
        assert why in answer.value["error"], (path, body, answer)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"q=%FF&source=en&target=de", "the form is no UTF-8"),
        (b"q=\xff&source=en&target=de", "the form is no UTF-8"),
        (b"a=1&" * 10_001, "more than 10000 fields"),
    ],
)
def test_forms_that_are_none(serve: Serve, body: bytes, why: str) -> None:
    answer = serve("en-de").ask("/translate", body, FORM)
    assert answer.status == 400
    assert why in answer.value["error"]


def test_parts_that_are_none(serve: Serve) -> None:
    served = serve("en-de")
    for body, kind in ((b"no parts", "multipart/form-data"), (b"no parts", "multipart/form-data; boundary=x")):
        answer = served.ask("/translate", body, {"content-type": kind})
        assert answer.status == 400
        assert "error" in answer.value
    file = b'--x\r\nContent-Disposition: form-data; name="q"; filename="a.txt"\r\n\r\na dog\r\n--x--\r\n'
    answer = served.ask("/translate", file, {"content-type": "multipart/form-data; boundary=x"})
    assert "neither a string nor a list of strings" in answer.value["error"]


def test_a_limit_of_characters_and_keys(serve: Serve) -> None:
    served = serve("en-de", access=Access(limits=Limits(characters=5)))
    assert served.translate("12345").status == 200
    answer = served.translate(["123", "456"])
    assert answer.status == 400
    assert answer.value == {"error": "Invalid request: request (6) exceeds text limit (5)"}
    assert served.ask("/frontend/settings").value["charLimit"] == 5
    # Clients that cannot do without a key send any where there are none.
    assert served.translate("12345", api_key="any").status == 200


def test_a_rate_that_is_too_high_says_when_to_come_again(serve: Serve) -> None:
    served = serve("en-de", access=Access(limits=Limits(per_minute=2)))
    assert [served.translate("x").status for _ in range(3)] == [200, 200, 429]
    answer = served.translate("x")
    assert 25 <= int(answer.headers["Retry-After".lower()]) <= 30
    assert "too many requests" in answer.value["error"]
    # Others are others.
    assert served.ask("/translate", ASKED, client="192.0.2.2").status == 200


def test_an_error_of_a_model_is_told_without_what_it_was(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    answer = serve("en-de").translate("poison")
    assert answer.status == 500
    assert answer.value == {"error": "something went wrong here: the server's log says what"}
    assert "poisoned" in caplog.text
