"""Rows that were put aside, into their table, within a transaction."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from dataflows_core.drift import OnDrift, meet
from dataflows_core.errors import DataError, FlowError, SchemaError
from dataflows_core.schema import Field, Schema
from dataflows_sql.database import Connection, Database, quoted
from dataflows_sql.stored import bare
from dataflows_sql.targets import Target, primary_key

__all__ = ["Layout", "TableWriter"]


@dataclass(frozen=True)
class Layout:
    """How rows fit into a table.

    Args:
        exists: Whether the table is there, and stays.
        columns: The columns that are written, with the types they have in the table.
        added: Those of them that the table has not yet.
        emptied: Whether the rows that are there go.
    """

    exists: bool
    columns: Schema
    added: tuple[Field, ...] = ()
    emptied: bool = False


@dataclass(frozen=True)
class TableWriter:
    """Writes one table.

    Args:
        database: The database.
        target: The table, and how it is written.
        schema: The schema of the resource.
        db_schema: The schema (in the sense of databases) that the table is in; None for the usual one.
        on_drift: What becomes of fields that the resource and the table do not have in common.
    """

    database: Database
    target: Target
    schema: Schema
    db_schema: str | None
    on_drift: OnDrift

    @property
    def place(self) -> str:
        """The table as SQL names it."""
        return self._named(self.target.table)

    def _named(self, name: str) -> str:
        return quoted(name) if self.db_schema is None else f"{quoted(self.db_schema)}.{quoted(name)}"

    def check_names(self) -> None:
        """See that the database can have tables and columns of these names.

        Raises:
            FlowError: It cannot.
        """
        names = [self.target.table, *self.schema.names]
        for name in names:
            quoted(name)
            if not name or len(name.encode()) > self.database.longest_name:
                raise FlowError(
                    f"{self.database.title} has no names like {name!r}: "
                    f"one to {self.database.longest_name} bytes are allowed"
                )
        if not self.schema.fields:
            raise FlowError(f"resource {self.target.resource!r} has no fields, and a table needs a column")
        if self.database.same_case:
            seen: dict[str, str] = {}
            for name in self.schema.names:
                if other := seen.get(name.lower()):
                    raise FlowError(
                        f"to {self.database.title} the fields {other!r} and {name!r} are the same; rename one"
                    )
                seen[name.lower()] = name

    def look(self) -> Layout:
        """How the rows fit into the table as it is now, in a transaction of its own.

        Raises:
            SchemaError: They do not.
            AccessError: The database cannot be reached.
        """
        if not self.database.there:
            return Layout(False, self._stored())
        with self.database.open(write=False) as connection:
            return self.lay_out(connection)

    def _stored(self) -> Schema:
        return Schema(tuple(self.database.stored(field) for field in self.schema))

    def lay_out(self, connection: Connection) -> Layout:
        """How the rows fit into the table as it is now.

        Raises:
            SchemaError: They do not.
        """
        if not self._exists(connection):
            return Layout(False, self._stored())
        attached = connection.attached(self.place)
        if attached.kind:
            raise SchemaError(f"{self.target.table!r} is {attached.kind}, and dump_to_sql writes into tables")
        if self.target.mode != "rewrite":
            return self._fitted(connection)
        if attached.referred:
            raise SchemaError(
                f"the table {self.target.table!r} cannot be rewritten: foreign keys of "
                f"{', '.join(attached.referred)} lead to its rows"
                '\n  the modes "update" and "merge" leave rows where they are'
            )
        if not attached.parts:
            return Layout(False, self._stored())
        try:
            return replace(self._fitted(connection), emptied=True)
        except SchemaError as error:
            raise SchemaError(
                f"{error}\n  a table with other columns does not take its place, since this would be lost: "
                f"{', '.join(attached.parts)}"
            ) from None

    def _fitted(self, connection: Connection) -> Layout:
        """How the rows fit into a table that stays."""
        stored = self._stored()
        known = connection.describe(f"SELECT * FROM {self.place}")
        filled_in = [name for name in connection.optional(self.place) if name not in stored]
        names = f"the table {self.target.table!r}", f"resource {self.target.resource!r}"
        meet(known.drop(filled_in), stored, self.on_drift, names=names, offered=("add", "ignore"))
        added = tuple(field for field in stored if field.name not in known) if self.on_drift == "add" else ()
        columns = [
            known.field(f.name) if f.name in known else f for f in stored if f.name in known or f in added
        ]
        for key in self.target.update_keys:
            known.field(key)
        return Layout(True, Schema(tuple(columns)), added)

    def _exists(self, connection: Connection) -> bool:
        if self.db_schema is not None:
            try:
                connection.describe(f"SELECT * FROM {self.place}")
            except FlowError:
                return False
            return True
        fold = str.lower if self.database.same_case else str
        return fold(self.target.table) in map(fold, connection.tables())

    def write(self, connection: Connection, planned: Layout, files: Sequence[Path]) -> None:
        """Write the rows; nothing is seen of it until the transaction ends.

        Args:
            connection: The transaction.
            planned: What `lay_out` said when the run began.
            files: The rows, as the database takes them.

        Raises:
            DataError: The table is not as it was when the run began, or the database refuses rows.
        """
        if self.target.mode != "append":
            # Before the table is read: two that read it first would wait for each other for ever.
            connection.lock(self.place)
        layout = self.lay_out(connection)
        if layout != planned:
            raise DataError(
                f"the table {self.target.table!r} was changed while the flow ran: run it again, "
                "or, if another dump of this flow writes into it, let each have a flow of its own"
            )
        if not layout.exists:
            stage = self._named(_unique())
            self._create(connection, stage, layout.columns)
            if not self.target.keyed:
                self._insert(connection, stage, layout.columns, files)
            if self.database.key_afterwards and (key := primary_key(self.schema)):
                connection.add_key(stage, key)
            connection.swap(stage, self.place, self.target.table)
        if layout.emptied:
            connection.execute(f"DELETE FROM {self.place}")
        for field in layout.added:
            kind = self.database.column_type(field)
            connection.execute(f"ALTER TABLE {self.place} ADD COLUMN {quoted(field.name)} {kind}")
        if self.target.keyed:
            self._merge(connection, layout.columns, files)
        elif layout.exists:
            self._insert(connection, self.place, layout.columns, files)
        for fields in self.target.indexes:
            self._index(connection, fields)

    def _create(self, connection: Connection, table: str, columns: Schema) -> None:
        lines = []
        for field in columns:
            constraints = self.schema.field(field.name).constraints
            rule = " NOT NULL" if constraints.get("required") else ""
            rule += " UNIQUE" if constraints.get("unique") else ""
            lines.append(f"{quoted(field.name)} {self.database.column_type(field)}{rule}")
        if not self.database.key_afterwards and (key := primary_key(self.schema)):
            lines.append(f"PRIMARY KEY ({', '.join(map(quoted, key))})")
        connection.execute(f"CREATE TABLE {table} ({', '.join(lines)})")

    def _insert(self, connection: Connection, table: str, columns: Schema, files: Sequence[Path]) -> None:
        with ExitStack() as stack:
            opened = [stack.enter_context(path.open("rb")) for path in files]
            connection.insert(table, columns, opened)

    def _merge(self, connection: Connection, columns: Schema, files: Sequence[Path]) -> None:
        stage = _unique()
        renamed = Schema(tuple(bare(f"c{n}", f.type, f.arrow) for n, f in enumerate(columns)))
        # The types of the table itself, which may be such as no field has: uuid, an enumeration …
        parts = ", ".join(f"{quoted(name)} AS c{n}" for n, name in enumerate(columns.names))
        connection.execute(f"CREATE TEMP TABLE {stage} AS SELECT {parts} FROM {self.place} WHERE 1 = 0")
        self._insert(connection, stage, renamed, files)
        keys = [columns.names.index(key) for key in self.target.update_keys]
        if not connection.unique(stage, [f"c{n}" for n in keys]):
            stage = self._without_repeated(connection, stage, renamed.names, keys)
        same = " AND ".join(f"t.{quoted(columns.names[n])} = s.c{n}" for n in keys)
        if connection.worth_rebuilding(self.place, stage):
            self._rebuild(connection, stage, columns.names, keys, same)
        else:
            self._change(connection, stage, columns, keys, same)
        connection.execute(f"DROP TABLE {stage}")

    def _rebuild(
        self, connection: Connection, stage: str, columns: Sequence[str], keys: Sequence[int], same: str
    ) -> None:
        """A new table out of the rows of both: quicker than to change most of the rows of the old one."""
        values = []
        for name in connection.describe(f"SELECT * FROM {self.place}").names:
            old = f"t.{quoted(name)}"
            number = columns.index(name) if name in columns else None
            if number is None:
                values.append(old)
            elif number in keys:
                values.append(f"coalesce({old}, s.c{number})")
            else:
                new = self._new_value(name, number)
                values.append(f"CASE WHEN s.c{keys[0]} IS NULL THEN {old} ELSE {new} END")
        made = self._named(_unique())
        connection.execute(f"CREATE TABLE {made} (LIKE {self.place} INCLUDING ALL)")
        connection.execute(
            f"INSERT INTO {made} SELECT {', '.join(values)} "
            f"FROM {self.place} AS t FULL JOIN {stage} AS s ON {same}"
        )
        connection.swap(made, self.place, self.target.table)

    def _change(
        self, connection: Connection, stage: str, columns: Schema, keys: Sequence[int], same: str
    ) -> None:
        changed = ", ".join(
            f"{quoted(name)} = {self._new_value(name, n)}"
            for n, name in enumerate(columns.names)
            if n not in keys
        )
        into = ", ".join(map(quoted, columns.names))
        values = ", ".join(f"s.c{n}" for n in range(len(columns)))
        if connection.merges:
            update = f"WHEN MATCHED THEN UPDATE SET {changed} " if changed else ""
            connection.execute(
                f"MERGE INTO {self.place} AS t USING {stage} AS s ON {same} {update}"
                f"WHEN NOT MATCHED THEN INSERT ({into}) OVERRIDING SYSTEM VALUE VALUES ({values})"
            )
        else:
            if changed:
                connection.execute(f"UPDATE {self.place} AS t SET {changed} FROM {stage} AS s WHERE {same}")
            connection.execute(
                f"INSERT INTO {self.place} ({into}) SELECT {values} FROM {stage} AS s "
                f"WHERE NOT EXISTS (SELECT 1 FROM {self.place} AS t WHERE {same}) "
                f"ORDER BY s.{connection.position}"
            )

    def _new_value(self, name: str, number: int) -> str:
        return f"coalesce(s.c{number}, t.{quoted(name)})" if self.target.mode == "merge" else f"s.c{number}"

    def _without_repeated(
        self, connection: Connection, stage: str, columns: Sequence[str], keys: Sequence[int]
    ) -> str:
        """The rows, one of each key: the last one, which in mode merge says what it says over the others."""
        key, position = ", ".join(columns[n] for n in keys), connection.position
        values = [
            f"first_value({name}) OVER "
            f"(PARTITION BY {key} ORDER BY {name} IS NULL, {position} DESC) AS {name}"
            if self.target.mode == "merge" and n not in keys
            else name
            for n, name in enumerate(columns)
        ]
        single = _unique()
        connection.execute(
            f"CREATE TEMP TABLE {single} AS SELECT {', '.join(columns)} FROM "
            f"(SELECT {', '.join(values)}, {position} AS number, "
            f"row_number() OVER (PARTITION BY {key} ORDER BY {position} DESC) AS place FROM {stage}) AS q "
            "WHERE place = 1 ORDER BY number"
        )
        connection.execute(f"DROP TABLE {stage}")
        connection.unique(single, [columns[n] for n in keys])
        return single

    def _index(self, connection: Connection, fields: Sequence[str]) -> None:
        digest = hashlib.sha256(json.dumps([self.target.table, *fields]).encode()).hexdigest()[:8]
        # By the beginning of the name it is known later that it may be made anew.
        words = "_".join(["dataflows", self.target.table, *fields]).encode()[:50].decode(errors="ignore")
        names = ", ".join(map(quoted, fields))
        connection.execute(
            f"CREATE INDEX IF NOT EXISTS {quoted(f'{words}_{digest}')} ON {self.place} ({names})"
        )


def _unique() -> str:
    return f"dataflows_{uuid.uuid4().hex}"
