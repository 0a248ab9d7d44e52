"""The sink: resources of a package into tables of a database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dataflows_core.drift import OnDrift, check_on_drift
from dataflows_core.errors import FlowError
from dataflows_core.schema import Schema
from dataflows_core.steps import Sink
from dataflows_sql.database import Database, writable
from dataflows_sql.sink import TableSink
from dataflows_sql.targets import target
from dataflows_sql.updated import Updated
from dataflows_sql.writing import Layout, TableWriter

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from dataflows_core.package import Package
    from dataflows_core.resource import Resource

__all__ = ["dump_to_sql"]


def dump_to_sql(
    tables: Mapping[str, Mapping[str, Any]],
    engine: str | Path | URL | Engine = "env://DATAFLOWS_DB_ENGINE",
    updated_column: str | None = None,
    updated_id_column: str | None = None,
    *,
    on_drift: OnDrift = "error",
    db_schema: str | None = None,
    batch_size: int = 1000,
    use_bloom_filter: bool = True,
) -> Sink:
    """Write resources into tables of PostgreSQL, SQLite or DuckDB, all of them in one transaction.

    Rows are put aside on disk while they pass. When every stream has ended well they are brought into the
    database: a run that fails, or is killed, leaves each table as it was. Values are kept exactly: numbers
    every digit, dates before 1900, the instant of a moment with a time zone (its zone becomes UTC), JSON,
    empty texts beside nulls. What a column cannot hold exactly is an error, never rounded or cut.

    Each table has these options:

    * ``resource-name``: the resource that is written to it.
    * ``mode``: ``"rewrite"`` (the default) replaces the table: the new one is filled beside it and takes
      its name. A table to which others have attached something that would be lost (privileges, triggers,
      views, defaults …) stays, and its rows are replaced. ``"append"`` adds rows. ``"update"`` (also called
      ``"upsert"``) replaces the values of rows whose keys are there, and adds the others; of several rows
      with one key the last one counts. ``"merge"`` is the same, but a null says nothing: what the table has
      stays. A table that is not there is made.
    * ``update_keys``: the fields that tell which row is meant; the primary key by default. None may be null.
    * ``indexes_fields``: lists of fields, for each an index.

    Args:
        tables: Options by the name of the table.
        engine: The URL of the database (``postgresql://…``, ``sqlite:///…``, ``duckdb:///…``), the path of a
            SQLite or DuckDB file, ``"env://NAME"`` for what an environment variable says, or a SQLAlchemy
            engine.
        updated_column: The name of a boolean field to add: whether the row changed one of the table.
        updated_id_column: The name of an integer field to add: the number of the row that was changed, where
            the database numbers the rows of the table by itself; null for new rows.
        on_drift: What becomes of fields that only the resource or only a table that stays has:
            ``"error"``; ``"add"`` makes columns for new fields; ``"ignore"`` leaves new fields out. Columns
            that the resource has not are null, or keep their values. Columns with a default may always be
            missing.
        db_schema: The schema (in the sense of databases) of the tables.
        batch_size: Makes no difference; the predecessor had it.
        use_bloom_filter: Makes no difference; the predecessor had it.

    Raises:
        FlowError: An option or mode that there is not, a resource without the keys that a mode needs, a name
            that the database does not allow.
        SchemaError: The table has other columns than the resource, or is a view, or is to be rewritten
            although foreign keys lead to it.
        CastError: A value that a column cannot hold exactly.
        DataError: The database refuses rows, such as a second one with the same primary key.
        AccessError: The database cannot be reached, or does not allow it.

    Examples:
        >>> from dataflows_core import Flow
        >>> from dataflows_core.processors import load_sql
        >>> dump = dump_to_sql({"cities": {"resource-name": "res_1"}}, engine="sqlite:///geo.db")
        >>> Flow([{"city": "Lyon", "people": 522250}], dump).process().stats
        {'count_of_rows': 1}
        >>> Flow(load_sql("sqlite:///geo.db", table="cities")).results().rows
        [[{'city': 'Lyon', 'people': 522250}]]
    """
    del batch_size, use_bloom_filter
    check_on_drift(on_drift)
    if on_drift == "drop":
        raise FlowError(
            'on_drift="drop" would drop columns of tables; "ignore" leaves out fields that a table has not'
        )
    targets = [target(table, options) for table, options in tables.items()]
    if not targets:
        raise FlowError("tables names no table")

    def step(package: Package) -> None:
        dump = _Dump(package, writable(engine))
        for each in targets:
            (resource,) = package.tables([each.resource])
            chosen = each.with_keys(resource.schema)
            writer = TableWriter(dump.database, chosen, resource.schema, db_schema, on_drift)
            dump.add(resource, writer, Updated(writer, updated_column, updated_id_column))

    return step


class _Dump:
    """One dump, as the package is when the step is planned."""

    def __init__(self, package: Package, database: Database) -> None:
        self._package, self.database = package, database
        self._folder: TemporaryDirectory[str] | None = None
        self._tables: list[tuple[TableWriter, TableSink]] = []
        self._layouts: dict[int, Layout] = {}
        package.on_finish(self.finish)
        package.on_abort(self.abort)

    def add(self, resource: Resource, writer: TableWriter, updated: Updated) -> None:
        """Plan a table."""
        writer.check_names()
        number = len(self._tables)
        where = f"table {writer.target.table!r} of {self.database.shown}"
        keys = writer.target.update_keys
        sink = TableSink(where, self.database, resource.schema, keys, lambda: self._begun(number), self.abort)
        resource.write(sink)
        self._tables.append((writer, sink))
        if updated.fields:
            for field in updated.fields:
                if field.name in resource.schema:
                    raise FlowError(f"resource {resource.name!r} has a field {field.name!r} already")
            resource.pipe_batches(
                updated, Schema((*resource.schema, *updated.fields), resource.schema.properties)
            )

    def _begun(self, number: int) -> tuple[Path, Schema]:
        """A folder for the rows of a table, and its columns."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="dataflows-sql-")
        folder = Path(self._folder.name) / str(number)
        folder.mkdir()
        self._layouts[number] = self._tables[number][0].look()
        return folder, self._layouts[number].columns

    def finish(self) -> None:
        """Write all tables, in one transaction."""
        with self.database.open(write=True) as connection:
            for number, (writer, sink) in enumerate(self._tables):
                writer.write(connection, self._layouts[number], sink.files)
        self._package.stats["count_of_rows"] = sum(sink.rows for _, sink in self._tables)
        self.abort()

    def abort(self) -> None:
        """Remove what was put aside."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
