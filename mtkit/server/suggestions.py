"""Better translations that people suggest, in a database: SQLite in a file, or what SQLAlchemy has a driver for.

What was accepted is on the disk. Must not know HTTP.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from mtkit.errors import ConfigError, DataError
from mtkit.text.languages import primary

WAIT = 30  # seconds for another one who writes
_TABLES = sql.MetaData()
_SUGGESTIONS = sql.Table(
    "suggestions",
    _TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("time", sql.DateTime(timezone=True), nullable=False),
    sql.Column("client", sql.Text, nullable=False),
    sql.Column("model", sql.Text, nullable=False),
    sql.Column("source_lang", sql.Text, nullable=False),
    sql.Column("target_lang", sql.Text, nullable=False),
    sql.Column("source", sql.Text, nullable=False),
    sql.Column("suggestion", sql.Text, nullable=False),
)


@dataclass(frozen=True)
class Suggestion:
    """A translation that somebody finds better.

    Attributes:
        client: whose key it came with, or the address.
        model: what had translated it.
    """

    source_lang: str
    target_lang: str
    source: str
    suggestion: str
    client: str = ""
    model: str = ""


class Suggestions:
    """A database of suggestions; its table is made where there is none. Threads may share it.

    Args:
        where: a file of SQLite, or the address of a database: "postgresql+pg8000://...".

    Raises:
        ConfigError: it cannot be reached.
    """

    def __init__(self, where: str | Path) -> None:
        text = str(where)
        address = text if "://" in text else f"sqlite:///{Path(text).resolve()}"
        try:
            self._engine = sql.create_engine(address, **_lite(address))
            if self._engine.dialect.name == "sqlite":
                sql.event.listen(self._engine, "connect", _safely)
            _TABLES.create_all(self._engine)
        except (SQLAlchemyError, ImportError, OSError) as error:
            raise ConfigError(f"suggestions cannot be kept in {_shown(address)}: {_reason(error)}") from None

    def add(self, suggestion: Suggestion) -> None:
        """Keep one; it is on the disk when this returns.

        Raises:
            DataError: it could not be kept.
        """
        row = {
            "time": datetime.now(timezone.utc),
            "client": suggestion.client,
            "model": suggestion.model,
            "source_lang": suggestion.source_lang,
            "target_lang": suggestion.target_lang,
            "source": suggestion.source,
            "suggestion": suggestion.suggestion,
        }
        for again in (True, False):
            try:
                with self._engine.begin() as connection:
                    connection.execute(_SUGGESTIONS.insert(), row)
                return
            except (SQLAlchemyError, OSError) as error:
                if isinstance(error, OSError):  # some drivers say so of a connection that is gone: others may be, too
                    self._engine.dispose()
                if not isinstance(error, OSError) or not again:
                    raise DataError(f"the suggestion could not be kept: {_reason(error)}") from None

    def pairs(self, source_lang: str, target_lang: str) -> Iterator[tuple[str, str]]:
        """Sources with suggestions, of each source the last one, in the order in which they came; of languages without
        regard to regions."""
        source_lang, target_lang = primary(source_lang), primary(target_lang)
        table = _SUGGESTIONS.c
        newest = (
            sql.select(sql.func.max(table.id))
            .where(table.source_lang == source_lang, table.target_lang == target_lang)
            .group_by(table.source)
        )
        query = sql.select(table.source, table.suggestion).where(table.id.in_(newest)).order_by(table.id)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query):
                yield str(row.source), str(row.suggestion)

    def close(self) -> None:
        """Give back what connections there are."""
        self._engine.dispose()


def lines(source: str, suggestion: str) -> list[tuple[str, str]]:
    """A pair line by line, if both sides have as many that are not blank; else as one line."""
    sides = [[" ".join(line.split()) for line in text.splitlines() if line.strip()] for text in (source, suggestion)]
    if len(sides[0]) != len(sides[1]):
        sides = [[" ".join(side)] for side in sides]
    return list(zip(*sides, strict=True))


def _lite(address: str) -> dict[str, object]:
    return {"connect_args": {"timeout": WAIT}} if address.startswith("sqlite") else {"pool_pre_ping": True}


def _safely(connection: object, _: object) -> None:
    """As SQLite is told to be: others read while one writes, and what is told to be written is on the disk."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _reason(error: Exception) -> str:
    """What a driver says, on one line; some say it as a table of all that the database has sent."""
    of_driver = getattr(error, "orig", None) or error
    said = of_driver.args[0] if of_driver.args else ""
    text = said.get("M", said) if isinstance(said, dict) else of_driver
    return str(text).strip().split("\n")[0]


def _shown(address: str) -> str:
    """An address without its password."""
    try:
        return sql.engine.make_url(address).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "what was given, which is no address of a database"
