"""What databases can do here, and which one an address leads to.

A database is a plain value that pickles; it opens connections. A connection is one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from dataflows_core.errors import FlowError, SchemaError
from dataflows_core.schema import Field, Schema
from dataflows_sql.address import Address

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Attached",
    "Connection",
    "Database",
    "ReadConnection",
    "Readable",
    "quoted",
    "readable",
    "unquoted",
    "writable",
]

_PART = re.compile(r'"((?:[^"]|"")*)"')


def quoted(name: str) -> str:
    """A name as SQL writes identifiers, whatever is in it.

    Raises:
        SchemaError: It holds the character U+0000.

    Examples:
        >>> print(quoted('x"; drop table y; --'))
        "x""; drop table y; --"
    """
    if "\0" in name:
        raise SchemaError(f"the name {name!r} holds a character that no database allows in names")
    return '"' + name.replace('"', '""') + '"'


def unquoted(place: str) -> tuple[str | None, str]:
    """The schema, if one is said, and the name of a table as SQL writes it.

    Examples:
        >>> unquoted('"main"."a""b"')
        ('main', 'a"b')
    """
    *schema, name = (part.replace('""', '"') for part in _PART.findall(place))
    return schema[0] if schema else None, name


@dataclass(frozen=True)
class Attached:
    """What others have made of a table that is there.

    Args:
        kind: What it is when it is no table, such as ``"a view"``; empty for a table.
        parts: What would be lost with it, in words: triggers, privileges, views …
        referred: The tables whose foreign keys lead to it.
    """

    kind: str = ""
    parts: tuple[str, ...] = ()
    referred: tuple[str, ...] = ()


class ReadConnection(Protocol):
    """One transaction that reads."""

    def tables(self) -> list[str]:
        """The names of the tables and views that need no qualification."""
        ...

    def quoted(self, name: str) -> str:
        """A name as this database writes identifiers."""
        ...

    def describe(self, select: str) -> Schema:
        """The schema of what a query gives.

        Raises:
            FlowError: The query cannot be run.
        """
        ...

    def blocks(self, select: str, schema: Schema) -> Iterator[tuple[int, Any]]:
        """What a query gives, in pieces that `Readable.decode` understands, with their numbers of rows."""
        ...


class Connection(ReadConnection, Protocol):
    """One transaction."""

    @property
    def position(self) -> str:
        """The column of every table that numbers rows as they came."""
        ...

    @property
    def merges(self) -> bool:
        """Whether the database knows the statement MERGE."""
        ...

    def execute(self, sql: str) -> None:
        """Run a statement."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        ...

    def optional(self, table: str) -> set[str]:
        """The columns of a table that the database fills in by itself when they are left out."""
        ...

    def insert(self, table: str, schema: Schema, files: Sequence[BinaryIO]) -> None:
        """Append what `Database.encode` has made to a table; `table` is quoted already."""
        ...

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """Declare a primary key, if the database does that once the rows are there."""
        ...

    def attached(self, table: str) -> Attached:
        """What others have made of a table."""
        ...

    def unique(self, stage: str, keys: Sequence[str]) -> bool:
        """Whether no two rows of a table of our own have the same keys; makes them quick to find."""
        ...

    def worth_rebuilding(self, table: str, stage: str) -> bool:
        """Whether a new table is made sooner than most rows of a table are changed by those of a stage."""
        ...

    def lock(self, table: str) -> None:
        """Keep others from writing into a table, if it is there, until the transaction ends."""
        ...

    def swap(self, stage: str, table: str, name: str) -> None:
        """Put a table in the place of another, if there is one."""
        ...


class Readable(Protocol):
    """A database that can be read."""

    @property
    def shown(self) -> str:
        """Its URL, without secrets."""
        ...

    @property
    def portable(self) -> bool:
        """Whether another process can open it too."""
        ...

    def open(self, *, write: bool) -> AbstractContextManager[ReadConnection]:
        """A transaction.

        Raises:
            AccessError: The database cannot be reached.
        """
        ...

    def decode(self, block: Any, schema: Schema) -> pa.RecordBatch:
        """The rows of a block."""
        ...


class Database(Readable, Protocol):
    """A database that can be written to."""

    @property
    def title(self) -> str:
        """What people call its kind."""
        ...

    @property
    def there(self) -> bool:
        """Whether there is something to read; a file is made when it is written to."""
        ...

    @property
    def longest_name(self) -> int:
        """The most bytes of an identifier; more would be cut in silence."""
        ...

    @property
    def same_case(self) -> bool:
        """Whether names that differ in case alone are the same."""
        ...

    @property
    def key_afterwards(self) -> bool:
        """Whether a primary key is declared once the rows are there."""
        ...

    def open(self, *, write: bool) -> AbstractContextManager[Connection]:
        """A transaction; what it wrote is there once the block has ended well, and not otherwise.

        Raises:
            AccessError: The database cannot be reached, or does not do what it is told.
            DataError: It refuses data.
        """
        ...

    def stored(self, field: Field) -> Field:
        """The field as a column holds it, and as it is read back."""
        ...

    def column_type(self, field: Field) -> str:
        """The type of the column for a stored field."""
        ...

    def encode(self, batch: pa.RecordBatch, schema: Schema) -> bytes:
        """Rows of a stored schema as `Connection.insert` takes them; such bytes can be strung together."""
        ...


def readable(engine: Any) -> Readable:
    """The database that a URL, a path, ``env://NAME`` or a SQLAlchemy engine leads to.

    Raises:
        FlowError: It leads to none.
    """
    address = Address.of(engine)
    found = _writable(address)
    if found is not None:
        return found
    from dataflows_sql.other import Other

    return Other(address)


def writable(engine: Any) -> Database:
    """The same, if it can be written to.

    Raises:
        FlowError: It leads to no such database.
    """
    address = Address.of(engine)
    found = _writable(address)
    if found is None:
        raise FlowError(
            f"dump_to_sql writes into PostgreSQL, SQLite and DuckDB, and {address.shown} is none of these"
        )
    return found


def _writable(address: Address) -> Database | None:
    if address.dialect == "postgresql":
        from dataflows_sql.postgres import Postgres

        return Postgres(address)
    if address.dialect == "sqlite":
        from dataflows_sql.sqlite import SQLite

        address.check_options()
        return SQLite(address)
    if address.dialect == "duckdb":
        from dataflows_sql.duck import DuckDB

        address.check_options()
        return DuckDB(address)
    return None
