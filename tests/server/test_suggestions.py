"""Suggestions in a database, SQLite and PostgreSQL: what was accepted is there, whatever happens then."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mtkit.errors import ConfigError, DataError
from mtkit.jobs.adapting import suggested
from mtkit.server.suggestions import Suggestion, Suggestions
from tests.server.asking import Served
from tests.server.postgres import Postgres, programs

WRITING = """
import sys
from mtkit.server.suggestions import Suggestion, Suggestions
kept = Suggestions(sys.argv[1])
for number in range(100_000):
    kept.add(Suggestion("en", "de", f"source {number}", f"Quelle {number}"))
    print(number, flush=True)
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if (folder := programs()) is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("pg8000", reason="pg8000 is not installed: pip install 'mtkit[postgresql]'")
    made = Postgres(folder)
    try:
        made.begin()
        yield made
    finally:
        made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is not there yet, or has nothing in it."""
    if request.param == "sqlite":
        return str(tmp_path / "kept.db")
    return str(request.getfixturevalue("postgres").database())


def test_the_newest_of_each_source_counts(where: str) -> None:
    kept = Suggestions(where)
    for source, better in (("a", "A"), ("b", "B"), ("a", "Ä"), ("c\n'; drop", "C\t🙂")):
        kept.add(Suggestion("en", "de", source, better, "someone", "model"))
    kept.add(Suggestion("en", "fr", "a", "F"))
    assert list(kept.pairs("en", "de")) == [("b", "B"), ("a", "Ä"), ("c\n'; drop", "C\t🙂")]
    assert list(kept.pairs("de", "en")) == []
    kept.close()
    again = Suggestions(where)
    assert list(again.pairs("en", "fr")) == [("a", "F")]
    again.close()


def test_all_that_was_acknowledged_is_there_after_a_kill(where: str) -> None:
    writing = subprocess.Popen([sys.executable, "-c", WRITING, where], stdout=subprocess.PIPE)
    assert writing.stdout is not None
    said = [writing.stdout.readline() for _ in range(25)]
    writing.kill()
    said += writing.stdout.read().splitlines()  # what had been acknowledged meanwhile
    writing.stdout.close()
    writing.wait()
    there(where, int(said[-1]))


def there(where: str, last: int) -> None:
    """All up to the last one that was acknowledged, and at most one more."""
    kept = Suggestions(where)
    found = list(kept.pairs("en", "de"))
    kept.close()
    assert last >= 24
    assert found[: last + 1] == [(f"source {number}", f"Quelle {number}") for number in range(last + 1)]
    assert len(found) <= last + 2


@pytest.mark.system
def test_all_that_was_acknowledged_is_there_after_a_kill_of_the_database(postgres: Postgres) -> None:
    where = postgres.database()
    writing = subprocess.Popen(
        [sys.executable, "-c", WRITING, where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writing.stdout is not None
    assert writing.stderr is not None
    with writing:
        said = [writing.stdout.readline() for _ in range(25)]
        postgres.kill()
        said += writing.stdout.read().splitlines()
        assert "the suggestion could not be kept" in writing.stderr.read().splitlines()[-1]
    postgres.begin()
    there(where, int(said[-1]))


@pytest.mark.system
def test_a_database_that_comes_back_is_written_to_again(postgres: Postgres) -> None:
    kept = Suggestions(postgres.database())
    for number in range(3):
        kept.add(Suggestion("en", "de", f"{number}", "x"))
        postgres.kill()
        if number:  # the first time nobody has noticed
            with pytest.raises(DataError, match="could not be kept"):
                kept.add(Suggestion("en", "de", "lost", "x"))
        postgres.begin()
    assert len(list(kept.pairs("en", "de"))) == 3
    kept.close()


def test_threads_share_it(where: str) -> None:
    kept = Suggestions(where)

    def add(name: str) -> None:
        for number in range(5):
            kept.add(Suggestion("en", "de", f"{name} {number}", "x"))

    threads = [threading.Thread(target=add, args=(f"t{number}",)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(list(kept.pairs("en", "de"))) == 30
    kept.close()


def test_what_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database" * 100)
    for where in (
        tmp_path / "text",
        tmp_path / "no/folder.db",
        "nonsense://x",
        "postgresql+psycopg2nothing://a:secret@h/d",
    ):
        with pytest.raises(ConfigError, match="suggestions cannot be kept in") as error:
            Suggestions(where)
        assert "secret" not in str(error.value)
        assert "\n" not in str(error.value)


def test_they_become_a_text_to_adapt_to(
    bundles: dict[str, Path], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = Suggestions(where)
    for source, better in (("a", "A"), ("one\n\ntwo\tb", "eins\nzwei"), ("c\nd", "C D"), ("a", "Ä")):
        kept.add(Suggestion("en", "de", source, better))
    kept.close()
    path, pairs = suggested.write(where, bundles["en-de"])
    assert (path, pairs) == (Path("suggestions.en-de.tsv"), 4)
    assert path.read_text() == "one\teins\ntwo b\tzwei\nc d\tC D\na\tÄ\n"
    with pytest.raises(DataError, match="no suggestions from de to fr"):
        suggested.write(where, bundles["de-fr"])
    with pytest.raises(ConfigError, match=r"none\.db does not exist"):
        suggested.write("none.db", bundles["en-de"])
    assert not Path("none.db").exists()


def test_over_http(serve: Callable[..., Served], where: str) -> None:
    kept = Suggestions(where)
    served = serve(suggestions=kept)
    asked = {"q": "A dog.", "s": "Ein Hund.", "source": "en", "target": "de"}
    assert served.ask("/suggest", asked).value == {"success": True}
    found = served.ask("/suggest", asked | {"q": "안녕하세요", "s": "Hello", "source": "auto", "target": "en"})
    assert found.value == {"success": True}
    assert list(kept.pairs("en", "de")) == [("A dog.", "Ein Hund.")]
    assert list(kept.pairs("ko", "en")) == [("안녕하세요", "Hello")]
    assert served.ask("/frontend/settings").value["suggestions"] is True
    for wrong, why in (({"s": " "}, "empty"), ({"s": None}, "missing s"), ({"source": "xx"}, "xx is not supported")):
        answer = served.ask("/suggest", asked | wrong)
        assert answer.status == 400
        assert why in answer.value["error"]
    kept.close()


def test_where_it_is_switched_on_they_answer_at_once(serve: Callable[..., Served], where: str) -> None:
    kept = Suggestions(where)
    kept.add(Suggestion("en", "de", "A dog.\nA cat.", "Ein Hund.\nEine Katze."))
    served = serve(suggestions=kept, remembers=True)
    assert served.translate(" A  cat.\nA cow.").value["translatedText"] == " Eine Katze.\nde:A cow."
    asked = {"q": "A cow.", "s": "Eine Kuh.", "source": "en", "target": "de"}
    assert served.ask("/suggest", asked).status == 200
    assert served.translate(["A cow.", "A dog."]).value["translatedText"] == ["Eine Kuh.", "Ein Hund."]
    assert served.stubs["en-de"].windows == [["A cow."]]
    # Languages apart, and not where terms are wanted.
    assert served.ask("/translate", asked | {"source": "ko"}).value["translatedText"] == "de:en:A cow."
    assert serve(suggestions=kept).translate("A cow.").value["translatedText"] == "de:A cow."
    kept.close()


def test_what_could_not_be_kept_is_not_acknowledged(serve: Callable[..., Served], where: str) -> None:
    kept = Suggestions(where)
    served = serve("en-de", suggestions=kept)
    with kept._engine.begin() as connection:
        connection.exec_driver_sql("drop table suggestions")
    answer = served.ask("/suggest", {"q": "A dog.", "s": "Ein Hund.", "source": "en", "target": "de"})
    assert answer.status == 500
    with pytest.raises(DataError, match="could not be kept: .*suggestions"):
        kept.add(Suggestion("en", "de", "a", "b"))
    kept.close()
