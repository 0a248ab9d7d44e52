"""Which rows change a row of the table, and which are new to it: told while they pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa

from dataflows_core.schema import Field, Schema
from dataflows_sql.database import Connection, quoted
from dataflows_sql.stored import as_stored
from dataflows_sql.writing import TableWriter

if TYPE_CHECKING:
    import duckdb

__all__ = ["Updated"]


@dataclass(frozen=True)
class Updated:
    """Adds columns that say which rows change a row of the table.

    The keys of the table are kept while rows pass, and leave memory when they are many.

    Args:
        writer: The table.
        flag: The name of the field that is true for a row that changes one; None for none.
        number: The name of the field for the number of that row, as the table counts; None for none.
    """

    writer: TableWriter
    flag: str | None
    number: str | None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that are added."""
        made = [(self.flag, "boolean"), (self.number, "integer")]
        return tuple(Field({"name": name, "type": kind}) for name, kind in made if name is not None)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches with the columns."""
        import duckdb

        with (
            TemporaryDirectory(prefix="dataflows-sql-") as folder,
            duckdb.connect(config={"temp_directory": folder, "memory_limit": "512MB"}) as local,
        ):
            keys = self._copied(local) if self.writer.target.keyed else None
            for batch in batches:
                if keys is None:
                    flags, numbers = pa.repeat(False, batch.num_rows), pa.nulls(batch.num_rows, pa.int64())
                else:
                    flags, numbers = self._judged(local, batch, keys)
                columns = [
                    *batch.columns,
                    *([flags] if self.flag else []),
                    *([numbers] if self.number else []),
                ]
                names = [*batch.schema.names, *(field.name for field in self.fields)]
                yield pa.RecordBatch.from_arrays(columns, names=names)

    def _copied(self, local: duckdb.DuckDBPyConnection) -> Schema:
        """Copy the keys of the table, and the numbers of its rows; returns the columns of the keys."""
        writer = self.writer
        layout = writer.look()
        keys = layout.columns.select(writer.target.update_keys)
        _fill(
            local,
            "CREATE TABLE seen AS",
            [pa.nulls(0, field.arrow) for field in keys],
            pa.nulls(0, pa.int64()),
        )
        if not layout.exists:
            return keys
        with writer.database.open(write=False) as connection:
            number = self._numbered_by(connection)
            names = [*map(quoted, keys.names), *([quoted(number)] if number else [])]
            select = f"SELECT {', '.join(names)} FROM {writer.place}"
            schema = connection.describe(select)
            for _, block in connection.blocks(select, schema):
                batch = writer.database.decode(block, schema)
                ids = (
                    batch.columns[len(keys)].cast(pa.int64())
                    if number
                    else pa.nulls(batch.num_rows, pa.int64())
                )
                _fill(local, "INSERT INTO seen", batch.columns[: len(keys)], ids)
        return keys

    def _numbered_by(self, connection: Connection) -> str | None:
        """The column in which the database numbers the rows by itself, if there is one."""
        if self.number is None:
            return None
        known = connection.describe(f"SELECT * FROM {self.writer.place}")
        filled_in = connection.optional(self.writer.place) - set(self.writer.schema.names)
        found = [name for name in filled_in if known.field(name).type == "integer"]
        return found[0] if len(found) == 1 else None

    def _judged(
        self, local: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, keys: Schema
    ) -> tuple[pa.Array, pa.Array]:
        stored = Schema(tuple(self.writer.database.stored(field) for field in self.writer.schema))
        columns = as_stored(batch, self.writer.schema, stored, keys).columns
        _fill(local, "CREATE TABLE passing AS", columns, pa.array(range(batch.num_rows), pa.int64()))
        names = ", ".join(f"k{n}" for n in range(len(keys)))
        same = " AND ".join(f"seen.k{n} = passing.k{n}" for n in range(len(keys)))
        first = f"row_number() OVER (PARTITION BY {names} ORDER BY id) = 1"
        found = local.sql(
            f"SELECT count(seen.k0) > 0 OR NOT new AS updated, min(seen.id) AS id "
            f"FROM (SELECT *, {first} AS new FROM passing) AS passing LEFT JOIN seen ON {same} "
            "GROUP BY passing.id, new ORDER BY passing.id"
        ).to_arrow_table()
        local.execute(
            f"INSERT INTO seen SELECT DISTINCT {names}, NULL::BIGINT FROM passing "
            f"WHERE NOT EXISTS (SELECT 1 FROM seen WHERE {same}); DROP TABLE passing"
        )
        return found["updated"].combine_chunks(), found["id"].combine_chunks()


def _fill(
    local: duckdb.DuckDBPyConnection, statement: str, columns: Sequence[pa.Array], ids: pa.Array
) -> None:
    storages = [getattr(column, "storage", column) for column in columns]
    names = [f"k{n}" for n in range(len(columns))]
    local.register("given", pa.table([*storages, ids], names=[*names, "id"]))
    local.execute(f"{statement} SELECT * FROM given")
    local.unregister("given")
