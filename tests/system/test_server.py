"""A server as clients meet it: those that people use, what they send, those that vanish, and its end under load."""

import contextlib
import http.client
import importlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtkit.server.suggestions import Suggestions
from mtkit.translator.translator import Translator
from tests.system.serving import Serving
from tests.translator.small import LINES, written

pytestmark = pytest.mark.system
TEXTS = [line for line in LINES if line]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root, pairs = tmp_path_factory.mktemp("served"), [("en", "de"), ("de", "en")]
    return [written(root / "-".join(pair), seed, languages=pair) for seed, pair in enumerate(pairs)]


@pytest.fixture(scope="module")
def server(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("server"), models, "--suggestions", "kept.db")
    yield made
    code, said = made.end()
    assert (code, said) == (0, "")


@pytest.fixture(scope="module")
def expected(models: list[Path]) -> dict[str, str]:
    return {
        text: one.text for text, one in zip(TEXTS, Translator.load(models[0]).translate(TEXTS, guard=True), strict=True)
    }


def client(name: str) -> Any:
    """A package that talks to servers, as it is."""
    return pytest.importorskip(name, reason=f"{name} is not installed: make system installs it")


def test_libretranslatepy(server: Serving, expected: dict[str, str]) -> None:
    api = client("libretranslatepy").LibreTranslateAPI(server.url)
    for text, translation in expected.items():
        assert api.translate(text, "en", "de") == translation
    assert {one["language"] for one in api.detect("Das Haus ist sehr groß.")} <= {"de", "en"}
    assert [one["code"] for one in api.languages()] == ["de", "en"]


def test_deep_translator(server: Serving, expected: dict[str, str]) -> None:
    client("deep_translator")
    libre = importlib.import_module("deep_translator").LibreTranslator
    made = libre(source="en", target="de", custom_url=f"{server.url}/", api_key="none is needed")
    assert made.translate_batch(TEXTS) == list(expected.values())


def test_deepl(server: Serving, expected: dict[str, str], tmp_path: Path) -> None:
    made = client("deepl").Translator("any:fx", server_url=server.url)
    found = made.translate_text(TEXTS, source_lang="EN", target_lang="DE")
    assert [one.text for one in found] == list(expected.values())
    assert made.translate_text("Das Haus ist sehr groß.", target_lang="EN-US").detected_source_lang == "DE"
    assert {one.code for one in made.get_target_languages()} == {"DE", "EN-GB", "EN-US"}
    assert made.get_usage().character.count > 0
    (tmp_path / "a.json").write_text(json.dumps({"name": TEXTS[0]}))
    made.translate_document_from_filepath(tmp_path / "a.json", tmp_path / "b.json", target_lang="DE", source_lang="EN")
    assert json.loads((tmp_path / "b.json").read_text()) == {"name": expected[TEXTS[0]]}
    with pytest.raises(importlib.import_module("deepl").exceptions.DeepLException, match="not supported"):
        made.translate_text("x", target_lang="XX")


def test_npm_translate(server: Serving, expected: dict[str, str]) -> None:
    node, there = shutil.which("node"), Path(sys.prefix) / "npm"
    if not node or not (there / "node_modules/translate").is_dir():
        pytest.skip("node or its package translate is not installed: apt-get install npm, then make system")
    code = f"""
import translate from "translate";
translate.engine = "libre";
translate.url = "{server.url}/translate";
const made = [];
for (const text of {json.dumps(TEXTS)}) made.push(await translate(text, {{ from: "en", to: "de" }}));
console.log(JSON.stringify(made));
"""
    command = [node, "--input-type=module", "-e", code]
    done = subprocess.run(command, cwd=there, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == list(expected.values())


def test_what_weblate_mastodon_and_discourse_send(server: Serving, expected: dict[str, str]) -> None:
    # Weblate: JSON, with what is no text as [X7X].
    asked: dict[str, Any] = {"api_key": "", "q": "[X7X] the house", "source": "en", "target": "de"}
    assert "[X7X]" in server.ask("/translate", asked, JSON)["translatedText"]
    # Mastodon: a list of parts of a post in HTML, languages before.
    languages = {one["code"]: one["targets"] for one in server.ask("/languages")}
    assert "de" in languages["en"]
    texts = [f"<p>{text}</p>" for text in TEXTS] * 4
    asked = {"q": texts, "source": "auto", "target": "de", "format": "html", "api_key": ""}
    made = server.ask("/translate", asked | {"source": "en"}, JSON)["translatedText"]
    assert made == [f"<p>{translation}</p>" for translation in expected.values()] * 4
    assert len(server.ask("/translate", asked, JSON)["detectedLanguage"]) == len(texts)
    # Discourse: forms.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.ask("/detect", b"q=Das+Haus+ist+sehr+gro%C3%9F.", form)[0]["language"] == "de"
    body = f"q={TEXTS[1].replace(' ', '+')}&source=en&target=de&format=html".encode()
    assert server.ask("/translate", body, form)["translatedText"] == expected[TEXTS[1]]


def test_suggestions_are_kept(server: Serving) -> None:
    asked = {"q": "the house", "s": "das Haus", "source": "en", "target": "de"}
    assert server.ask("/suggest", asked, JSON) == {"success": True}
    kept = Suggestions(next(Path(f"/proc/{server.process.pid}/cwd").resolve().glob("*.db")))
    assert list(kept.pairs("en", "de")) == [("the house", "das Haus")]
    kept.close()


def test_clients_that_vanish_and_what_is_no_http(server: Serving, expected: dict[str, str]) -> None:
    body = json.dumps({"q": "\n".join(TEXTS * 40), "source": "en", "target": "de"}).encode()
    head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    odd = [b"\x16\x03\x01\x02\0\1\0", b"\0" * 9999, b"GET / HTTP/9\r\n\r\n"]
    for sent in (b"", head[:20], head, head + body[:30], head + body, *odd):
        for _ in range(5):
            with socket.create_connection((server.host, server.port)) as end, contextlib.suppress(OSError):
                end.sendall(sent)
    large = b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: 12000000\r\n\r\n"
    with socket.create_connection((server.host, server.port)) as end:
        end.sendall(large)
        assert end.makefile("rb").readline().startswith(b"HTTP/1.1 413")
    asked = {"q": TEXTS[0], "source": "en", "target": "de"}
    assert server.ask("/translate", asked)["translatedText"] == expected[TEXTS[0]]
    end_of_waiting = time.monotonic() + 20
    while "mtkit_lines_waiting 0.0" not in metrics(server):
        assert time.monotonic() < end_of_waiting
        time.sleep(0.05)


def metrics(server: Serving) -> str:
    connection = server.connection()
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_sigterm_under_load(models: list[Path], expected: dict[str, str], tmp_path: Path) -> None:
    server = Serving(tmp_path, models)
    server.ask("/translate", {"q": TEXTS[0], "source": "en", "target": "de"})
    answered, wrong, refused = [0] * 16, list[str](), [0] * 16

    def ask(number: int) -> None:
        connection, place = server.connection(), number
        while True:
            place += 1
            text = TEXTS[place % len(TEXTS)]
            try:
                sent = json.dumps({"q": text, "source": "en", "target": "de"})
                connection.request("POST", "/translate", sent, JSON)
                answer = connection.getresponse()
                value = json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                refused[number] += 1
                return
            if answer.status == 200 and value == {"translatedText": expected[text]}:
                answered[number] += 1
            elif answer.status not in (429, 503):
                wrong.append(f"{answer.status} {text}: {value}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for one in threads:
        one.start()
    while sum(answered) < 100:
        time.sleep(0.01)
    code, said = server.end()
    for one in threads:
        one.join(60)
    assert wrong == []
    assert all(answered)
    assert (code, said) == (0, "")


def test_wrong_usage_and_an_address_in_use(models: list[Path], server: Serving, tmp_path: Path) -> None:
    from tests.system.toy import failed, mtkit, ran

    taken = mtkit(tmp_path, "serve", str(models[0]), "--port", str(server.port))
    failed(taken, f"cannot listen at 127.0.0.1, port {server.port}")
    failed(mtkit(tmp_path, "serve", str(tmp_path / "none")), "none")
    failed(mtkit(tmp_path, "serve", *map(str, [models[0], models[0]])), "both translate en to de")
    assert mtkit(tmp_path, "serve", str(models[0]), "--require-key").returncode == 2
    key = ran(mtkit(tmp_path, "serve", "--keys", "keys.toml", "--new-key", "me")).strip()
    assert len(key) == 32
    assert "[me]" in (tmp_path / "keys.toml").read_text()
