"""PostgreSQL, by COPY in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import pyarrow as pa

from dataflows_core.errors import AccessError, DataError, DataflowsError, FlowError
from dataflows_core.schema import Field, Schema
from dataflows_core.unify import item_field
from dataflows_sql.address import Address
from dataflows_sql.database import Attached, quoted
from dataflows_sql.postgres_attached import ATTACHED, REFERRED_TO
from dataflows_sql.postgres_columns import LOOSE, column_field, selected
from dataflows_sql.postgres_csv import from_csv, to_csv
from dataflows_sql.stored import bare, stored_field

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Engine

__all__ = ["Postgres"]

_BLOCK = 2 << 20
_SAMPLE = 10_000
# What a server, a database or a role may have set otherwise.
_SETTINGS = """
SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 1;
SET LOCAL client_encoding = 'UTF8'; SET LOCAL standard_conforming_strings = on; SET LOCAL work_mem = '64MB'
"""
_MODES = {
    True: "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    False: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL database: a `dataflows_sql.database.Database`.

    Args:
        address: Where it is.
    """

    address: Address
    title: ClassVar[str] = "PostgreSQL"
    longest_name: ClassVar[int] = 63
    same_case: ClassVar[bool] = False
    key_afterwards: ClassVar[bool] = True

    @property
    def shown(self) -> str:
        """Its URL, without secrets."""
        return self.address.shown

    @property
    def portable(self) -> bool:
        """An engine cannot go to another process."""
        return self.address.engine is None

    @property
    def there(self) -> bool:
        """A server has it, or says that it has not."""
        return True

    @contextmanager
    def open(self, *, write: bool) -> Iterator[PostgresConnection]:
        """A transaction."""
        import psycopg

        with closing(self._connect()) as opened:
            try:
                if opened.autocommit:
                    opened.execute("BEGIN")
                opened.execute(f"{_MODES[write]}; {_SETTINGS}")
                yield PostgresConnection(opened)
                self._end(opened, write)
            except psycopg.Error as error:
                raise self._translated(error) from None
            finally:
                if not opened.closed:
                    opened.rollback()

    def _end(self, opened: Any, write: bool) -> None:
        import psycopg

        try:
            opened.execute("COMMIT" if write else "ROLLBACK")
        except psycopg.OperationalError as error:
            raise AccessError(
                f"{self.shown}: the server was lost at the very end, so that the tables may be old or "
                f"new; look at them: {self.address.clean(error)}"
            ) from None

    def _connect(self) -> Any:
        import psycopg

        engine, url = self.address.engine, self.address.url
        try:
            if engine is not None:
                return _Pooled(self._checked(engine).raw_connection())
            from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

            dialect: Any = PGDialect_psycopg
            options = dialect().create_connect_args(url)[1]
            return psycopg.connect(**{"application_name": "dataflows", **options})
        except (psycopg.Error, TypeError, ValueError) as error:
            raise self._unreachable(error) from None

    def _checked(self, engine: Engine) -> Engine:
        if engine.driver == "psycopg":
            return engine
        raise FlowError(
            f"the engine of {self.shown} has the driver {engine.driver}, and COPY goes by psycopg"
            "\n  give the URL instead, or an engine made of one that begins with postgresql+psycopg://"
        )

    def _unreachable(self, error: Exception) -> AccessError:
        return AccessError(f"{self.shown} cannot be reached: {self.address.clean(error)}")

    def _translated(self, error: psycopg.Error) -> DataflowsError:
        import psycopg

        refused = isinstance(error, psycopg.IntegrityError | psycopg.DataError)
        kind = DataError if refused else AccessError
        return kind(f"{self.shown}: PostgreSQL says: {self.address.clean(error)}")

    def stored(self, field: Field) -> Field:
        """The field as a column holds it."""
        return stored_field(field, arrays=True, intervals=True)

    def column_type(self, field: Field) -> str:
        """The type of the column for a stored field."""
        if field.type == "list":
            return f"{self.column_type(item_field(field))}[]"
        kind = field.arrow
        if pa.types.is_decimal(kind):
            return f"numeric({kind.precision},{kind.scale})"
        if field.type == "integer":
            return {16: "smallint", 32: "integer", 64: "bigint"}[kind.bit_width]
        if field.type == "datetime":
            return "timestamptz" if kind.tz else "timestamp"
        return {"string": "text", "number": "double precision", "duration": "interval", "any": "jsonb"}.get(
            field.type, field.type
        )

    def encode(self, batch: pa.RecordBatch, schema: Schema) -> bytes:
        """Rows as COPY reads CSV: texts in quotes, so that an empty one is no null."""
        return to_csv(batch, schema)

    def decode(self, block: bytes, schema: Schema) -> pa.RecordBatch:
        """The rows of a block of CSV."""
        return from_csv(block, schema)


class _Pooled:
    """A connection of an engine's pool, which gets it back."""

    def __init__(self, pooled: Any) -> None:
        self._pooled, self._driver = pooled, pooled.driver_connection

    def close(self) -> None:
        """Give it back."""
        self._pooled.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)


class PostgresConnection:
    """A transaction: a `dataflows_sql.database.Connection`.

    Args:
        driver: The connection of psycopg.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._driver.execute(sql.encode())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        found: list[tuple[Any, ...]] = self._driver.execute(sql.encode()).fetchall()
        return found

    def tables(self) -> list[str]:
        """The tables and views of the schemas that are searched."""
        found = self.rows(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND pg_table_is_visible(c.oid) "
            "AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        )
        return [name for (name,) in found]

    def quoted(self, name: str) -> str:
        """A name as SQL writes identifiers."""
        return quoted(name)

    def describe(self, select: str) -> Schema:
        """The schema of what a query gives."""
        import psycopg

        try:
            with self._driver.transaction():
                described = self._driver.execute(
                    f"SELECT * FROM ({select}\n) AS q LIMIT 0".encode()
                ).description
                if not described:
                    raise FlowError("the query gives no columns")
                fields = [column_field(column) for column in described]
                return Schema(tuple(self._scaled(fields, select)))
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error).strip()
            raise FlowError(f"PostgreSQL cannot run the query: {said}\n  {select}") from None

    def _scaled(self, fields: list[Field], select: str) -> list[Field]:
        """The fields; a numeric column without a declared scale gets one by a sample, as numbers do."""
        loose = [field for field in fields if field.arrow == LOOSE]
        if not loose:
            return fields
        columns = ", ".join(f"max(scale(q.{quoted(field.name)}))" for field in loose)
        sample = f"(SELECT * FROM ({select}\n) AS s LIMIT {_SAMPLE}) AS q"
        scales = dict(
            zip([f.name for f in loose], self.rows(f"SELECT {columns} FROM {sample}")[0], strict=True)
        )
        return [
            bare(field.name, "number", pa.decimal128(38, 21 if (scales[field.name] or 0) > 12 else 12))
            if field.name in scales
            else field
            for field in fields
        ]

    def optional(self, table: str) -> set[str]:
        """Columns with a default, and those that are generated."""
        found = self.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = "
            f"{_literal(table)}::regclass AND attnum > 0 AND NOT attisdropped "
            "AND (atthasdef OR attidentity <> '')"
        )
        return {name for (name,) in found}

    def blocks(self, select: str, schema: Schema) -> Iterator[tuple[int, bytes]]:
        """What a query gives, as CSV in pieces of a few megabytes; each ends at the end of a row."""
        columns = ", ".join(selected(field) for field in schema)
        query = f"COPY (SELECT {columns} FROM ({select}\n) AS q) TO STDOUT (FORMAT csv)"
        gathered: list[bytes] = []
        size = 0
        with self._driver.cursor() as cursor, cursor.copy(query.encode()) as copy:
            for row in copy:
                gathered.append(bytes(row))
                size += len(row)
                if size > _BLOCK:
                    yield len(gathered), b"".join(gathered)
                    gathered.clear()
                    size = 0
        if gathered:
            yield len(gathered), b"".join(gathered)

    def insert(self, table: str, schema: Schema, files: Sequence[BinaryIO]) -> None:
        """COPY files into a table."""
        columns = ", ".join(quoted(name) for name in schema.names)
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)"
        with self._driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for file in files:
                while block := file.read(_BLOCK):
                    copy.write(block)

    @property
    def merges(self) -> bool:
        """Whether the database knows the statement MERGE."""
        return bool(self._driver.info.server_version >= 150000)

    position: ClassVar[str] = "ctid"

    def unique(self, stage: str, keys: Sequence[str]) -> bool:
        """Whether no two rows of a table of our own have the same keys."""
        import psycopg

        self.execute(f"ANALYZE {stage}")
        try:
            with self._driver.transaction():
                self.execute(f"CREATE UNIQUE INDEX ON {stage} ({', '.join(keys)})")
        except psycopg.errors.UniqueViolation:
            return False
        except psycopg.errors.ProgramLimitExceeded:  # a key of more bytes than fit into an index
            return not self.rows(
                f"SELECT 1 FROM {stage} GROUP BY {', '.join(keys)} HAVING count(*) > 1 LIMIT 1"
            )
        return True

    def worth_rebuilding(self, table: str, stage: str) -> bool:
        """Whether a table without an index, to which nothing is attached, is no larger than what comes."""
        if self.attached(table) != Attached():
            return False
        name = _literal(table)
        ((worth,),) = self.rows(
            f"SELECT NOT relhasindex AND pg_relation_size(oid) <= 2 * pg_relation_size({_literal(stage)}) "
            f"FROM pg_class WHERE oid = {name}::regclass"
        )
        return bool(worth)

    def lock(self, table: str) -> None:
        """Keep others from writing into a table, if it is there; they may read it."""
        if self.rows(f"SELECT to_regclass({_literal(table)}) IS NULL") != [(True,)]:
            self.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")

    def attached(self, table: str) -> Attached:
        """What others have made of a table."""
        name = _literal(table)
        ((kind, words),) = self.rows(ATTACHED.format(table=name))
        referred = [text for (text,) in self.rows(REFERRED_TO.format(table=name))]
        return Attached(_KINDS.get(kind, ""), tuple(words or ()), tuple(referred))

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """Declare a primary key; its index is built at once, which is faster than row by row."""
        self.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(map(quoted, keys))})")

    def swap(self, stage: str, table: str, name: str) -> None:
        """Put a table in the place of another."""
        self.execute(f"DROP TABLE IF EXISTS {table}")
        self.execute(f"ALTER TABLE {stage} RENAME TO {quoted(name)}")


_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
