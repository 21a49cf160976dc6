"""HTML, and files: translated in their places, kept for an hour, and given to nobody else."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from mtkit.server import stored as under_test
from mtkit.server.batcher import Full
from mtkit.server.stored import Stored, bare
from tests.server.asking import Answer, Served, ask

Serve = Callable[..., Served]
PARTS = {"content-type": "multipart/form-data; boundary=x"}


def sent(name: str, data: bytes, **fields: str) -> bytes:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return "".join([*parts, head]).encode() + data + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one</p><p>two &amp; three</p>", "<p>de:one</p><p>de:two &amp; three</p>"),
        ('<p title="word">one</p>', '<p title="de:word">de:one</p>'),
        (
            "<ul><li>one<li>two</ul><script>var a = 1 < 2;</script>",
            "<ul><li>de:one<li>de:two</ul><script>var a = 1 < 2;</script>",
        ),
        ("no tag & nothing", "de:no tag & nothing"),
        ('<meta charset="latin-1"><p>Käse 세계</p>', '<meta charset="latin-1"><p>de:Käse 세계</p>'),
        ("", ""),
        ("<br>", "<br>"),
    ],
)
def test_html_keeps_its_tags(serve: Serve, html: str, expected: str) -> None:
    served = serve("en-de")
    assert served.translate(html, format="html").value == {"translatedText": expected}
    several = served.translate([html, "<b>x</b>"], format="html", alternatives=1).value
    assert several["translatedText"] == [expected, "<b>de:x</b>"]
    assert several["alternatives"][1] == ["<b>de:x 1</b>"]


def test_what_is_no_html(serve: Serve) -> None:
    answer = serve("en-de").translate("a\0b", format="html")
    assert answer.status == 400
    assert "NUL" in answer.value["error"]


def test_tags_within_a_sentence_are_whole(serve: Serve) -> None:
    served = serve("en-de")
    made = served.translate('<p>see <a href="/x">the dog</a> run</p>', format="html").value["translatedText"]
    assert made == '<p>de:see <a href="/x">the dog</a> run</p>'
    assert served.stubs["en-de"].windows[-1] == ["see <1>the dog</1> run"]


def test_tags_as_deepl_has_them(serve: Serve) -> None:
    served = serve("en-de")

    def made(text: str, **more: Any) -> str:
        told = {"text": [text], "source_lang": "EN", "target_lang": "DE"} | more
        return str(served.ask("/v2/translate", told).value["translations"][0]["text"])

    # As Weblate asks: what is no text stands in tags of its own, amid a sentence.
    text = 'Hello, <x id="7"></x>!'
    assert made(text, tag_handling="xml", ignore_tags=["x"]) == f"de:{text}"
    assert made("<p>a</p><par>b</par>", tag_handling="html", ignore_tags="par,other") == "<p>de:a</p><par>b</par>"
    assert served.ask("/v2/translate", {"text": "x", "target_lang": "DE", "ignore_tags": 5}).status == 400


def test_a_file_is_translated_and_fetched(serve: Serve) -> None:
    served = serve()
    body = sent("../../messages.JSON", json.dumps({"a": "one", "n": 1}).encode(), source="en", target="fr")

    async def both() -> tuple[Answer, Answer]:
        made = await ask(served.app, "/translate_file", [body], PARTS)
        path = made.value["translatedFileUrl"].removeprefix("http://test")
        return made, await ask(served.app, path, method="GET")

    made, fetched = asyncio.run(both())
    assert made.value["translatedFileUrl"].endswith(".messages_fr.JSON")
    assert ".." not in made.value["translatedFileUrl"]
    assert json.loads(fetched.body) == {"a": "fr:de:one", "n": 1}
    assert fetched.headers["content-disposition"] == 'attachment; filename="messages_fr.JSON"'
    settings = served.ask("/frontend/settings").value
    assert settings["filesTranslation"] is True
    assert {".txt", ".html", ".po", ".docx"} <= set(settings["supportedFilesFormat"])


def test_the_language_of_a_file_is_that_of_its_text(serve: Serve) -> None:
    served = serve()
    text = json.dumps({"das_ist_nur_der_schlüssel": "안녕하세요, 세계"}, ensure_ascii=False).encode()

    async def both() -> Answer:
        made = await ask(served.app, "/translate_file", [sent("a.json", text, source="auto", target="en")], PARTS)
        return await ask(served.app, made.value["translatedFileUrl"].removeprefix("http://test"), method="GET")

    assert json.loads(asyncio.run(both()).body) == {"das_ist_nur_der_schlüssel": "en:안녕하세요, 세계"}


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.exe", b"x", "files that end in '.exe' are not supported"),
        ("a", b"x", "files that end in '' are not supported"),
        ("a.json", b"{bad", "a.json"),
        ("a.txt", b"\xff\xfe\xfd", "a.txt"),
        ("a.docx", b"PK no archive", "a.docx"),
        ("", b"x", "missing file parameter"),
    ],
)
def test_files_that_cannot_be_taken(serve: Serve, name: str, data: bytes, why: str) -> None:
    served = serve("en-de")
    answer = served.ask("/translate_file", sent(name, data, source="en", target="de"), PARTS)
    assert answer.status == 400, answer
    assert why in answer.value["error"]
    assert served.ask("/download_file/nothing").status == 404
    assert served.ask("/download_file/..%2f..%2fetc%2fpasswd").status == 404


def test_a_document_as_deepl_has_it(serve: Serve) -> None:
    served = serve("en-de")
    body = sent("a.txt", b"one.", target_lang="DE", source_lang="EN")
    bad = sent("a.json", b"{", target_lang="DE", source_lang="EN")

    async def asked() -> dict[str, Any]:
        async def told(path: str, key: str) -> Answer:
            return await ask(served.app, path, [json.dumps({"document_key": key}).encode()], {})

        async def ended(document: dict[str, str]) -> dict[str, Any]:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                state: dict[str, Any] = (
                    await told(f"/v2/document/{document['document_id']}", document["document_key"])
                ).value
                if state["status"] != "translating":
                    return state
                await asyncio.sleep(0.005)
            raise AssertionError

        one, other = [(await ask(served.app, "/v2/document", [each], PARTS)).value for each in (body, bad)]
        path = f"/v2/document/{one['document_id']}"
        return {
            "one": await ended(one),
            "other": await ended(other),
            "result": await told(f"{path}/result", one["document_key"]),
            "none": await told(f"/v2/document/{other['document_id']}/result", other["document_key"]),
            "stranger": [(await told(where, other["document_key"])).status for where in (path, f"{path}/result")],
        }

    made = asyncio.run(asked())
    assert made["one"]["status"] == "done"
    assert made["one"]["billed_characters"] == 4
    assert made["result"].body == b"de:one."
    assert made["other"]["status"] == "error"
    assert "a.json" in made["other"]["error_message"]
    assert made["none"].status == 503
    assert made["stranger"] == [404, 404]


def test_files_go_after_their_time_and_are_not_too_many() -> None:
    async def some() -> None:
        kept = Stored(seconds=0.02, most=10)
        name = kept.keep("a.txt", b"123456")
        path = kept.path(name)
        assert path is not None
        assert path.read_bytes() == b"123456"
        with pytest.raises(Full, match="too many translated files"):
            kept.keep("b.txt", b"123456")
        await asyncio.sleep(0.05)
        assert kept.path(name) is None
        assert not path.exists()
        path = kept.path(kept.keep("b.txt", b"1234567890"))
        kept.close()
        assert path is not None
        assert not path.parent.exists()

    asyncio.run(some())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\a b\\..\\c d.txt", "c_d.txt"),
        ("..", "file"),
        ("", "file"),
        ("a\r\nb.txt", "a_b.txt"),
        ("x" * 300 + ".txt", "x" * (under_test.LONGEST - 4) + ".txt"),
        ("세계.txt", "세계.txt"),
    ],
)
def test_names_have_no_folders(name: str, expected: str) -> None:
    assert bare(name) == expected
