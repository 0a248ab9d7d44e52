"""DuckDB, in Arrow both ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import pyarrow as pa

from dataflows_core.cast import cast_column
from dataflows_core.errors import AccessError, DataError, FlowError, SchemaError
from dataflows_core.schema import Field, Schema
from dataflows_core.unify import item_field
from dataflows_sql.address import Address
from dataflows_sql.arrow import from_files, to_bytes
from dataflows_sql.database import Attached, quoted, unquoted
from dataflows_sql.stored import bare, stored_field

if TYPE_CHECKING:
    import duckdb

__all__ = ["DuckDB"]

_ROWS = 1 << 16


@dataclass(frozen=True)
class DuckDB:
    """A DuckDB database: a `dataflows_sql.database.Database`.

    Args:
        address: Where it is.
    """

    address: Address
    title: ClassVar[str] = "DuckDB"
    longest_name: ClassVar[int] = 1 << 20
    portable: ClassVar[bool] = True
    same_case: ClassVar[bool] = True
    key_afterwards: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        """Its URL."""
        return self.address.shown

    @property
    def there(self) -> bool:
        """Whether the file is there."""
        return Path(self.address.url.database or "").exists()

    @contextmanager
    def open(self, *, write: bool) -> Iterator[DuckConnection]:
        """A transaction."""
        import duckdb

        path = self._path(write)
        try:
            with closing(_connected(path, write)) as opened:
                opened.execute("SET TimeZone = 'UTC'")
                opened.execute("BEGIN" if write else "BEGIN READ ONLY")
                yield DuckConnection(opened)
                opened.execute("COMMIT" if write else "ROLLBACK")
        except (duckdb.ConstraintException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise DataError(f"{self.shown}: DuckDB says: {error}") from error
        except duckdb.Error as error:
            raise AccessError(f"{self.shown}: DuckDB says: {error}") from error

    def _path(self, write: bool) -> str:
        path = self.address.url.database
        if not path or path == ":memory:":
            raise FlowError("a DuckDB database in memory is gone when its connection is closed; name a file")
        if not write and not Path(path).exists():
            raise AccessError(f"there is no file {path}")
        return path

    def stored(self, field: Field) -> Field:
        """The field as a column holds it."""
        return stored_field(field, arrays=True, intervals=True)

    def column_type(self, field: Field) -> str:
        """The type of the column for a stored field."""
        kind = field.arrow
        if field.type == "list":
            return f"{self.column_type(item_field(field))}[]"
        if pa.types.is_decimal(kind):
            return f"DECIMAL({kind.precision},{kind.scale})"
        if field.type == "integer":
            return {16: "SMALLINT", 32: "INTEGER", 64: "BIGINT"}[kind.bit_width]
        if field.type == "datetime":
            return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
        names = {"string": "VARCHAR", "number": "DOUBLE", "duration": "INTERVAL", "any": "JSON"}
        return names.get(field.type, field.type.upper())

    def encode(self, batch: pa.RecordBatch, schema: Schema) -> bytes:
        """Rows as an Arrow stream."""
        return to_bytes(batch, schema)

    def decode(self, block: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
        """The rows with the types of the schema."""
        columns = []
        for field, column in zip(schema, block.columns, strict=True):
            if isinstance(field.arrow, pa.JsonType) and pa.types.is_string(column.type):
                column = pa.ExtensionArray.from_storage(field.arrow, column)
            elif column.type != field.arrow:
                column, errors = cast_column(column, field, missing_values=())
                if errors:
                    raise errors[0]
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, names=list(schema.names))


def _connected(path: str, write: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    if not write:
        try:
            return duckdb.connect(path, read_only=True)
        except duckdb.ConnectionException:
            pass  # this process has it open for writing already
    return duckdb.connect(path)


class DuckConnection:
    """A transaction: a `dataflows_sql.database.Connection`.

    Args:
        driver: The connection of duckdb.
    """

    def __init__(self, driver: duckdb.DuckDBPyConnection) -> None:
        self._driver = driver

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._driver.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        return list(self._driver.execute(sql).fetchall())

    def tables(self) -> list[str]:
        """The tables and views of the schema."""
        found = self.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() "
            "AND table_catalog = current_database() ORDER BY 1"
        )
        return [name for (name,) in found]

    def quoted(self, name: str) -> str:
        """A name as SQL writes identifiers."""
        return quoted(name)

    def describe(self, select: str) -> Schema:
        """The schema of what a query gives."""
        import duckdb

        try:
            described = self.rows(f"DESCRIBE {select}")
            arrow = self._driver.sql(f"SELECT * FROM ({select}\n) LIMIT 0").to_arrow_reader(1).schema
        except duckdb.Error as error:
            raise FlowError(f"DuckDB cannot run the query: {error}") from None
        pairs = zip(arrow, (row[1] for row in described), strict=True)
        return Schema(tuple(_field(column, kind) for column, kind in pairs))

    def optional(self, table: str) -> set[str]:
        """Columns with a default."""
        found = self.rows(f"PRAGMA table_info({_literal(table)})")
        return {row[1] for row in found if row[4] is not None}

    def blocks(self, select: str, schema: Schema) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, as DuckDB makes them."""
        for batch in self._driver.sql(select).to_arrow_reader(_ROWS):
            yield batch.num_rows, batch

    def insert(self, table: str, schema: Schema, files: Sequence[BinaryIO]) -> None:
        """Append rows."""
        plain = pa.schema([pa.field(field.name, _storage(field.arrow)) for field in schema])
        batches = (
            pa.RecordBatch.from_arrays(
                [getattr(column, "storage", column) for column in batch.columns], schema=plain
            )
            for batch in from_files(files)
        )
        reader = pa.RecordBatchReader.from_batches(plain, batches)
        columns = ", ".join(quoted(name) for name in schema.names)
        self._driver.register("dataflows_inserted", reader)
        self._driver.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM dataflows_inserted")
        self._driver.unregister("dataflows_inserted")

    @property
    def merges(self) -> bool:
        """Whether the database knows the statement MERGE."""
        return False

    position: ClassVar[str] = "rowid"

    def unique(self, stage: str, keys: Sequence[str]) -> bool:
        """Whether no two rows of a table have the same keys; joins are hashed, without an index."""
        return not self.rows(f"SELECT 1 FROM {stage} GROUP BY {', '.join(keys)} HAVING count(*) > 1 LIMIT 1")

    def worth_rebuilding(self, table: str, stage: str) -> bool:
        """Never: it is no quicker."""
        return False

    def lock(self, table: str) -> None:
        """Nothing is to be done: of two transactions that change the same rows, one fails."""

    def attached(self, table: str) -> Attached:
        """What others have made of a table."""
        schema, name = unquoted(table)
        at = f"schema_name = {_literal(schema) if schema else 'current_schema()'}"
        at = f"{at} AND database_name = current_database() AND lower({_literal(name)})"
        if self.rows(f"SELECT 1 FROM duckdb_views() WHERE {at} = lower(view_name)"):
            return Attached("a view")
        here = f"{at} = lower(table_name)"
        parts = self.rows(
            "SELECT 'index ' || index_name FROM duckdb_indexes() "
            f"WHERE {here} AND NOT starts_with(index_name, 'dataflows_') "
            f"UNION SELECT 'comments' FROM duckdb_tables() WHERE {here} AND comment IS NOT NULL "
            f"UNION SELECT 'comments' FROM duckdb_columns() WHERE {here} AND comment IS NOT NULL "
            f"UNION SELECT 'defaults' FROM duckdb_columns() WHERE {here} AND column_default IS NOT NULL "
            f"UNION SELECT constraint_text FROM duckdb_constraints() WHERE {here} "
            "AND constraint_type IN ('CHECK', 'FOREIGN KEY') ORDER BY 1"
        )
        referred = self.rows(
            f"SELECT DISTINCT table_name FROM duckdb_constraints() WHERE {at} = lower(referenced_table)"
        )
        return Attached("", tuple(text for (text,) in parts), tuple(text for (text,) in referred))

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """Keys are declared with the table."""

    def swap(self, stage: str, table: str, name: str) -> None:
        """Put a table in the place of another."""
        self.execute(f"DROP TABLE IF EXISTS {table}")
        self.execute(f"ALTER TABLE {stage} RENAME TO {quoted(name)}")


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _field(column: pa.Field, kind: str) -> Field:
    if kind == "JSON":
        return bare(column.name, "any")
    try:
        field = Schema.from_arrow(pa.schema([column])).fields[0]
    except SchemaError as error:
        raise SchemaError(f"{error}\n  a query can leave it out, or make it a text") from error
    if field.type == "datetime" and field.arrow.tz:
        return field.with_arrow(pa.timestamp(field.arrow.unit, "UTC"))
    return field
