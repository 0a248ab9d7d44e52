"""PostgreSQL, by COPY in both directions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from dataflows_core.errors import AccessError, CastError, DataError, DataflowsError, FlowError
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_core.unify import item_field
from dataflows_sql.address import Address
from dataflows_sql.database import quoted
from dataflows_sql.stored import bare, stored_field
from dataflows_sql.texts import from_text

if TYPE_CHECKING:
    import psycopg

__all__ = ["Postgres"]

_BLOCK = 2 << 20
_SAMPLE = 10_000
_SETTINGS = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL work_mem = '64MB'"

# The types of columns by the number that every PostgreSQL has for them.
_TYPES: dict[int, dict[str, Any]] = {
    16: {"type": "boolean"},
    20: {"type": "integer"},
    21: {"type": "integer", "arrow": pa.int16()},
    23: {"type": "integer", "arrow": pa.int32()},
    26: {"type": "integer"},
    700: {"type": "number", "arrow": pa.float32(), "floatNumber": True},
    701: {"type": "number", "floatNumber": True},
    114: {"type": "any"},
    3802: {"type": "any"},
    1082: {"type": "date"},
    1083: {"type": "time"},
    1114: {"type": "datetime"},
    1184: {"type": "datetime", "arrow": pa.timestamp("us", "UTC")},
    1186: {"type": "duration"},
}
_NUMERIC = 1700
_BYTES = 17
_ARRAYS = {
    1000: 16,
    1016: 20,
    1005: 21,
    1007: 23,
    1022: 701,
    1021: 700,
    1231: 1700,
    1182: 1082,
    1183: 1083,
    1115: 1114,
    1185: 1184,
    1009: 25,
    1015: 1043,
    1014: 1042,
    2951: 2950,
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
    numbering: ClassVar[str] = ", rowid bigint GENERATED ALWAYS AS IDENTITY"
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
                opened.execute(_SETTINGS if write else f"SET TRANSACTION READ ONLY; {_SETTINGS}")
                yield PostgresConnection(opened)
                opened.execute("COMMIT" if write else "ROLLBACK")
            except psycopg.Error as error:
                raise self._translated(error) from None
            finally:
                if not opened.closed:
                    opened.rollback()

    def _connect(self) -> Any:
        import psycopg

        engine, url = self.address.engine, self.address.url
        try:
            if engine is not None and engine.driver == "psycopg":
                return _Pooled(engine.raw_connection())
            from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

            dialect: Any = PGDialect_psycopg
            options = dialect().create_connect_args(url)[1]
            return psycopg.connect(**options, application_name="dataflows")
        except (psycopg.Error, TypeError, ValueError) as error:
            raise self._unreachable(error) from None

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
        columns = [_written(column, field) for field, column in zip(schema, batch.columns, strict=True)]
        target = io.BytesIO()
        options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
        pa.csv.write_csv(pa.RecordBatch.from_arrays(columns, names=list(schema.names)), target, options)
        return target.getvalue()

    def decode(self, block: bytes, schema: Schema) -> pa.RecordBatch:
        """The rows of a block of CSV."""
        names = [str(position) for position in range(len(schema))]
        kinds = [_parsed_as(field.arrow) for field in schema]
        table = pa.csv.read_csv(
            pa.BufferReader(block),
            pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(block), 1)),
            pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pa.csv.ConvertOptions(
                column_types=dict(zip(names, kinds, strict=True)),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
        columns = [
            _intervals(column) if field.type == "duration" else from_text(column, field)
            for field, column in zip(schema, map(_whole, table.columns), strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=list(schema.names))


class _Pooled:
    """A connection of an engine's pool, which gets it back."""

    def __init__(self, pooled: Any) -> None:
        self._pooled, self._driver = pooled, pooled.driver_connection

    def close(self) -> None:
        """Give it back."""
        self._pooled.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _parsed_as(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    direct = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return kind if direct else pa.string()


def _written(column: pa.Array, field: Field) -> pa.Array:
    """A column that Arrow's CSV writer writes as PostgreSQL reads it."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return column.storage
    if pa.types.is_string(kind):
        found = pc.find_substring(column, "\0")
        if (pc.max(found).as_py() or -1) >= 0 or pc.any(pc.equal(found, 0)).as_py():
            at = pc.index_in(True, pc.greater_equal(found, 0)).as_py()
            raise CastError(
                field.name,
                column[at].as_py(),
                "a text that PostgreSQL can hold: it has the character U+0000",
                index=at,
            )
        return column
    if pa.types.is_list(kind):
        return pa.array([_array_text(texts) for texts in _item_texts(column, field)], pa.string())
    return _interval_texts(column) if pa.types.is_interval(kind) else column


def _interval_texts(column: pa.Array) -> pa.Array:
    """Intervals in words: in ISO 8601 there is no sign that PostgreSQL and everybody else read alike."""
    texts = (
        value and f"{value.months} mons {value.days} days {value.nanoseconds // 1000} microseconds"
        for value in column.to_pylist()
    )
    return pa.array(texts, pa.string())


def _intervals(column: pa.Array) -> pa.Array:
    """What `_read` makes of intervals: months, days and microseconds."""
    parts = (text and [int(part) for part in text.split()] for text in column.to_pylist())
    values = (part and (part[0], part[1], part[2] * 1000) for part in parts)
    return pa.array(values, pa.month_day_nano_interval())


def _item_texts(column: pa.Array, field: Field) -> Iterator[list[str | None] | None]:
    texts = column_to_text(column.flatten(), item_field(field)).to_pylist()
    start = 0
    for length in pc.list_value_length(column).to_pylist():
        yield None if length is None else texts[start : start + length]
        start += length or 0


def _array_text(items: Sequence[str | None] | None) -> str | None:
    if items is None:
        return None
    escaped = (
        "NULL" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for item in items
    )
    return "{" + ",".join(escaped) + "}"


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
                fields = [_field(column) for column in described]
                return Schema(tuple(self._scaled(fields, select)))
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise FlowError(f"PostgreSQL cannot run the query: {str(error).strip()}") from None

    def _scaled(self, fields: list[Field], select: str) -> list[Field]:
        """The fields; a numeric column without a declared scale gets one by a sample, as numbers do."""
        loose = [field for field in fields if field.arrow == _LOOSE]
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
        columns = ", ".join(_read(field) for field in schema)
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

    def analyze(self, stage: str) -> None:
        """Tell the planner how much there is in a table."""
        self.execute(f"ANALYZE {stage}")

    def prepare_merge(self, stage: str, keys: Sequence[str], table: str) -> None:
        """Keep others from writing into the table."""
        self.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """Declare a primary key; its index is built at once, which is faster than row by row."""
        self.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(map(quoted, keys))})")

    def swap(self, stage: str, table: str, name: str) -> None:
        """Put a table in the place of another; one that views depend on stays, and gets the rows."""
        import psycopg

        try:
            with self._driver.transaction():
                self.execute(f"DROP TABLE IF EXISTS {table}")
                self.execute(f"ALTER TABLE {stage} RENAME TO {quoted(name)}")
        except psycopg.errors.DependentObjectsStillExist as error:
            self._refill(stage, table, error)

    def _refill(self, stage: str, table: str, error: psycopg.Error) -> None:
        old, new = (self.describe(f"SELECT * FROM {place}") for place in (table, stage))
        if [(f.name, f.arrow) for f in old] != [(f.name, f.arrow) for f in new]:
            raise AccessError(
                f"the table {table} cannot be replaced by one with other columns: {error.diag.message_detail}"
            ) from None
        columns = ", ".join(map(quoted, new.names))
        self.execute(f"DELETE FROM {table}")
        self.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage}")
        self.execute(f"DROP TABLE {stage}")


_LOOSE = pa.decimal128(38, 38)  # stands for a numeric without a scale until it has one


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(field: Field) -> str:
    """The expression that gives a column in the text that `from_text` reads."""
    name = f"q.{quoted(field.name)}"
    if field.type == "duration":
        months = f"extract(year FROM {name}) * 12 + extract(month FROM {name})"
        seconds = f"(extract(hour FROM {name}) * 60 + extract(minute FROM {name})) * 60000000"
        time = f"({seconds} + extract(microseconds FROM {name}))::bigint"
        return f"({months})::bigint || ' ' || extract(day FROM {name}) || ' ' || {time}"
    return f"to_json({name})" if field.type == "list" else name


def _field(column: Any) -> Field:
    name, number = column.name, column.type_code
    if number in _ARRAYS:
        item = _plain(name, _ARRAYS[number], 38, 12)
        return bare(name, "list", pa.list_(item.arrow), itemType=item.type)
    if number == _BYTES:
        raise FlowError(
            f"the column {name!r} holds bytes, for which Table Schema has no type"
            "\n  a query can leave it out, or make it a text: encode(…, 'base64')"
        )
    return _plain(name, number, column.precision, column.scale)


def _plain(name: str, number: int, precision: int | None, scale: int | None) -> Field:
    if number == _NUMERIC:
        if precision is None:
            return bare(name, "number", _LOOSE)
        digits, decimals = max(precision, scale or 0), max(scale or 0, 0)
        if digits <= 38:
            return bare(name, "number" if decimals else "integer", pa.decimal128(digits, decimals))
        return bare(name, "number", pa.decimal128(38, min(decimals, 21)))
    properties = dict(_TYPES.get(number, {"type": "string"}))
    return bare(name, properties.pop("type"), properties.pop("arrow", None), **properties)
