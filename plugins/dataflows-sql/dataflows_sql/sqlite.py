"""SQLite.

It has no types but integer, double, text and bytes. A column is declared as what it holds, and its values
are these:

| declared | a value |
|---|---|
| DECIMAL(p,s) | a number when 15 digits say it, otherwise its digits as bytes, which SQLite leaves alone |
| BOOLEAN | 0 or 1 |
| DATE, TIME, TIMESTAMP, TIMESTAMPTZ | ISO 8601, as text |
| JSON TEXT | JSON |
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar
from urllib.parse import quote

import pyarrow as pa

from dataflows_core.errors import AccessError, DataError, FlowError
from dataflows_core.schema import Field, Schema
from dataflows_sql.address import Address
from dataflows_sql.database import Attached, quoted, unquoted
from dataflows_sql.sqlite_values import column_of, rows_of
from dataflows_sql.stored import bare, stored_field

__all__ = ["SQLite"]

_ROWS = 1 << 14
_SAMPLE = 10_000
_DIGITS = 15
_DECLARED = re.compile(r"([^(]*)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?([^()]*)")
_WAIT = 30.0


@dataclass(frozen=True)
class SQLite:
    """A SQLite database: a `dataflows_sql.database.Database`.

    Args:
        address: Where it is.
    """

    address: Address
    title: ClassVar[str] = "SQLite"
    longest_name: ClassVar[int] = 1 << 20
    same_case: ClassVar[bool] = True
    key_afterwards: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        """Its URL."""
        return self.address.shown

    @property
    def portable(self) -> bool:
        """An engine cannot go to another process."""
        return self.address.engine is None

    @property
    def there(self) -> bool:
        """Whether the file is there."""
        return self.address.engine is not None or Path(self.address.url.database or "").exists()

    @contextmanager
    def open(self, *, write: bool) -> Iterator[SQLiteConnection]:
        """A transaction."""
        try:
            with closing(self._connect(write)) as opened:
                driver: sqlite3.Connection = getattr(opened, "driver_connection", opened)
                before, driver.isolation_level = driver.isolation_level, None
                try:
                    driver.execute("PRAGMA legacy_alter_table = ON")  # views may name a table that is renamed
                    driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                    yield SQLiteConnection(driver)
                    driver.execute("COMMIT" if write else "ROLLBACK")
                finally:
                    if driver.in_transaction:
                        driver.execute("ROLLBACK")
                    driver.execute("PRAGMA legacy_alter_table = OFF")
                    driver.isolation_level = before
        except (sqlite3.IntegrityError, sqlite3.DataError) as error:
            raise DataError(f"{self.shown}: SQLite says: {error}") from error
        except sqlite3.Error as error:
            raise AccessError(f"{self.shown}: SQLite says: {error}") from error

    def _connect(self, write: bool) -> Any:
        if self.address.engine is not None:
            return self.address.engine.raw_connection()
        path = self.address.url.database
        if not path or path == ":memory:":
            raise FlowError(
                "a SQLite database in memory is gone when its connection is closed; "
                "give its SQLAlchemy engine instead of a URL"
            )
        file = Path(path)
        if not write and not file.exists():
            raise AccessError(f"there is no file {path}")
        if not file.absolute().parent.is_dir():
            raise AccessError(f"there is no folder {file.parent}, in which {file.name} would be")
        uri = f"file:{quote(str(file.absolute()))}?mode={'rwc' if write else 'ro'}"
        # Sources are read by one thread and closed by another.
        return sqlite3.connect(uri, timeout=_WAIT, uri=True, check_same_thread=False)

    def stored(self, field: Field) -> Field:
        """The field as a column holds it."""
        return stored_field(field, arrays=False, intervals=False)

    def column_type(self, field: Field) -> str:
        """What a column is declared as; the words decide which values SQLite would convert."""
        kind = field.arrow
        if pa.types.is_decimal(kind):
            return f"DECIMAL({kind.precision},{kind.scale})"
        if field.type == "datetime":
            return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
        names = {"string": "TEXT", "number": "DOUBLE", "any": "JSON TEXT"}
        if field.type == "integer":
            return {16: "SMALLINT", 32: "INT", 64: "INTEGER"}[kind.bit_width]
        return names.get(field.type, field.type.upper())

    def encode(self, batch: pa.RecordBatch, schema: Schema) -> bytes:
        """Rows as an Arrow stream."""
        from dataflows_sql.arrow import to_bytes

        return to_bytes(batch, schema)

    def decode(self, block: list[tuple[Any, ...]], schema: Schema) -> pa.RecordBatch:
        """The columns of some rows."""
        columns = [
            column_of(list(values), field)
            for field, values in zip(schema, zip(*block, strict=True), strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=list(schema.names))


class SQLiteConnection:
    """A transaction: a `dataflows_sql.database.Connection`.

    Args:
        driver: The connection of sqlite3.
    """

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._driver.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        return self._driver.execute(sql).fetchall()

    def tables(self) -> list[str]:
        """The tables and views."""
        found = self.rows(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
        )
        return [name for (name,) in found]

    def quoted(self, name: str) -> str:
        """A name as SQL writes identifiers."""
        return quoted(name)

    def describe(self, select: str) -> Schema:
        """The schema of what a query gives: as columns are declared, otherwise as their first values are."""
        try:
            self._driver.execute(f"CREATE TEMP VIEW dataflows_described AS {select}")
            found = self.rows("PRAGMA temp.table_info(dataflows_described)")
        except sqlite3.Error as error:
            raise FlowError(f"SQLite cannot run the query: {error}") from None
        finally:
            with suppress(sqlite3.Error):
                self._driver.execute("DROP VIEW IF EXISTS temp.dataflows_described")
        fields = [_field(name, declared) for _, name, declared, *_ in found]
        open_ones = [at for at, field in enumerate(fields) if field is None]
        sample = self._driver.execute(select).fetchmany(_SAMPLE) if open_ones else []
        for at in open_ones:
            fields[at] = _inferred(found[at][1], [row[at] for row in sample])
        return Schema(tuple(field for field in fields if field is not None))

    def optional(self, table: str) -> set[str]:
        """Columns with a default, and the one that numbers the rows."""
        schema, name = unquoted(table)
        found = self.rows(f"PRAGMA {_of(schema)}table_info({quoted(name)})")
        key = [name for _, name, declared, _, _, key in found if key and declared.upper() == "INTEGER"]
        numbered = key if sum(bool(row[5]) for row in found) == 1 else []
        return {row[1] for row in found if row[4] is not None} | set(numbered)

    def blocks(self, select: str, schema: Schema) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
        """Some thousands of rows at a time."""
        cursor = self._driver.execute(select)
        while rows := cursor.fetchmany(_ROWS):
            yield len(rows), rows

    def insert(self, table: str, schema: Schema, files: Sequence[BinaryIO]) -> None:
        """Append rows."""
        from dataflows_sql.arrow import from_files

        columns = ", ".join(quoted(name) for name in schema.names)
        marks = ", ".join("?" * len(schema))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        for batch in from_files(files):
            for start in range(0, batch.num_rows, _ROWS):
                self._driver.executemany(statement, rows_of(batch[start : start + _ROWS], schema))

    @property
    def merges(self) -> bool:
        """Whether the database knows the statement MERGE."""
        return False

    position: ClassVar[str] = "rowid"

    def unique(self, stage: str, keys: Sequence[str]) -> bool:
        """Whether no two rows of a table of our own have the same keys."""
        index = f"temp.{stage}_keys ON {stage} ({', '.join(keys)})"
        try:
            self.execute(f"CREATE UNIQUE INDEX {index}")
        except sqlite3.IntegrityError:
            return False
        return True

    def worth_rebuilding(self, table: str, stage: str) -> bool:
        """Never: a large file would be written anew."""
        return False

    def lock(self, table: str) -> None:
        """Nothing is to be done: one transaction at a time writes."""

    def attached(self, table: str) -> Attached:
        """What others have made of a table."""
        schema, name = unquoted(table)
        found = self.rows(
            f"SELECT type, name, sql FROM {_of(schema)}sqlite_master "
            f"WHERE lower(tbl_name) = lower({_literal(name)})"
        )
        kind = "a view" if any(row[0] == "view" for row in found) else ""
        parts = [
            f"{kind} {name}"
            for kind, name, sql in found
            if kind == "trigger" or (kind == "index" and sql and not name.startswith("dataflows_"))
        ]
        declared = " ".join(sql for kind, _, sql in found if kind == "table")
        words = set(re.findall(r"\w+", _QUOTED.sub(" ", declared).upper()))
        parts += [meant for word, meant in _BY_OTHERS.items() if word in words]
        return Attached(kind, tuple(parts), self._referred(schema, name))

    def _referred(self, schema: str | None, name: str) -> tuple[str, ...]:
        """The tables whose foreign keys lead to a table, if SQLite minds them."""
        if self.rows("PRAGMA foreign_keys") != [(1,)]:
            return ()
        same = f"lower({_literal(name)})"
        found = self.rows(
            f"SELECT DISTINCT m.name FROM {_of(schema)}sqlite_master AS m, "
            "pragma_foreign_key_list(m.name) AS k "
            f"WHERE m.type = 'table' AND lower(k.\"table\") = {same} AND lower(m.name) <> {same}"
        )
        return tuple(name for (name,) in found)

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """Keys are declared with the table."""

    def swap(self, stage: str, table: str, name: str) -> None:
        """Put a table in the place of another."""
        self.execute(f"DROP TABLE IF EXISTS {table}")
        self.execute(f"ALTER TABLE {stage} RENAME TO {quoted(name)}")


_QUOTED = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|`(?:[^`]|``)*`|\[[^\]]*\]')

# Words of a declaration that dataflows itself never makes.
_BY_OTHERS = {
    "AUTOINCREMENT": "its numbering",
    "CHECK": "checks",
    "COLLATE": "collations",
    "CONSTRAINT": "named constraints",
    "DEFAULT": "defaults",
    "GENERATED": "generated columns",
    "REFERENCES": "foreign keys",
    "STRICT": "that it is strict",
    "VIRTUAL": "that it is virtual",
    "WITHOUT": "that it is without rowid",
}


def _of(schema: str | None) -> str:
    return "" if schema is None else f"{quoted(schema)}."


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _field(name: str, declared: str) -> Field | None:
    """The field of a declared column; None when the declaration says nothing."""
    found = _DECLARED.fullmatch(declared)
    before, precision, scale, after = found.groups() if found else (declared, None, None, "")
    kind = " ".join(f"{before} {after}".upper().split())
    if not kind or kind == "BLOB":
        return None
    if kind in ("DECIMAL", "NUMERIC", "NUMBER"):
        digits, decimals = int(precision or 38), int(scale or (0 if precision else 12))
        digits, decimals = min(digits, 38), min(decimals, digits, 38)
        return bare(name, "number" if decimals else "integer", pa.decimal128(digits, decimals))
    if kind in _KINDS:
        kind, arrow, more = _KINDS[kind]
        return bare(name, kind, arrow, **more)
    if "INT" in kind:
        return bare(name, "integer")
    if any(word in kind for word in ("CHAR", "CLOB", "TEXT", "STRING", "UUID")):
        return bare(name, "string")
    if any(word in kind for word in ("REAL", "FLOA", "DOUB")):
        return bare(name, "number", floatNumber=True)
    return None


_KINDS: dict[str, tuple[str, pa.DataType, dict[str, Any]]] = {
    "BOOL": ("boolean", None, {}),
    "BOOLEAN": ("boolean", None, {}),
    "DATE": ("date", None, {}),
    "TIME": ("time", None, {}),
    "DATETIME": ("datetime", None, {}),
    "TIMESTAMP": ("datetime", None, {}),
    "TIMESTAMPTZ": ("datetime", pa.timestamp("us", "UTC"), {}),
    "TIMESTAMP WITH TIME ZONE": ("datetime", pa.timestamp("us", "UTC"), {}),
    "SMALLINT": ("integer", pa.int16(), {}),
    "INT": ("integer", pa.int32(), {}),
    "JSON": ("any", None, {}),
    "JSONB": ("any", None, {}),
    "JSON TEXT": ("any", None, {}),
}


def _inferred(name: str, values: list[Any]) -> Field:
    kinds = {type(value) for value in values if value is not None}
    if bytes in kinds:
        raise FlowError(
            f"the column {name!r} holds bytes, for which Table Schema has no type"
            "\n  a query can leave it out, or make it a text: hex(…)"
        )
    if kinds == {int}:
        return bare(name, "integer")
    if kinds and kinds <= {int, float}:
        return bare(name, "number", floatNumber=True)
    return bare(name, "string")
