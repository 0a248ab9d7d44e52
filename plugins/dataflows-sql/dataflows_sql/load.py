"""The source: a table, or a query, of a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dataflows_core.errors import CastError, DataError, FlowError, RowError, near_misses
from dataflows_core.loader_options import Limit, checked_limit
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Source
from dataflows_core.stream import Stream
from dataflows_sql.database import Readable, ReadConnection, readable

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from dataflows_core.package import Package

__all__ = ["load_sql"]


def load_sql(
    load_source: str | Path | URL | Engine = "env://DATAFLOWS_DB_ENGINE",
    name: str | None = None,
    *,
    table: str | None = None,
    query: str | None = None,
    order_by: str | Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    limit_rows: int | None = None,
    db_schema: str | None = None,
) -> Source:
    """Load a table, or what a query gives, from a SQL database.

    Columns keep their types: numbers every digit, moments with a time zone their instant (in UTC), JSON its
    content, arrays their items. Rows are streamed, so that memory does not grow with the table. Texts, and
    types that Table Schema has no word for (UUIDs, enumerations …), are texts as the database writes them.

    PostgreSQL, SQLite and DuckDB are read in ways of their own; other databases through SQLAlchemy, if their
    driver is installed.

    Args:
        load_source: The URL of a database, the path of a SQLite or DuckDB file, ``"env://NAME"`` for what an
            environment variable says, or a SQLAlchemy engine.
        name: The resource's name; by default that of the table, or ``"query"``.
        table: The table or view; may be left out when there is only one.
        query: A SELECT statement, in the SQL of the database, in place of a table.
        order_by: The column or columns of the table to sort by; without it, rows come in the order that the
            database likes.
        fields: The columns of the table to load, in this order; all by default.
        limit_rows: The most rows to load; None for all.
        db_schema: The schema (in the sense of databases) of the table.

    Raises:
        FlowError: There is no such table or column, or the query cannot be run; near misses are named.
        AccessError: The database cannot be reached.
        CastError: A value that its type has no room for, such as a date of infinity.

    Examples:
        >>> import sqlite3
        >>> from dataflows_core import Flow
        >>> with sqlite3.connect("cities.db") as db:
        ...     _ = db.execute("CREATE TABLE cities (city TEXT, founded DATE)")
        ...     _ = db.execute("INSERT INTO cities VALUES ('Lyon', '0843-08-10')")
        >>> db.close()
        >>> Flow(load_sql("sqlite:///cities.db", table="cities")).results().rows
        [[{'city': 'Lyon', 'founded': datetime.date(843, 8, 10)}]]
    """
    limit = checked_limit(limit_rows)
    if query is not None and any(given is not None for given in (table, order_by, fields, db_schema)):
        raise FlowError("query says all of it: leave out table, order_by, fields and db_schema")
    for parameter, given in (("table", table), ("query", query), ("db_schema", db_schema)):
        if not isinstance(given, str | None):
            raise FlowError(
                f"{parameter}={given!r} must be one text; to load several, write load_sql for each"
            )

    def step(package: Package) -> None:
        database = readable(load_source)
        with database.open(write=False) as connection:
            if query is None:
                found = table or _only_table(connection, database)
                select = _select(connection, database, found, db_schema, order_by, fields)
            else:
                found, select = "query", query.strip().rstrip(";").rstrip()
            schema = connection.describe(select)
        resource_name = name or found
        stream = Stream.of([SQLSplit(database, select, schema, found)], schema)
        resource = Resource(resource_name, stream, {"path": f"{resource_name}.csv"})
        if limit is not None:
            resource.pipe_batches(Limit(limit))
        package.add(resource)

    return step


def _only_table(connection: ReadConnection, database: Readable) -> str:
    tables = connection.tables()
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise FlowError(f"there is no table in {database.shown}")
    raise FlowError(f"table=… must say which one of {database.shown}: {', '.join(tables)}")


def _select(
    connection: ReadConnection,
    database: Readable,
    table: str,
    db_schema: str | None,
    order_by: str | Sequence[str] | None,
    fields: Sequence[str] | None,
) -> str:
    quote = connection.quoted
    tables = connection.tables()
    if db_schema is None and table not in tables:
        close = near_misses(table, tables)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        listed = ", ".join(tables) or "(none)"
        raise FlowError(f"there is no table {table!r} in {database.shown}{hint}\n  tables: {listed}")
    place = quote(table) if db_schema is None else f"{quote(db_schema)}.{quote(table)}"
    known = connection.describe(f"SELECT * FROM {place}")
    order = [order_by] if isinstance(order_by, str) else list(order_by or ())
    chosen = known.select(fields if fields is not None else known.names).names
    for column in order:
        known.field(column)
    if not chosen:
        raise FlowError("fields names no column")
    select = f"SELECT {', '.join(map(quote, chosen))} FROM {place}"
    return f"{select} ORDER BY {', '.join(map(quote, order))}" if order else select


@dataclass(frozen=True)
class SQLSplit:
    """What one query gives: a `dataflows_core.stream.Split`.

    Args:
        database: The database.
        select: The query.
        schema: The schema of its rows.
        shown: What messages call it.
    """

    database: Readable
    select: str
    schema: Schema
    shown: str

    @property
    def source(self) -> str:
        """What messages call it."""
        return f"{self.shown} in {self.database.shown}"

    @property
    def size(self) -> int | None:
        """Not known before all is read."""
        return None

    @property
    def portable(self) -> bool:
        """Whether another process can read it too."""
        return self.database.portable

    def blocks(self) -> Iterator[tuple[int, Any]]:
        """Blocks of rows, read anew, with the number of rows before each.

        Raises:
            AccessError: The database cannot be reached.
            DataError: The columns are not those that the flow was planned with.
        """
        with self.database.open(write=False) as connection:
            found = connection.describe(self.select)
            if [(f.name, f.type) for f in found] != [(f.name, f.type) for f in self.schema]:
                raise DataError(f"{self.source} has other columns now than when the flow was planned")
            first = 0
            for count, block in connection.blocks(self.select, self.schema):
                yield first, block
                first += count

    def decode(self, block: tuple[int, Any]) -> pa.RecordBatch:
        """The rows of a block.

        Raises:
            RowError: A value that its field cannot hold.
        """
        try:
            return self.database.decode(block[1], self.schema)
        except CastError as error:
            raise RowError(str(error), index=error.index, field=error.field, value=error.value) from error

    def locate(self, block: tuple[int, Any], index: int) -> int:
        """The row's number among those that the query gives."""
        return block[0] + index + 1
