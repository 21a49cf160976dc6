"""`mtkit translate` with documents: what is written, what is told, and what is refused before anything is."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from mtkit.cli.documents import BOTH, asked
from tests.system.test_guides import blocks, command, follow, using  # noqa: F401 - fixtures
from tests.system.toy import WORDS, failed, mtkit, ran

SENTENCE = "the small dog sees the red house"
EXPECTED = " ".join(WORDS[word] for word in SENTENCE.split())
CATALOGUE = f"""msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

#: a.c:1
msgid "{SENTENCE}"
msgstr ""

msgid "two cat"
msgstr "schon da"
"""


def test_a_catalogue_is_filled_and_told_of(trained: Path, tmp_path: Path) -> None:
    path, made, page = tmp_path / "a.po", tmp_path / "a.de.po", tmp_path / "review.html"
    path.write_text(CATALOGUE)
    arguments = (str(path), "-o", str(made), "--format", "jsonl", "--review", str(page))
    done = mtkit(trained, "translate", *arguments)
    told, counts = map(json.loads, ran(done).splitlines())
    filled = CATALOGUE.replace("#: a.c:1\n", "#: a.c:1\n#, fuzzy\n")
    assert made.read_text() == filled.replace('""\n\nmsgid "two', f'"{EXPECTED}"\n\nmsgid "two')
    assert (told["where"], told["translation"], told["written"]) == ("line 5", EXPECTED, True)
    assert counts == {"file": str(path), "output": str(made), "translated": 1, "kept": 1, "look": 0}
    assert done.stderr.splitlines()[-1] == f"{path}: segments translated: 1, kept as they were: 1, to be looked at: 0"
    assert "<title>To be looked at: 0 segments</title>" in page.read_text()
    assert mtkit(trained, "translate", str(made), "-o", str(path), "-q").stderr == ""
    assert path.read_bytes() == made.read_bytes()


def test_several_documents_go_into_a_folder(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(f"{SENTENCE}\n")
    (tmp_path / "b.json").write_text(json.dumps({"a": "two cat", "b": SENTENCE}))
    names = [str(tmp_path / name) for name in ("a.tsv", "b.json")]
    ran(mtkit(trained, "translate", *names, "-o", str(tmp_path / "out"), "--workers", "2"))
    assert (tmp_path / "out/a.tsv").read_text() == f"{SENTENCE}\t{EXPECTED}\n"
    assert json.loads((tmp_path / "out/b.json").read_text()) == {"a": "zwei Katze", "b": EXPECTED}
    text = ran(mtkit(trained, "translate", "--as", "text", stdin=f"  * {SENTENCE}\n\ttwo cat\n"))
    assert text == f"  * {EXPECTED}\n\tzwei Katze\n"


def test_what_cannot_be_done_is_refused_and_nothing_is_written(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"a": "b",\n}')
    (tmp_path / "a.po").write_text(CATALOGUE)
    before = sorted(tmp_path.iterdir())
    bad, good, out = (str(tmp_path / name) for name in ("bad.json", "a.po", "out.po"))
    failed(mtkit(trained, "translate", bad, "-o", out), "bad.json, line 2: ", "expected JSON")
    failed(mtkit(trained, "translate", good, "-o", good), "a.po is read by this command")
    failed(mtkit(trained, "translate", str(tmp_path / "none.po")), "none.po does not exist")
    failed(mtkit(trained, "translate", good, "-o", out, "--review", out), "no place for the page of --review")
    assert sorted(tmp_path.iterdir()) == before


def test_options_that_do_not_go_together_are_refused_by_name(tmp_path: Path) -> None:
    good, text = tmp_path / "a.po", tmp_path / "a.txt"
    for path in (good, text):
        path.write_text(CATALOGUE)
    usual: dict[str, Any] = {"kind": None, "everything": False, "columns": BOTH, "marked": "all", "review": None}
    usual |= {"files": [good], "output": None, "others": {}}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"kind": "pox"}, "--as pox: no such format, did you mean 'po'"),
        ({"others": {"--n-best": True}}, "--n-best is for lines of text, and this is po"),
        ({"columns": "1"}, "--columns has an effect with columns only"),
        ({"columns": "2:1,3:1", "kind": "tsv"}, "two translations would stand in column 1"),
        ({"columns": "a", "kind": "tsv"}, "--columns is N or N:M"),
        ({"marked": "some"}, "--mark is all, doubtful or none"),
        ({"kind": "lines", "everything": True}, "--all has an effect with documents only"),
        ({"files": [good, text]}, "a.txt is lines, other FILES are documents"),
        ({"files": [good, good]}, "name a folder for the results"),
    ]
    for given, said in wrong:
        with pytest.raises(typer.BadParameter, match=said):
            asked(**usual | given)
    assert asked(**usual | {"files": [text]}) is None
    found = asked(**usual | {"kind": "tsv", "columns": "2:4,3"})
    assert found
    assert (found.columns, found.targets) == (((2, 4), (3, 3)), [None])


@pytest.mark.system
def test_the_page_on_documents(using: Path, command: Path, tmp_path: Path) -> None:  # noqa: F811
    (using / "messages.po").write_text(CATALOGUE)
    (using / "site").mkdir()
    for name in ("index.html", "about.html"):
        (using / "site" / name).write_text("<p>the <b>red</b> dog</p>")
    (using / "terms.tsv").write_text("7\tthe dog\t\n")
    (using / "letter.txt").write_text(f"{SENTENCE}\n")
    follow("documents.md", using, command)
    assert (using / "messages.de.po").read_text().count('msgstr ""') == 0
    assert sorted(path.name for path in (using / "site.de").iterdir()) == ["about.html", "index.html"]
    assert (using / "review.html").exists()
    assert blocks("documents.md", "sh")
