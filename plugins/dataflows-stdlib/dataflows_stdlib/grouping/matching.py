"""The rows of a target, matched with the grouped rows of a source.

Only keys go through the database: the rows of the target wait in a file, in their order, and are put together
with what the database gives in the order of their ordinals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.errors import DataError, FlowError
from dataflows_core.schema import Field, Schema
from dataflows_core.spool import Spool
from dataflows_stdlib.grouping.keys import Key, KeyColumns, key_order
from dataflows_stdlib.grouping.plan import Grouping
from dataflows_stdlib.outofcore import ORDINAL, Database

__all__ = ["Filled", "Matching", "filled_by"]

_JOINS = {
    "inner": "JOIN",
    "semi": "JOIN",
    "half-outer": "LEFT JOIN",
    "anti": "LEFT JOIN",
    "full-outer": "FULL JOIN",
}


@dataclass(frozen=True)
class Filled:
    """A field of the target's key, which gets the source's key where the target has no row.

    Attributes:
        field: The field of the target.
        column: Which column of the key it gets.
    """

    field: Field
    column: int


def filled_by(source: Key, target: Key, target_schema: Schema) -> tuple[Filled, ...]:
    """The fields that the rows of `full-outer` without a target get from the source's key.

    Raises:
        FlowError: The key is one text, and no field of the target holds it.
    """
    if target.plain and (source.plain or len(target.parts) == 1):
        return tuple(
            Filled(target_schema.field(part.field), i)
            for i, part in enumerate(target.parts)
            if part.field in target_schema
        )
    raise FlowError(
        "the mode 'full-outer' gives new rows of the target their key; for that, write both keys as lists of "
        "fields, or the target's as one field"
    )


@dataclass(frozen=True)
class Matching:
    """How the rows of the target get what the source's rows of their key give.

    Attributes:
        grouping: How the source is grouped.
        source: The schema in which it travels.
        key: The target's key.
        before: The target's schema.
        after: The schema of the result.
        mode: See `join`.
        filled: The fields of the target that rows without a target get from the key.
        memory_limit: What it may take before it spills to disk.
    """

    grouping: Grouping
    source: Schema
    key: Key
    before: Schema
    after: Schema
    mode: str
    filled: tuple[Filled, ...]
    memory_limit: str | int | None

    @property
    def reads(self) -> set[str]:
        """The fields of the target that are looked at, or change their type."""
        made = {field.name for field in self.grouping.fields}
        return {*self.key.fields, *(name for name in self.before.names if name in made)}

    def __call__(
        self, source: Iterator[pa.RecordBatch], target: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """The rows of the target, in their order, then those that only the source has."""
        with Database(self.memory_limit) as database:
            grouped = self.grouping.read(database, source, self.source)
            database.execute(f"CREATE TABLE groups AS SELECT *, true AS matched FROM ({grouped})")  # noqa: S608
            spool = Spool()
            keys = KeyColumns(self.key, self.before, self.grouping.kinds)
            database.read("target", _kept(target, spool, keys), Schema(keys.fields))
            yield from self._assembled(spool, database.raw(self._sql()))

    def _sql(self) -> str:
        keys = range(len(self.grouping.kinds))
        on = " AND ".join(f"target.c{i} IS NOT DISTINCT FROM groups.k{i}" for i in keys)
        unmatched = " WHERE groups.matched IS NULL" if self.mode == "anti" else ""
        order = f"target.{ORDINAL} NULLS LAST"
        if self.mode == "full-outer":
            order += f", {key_order(self.grouping.kinds, 'groups')}"
        return (
            f"SELECT target.{ORDINAL} AS {ORDINAL}, groups.* FROM target {_JOINS[self.mode]} groups ON {on}"  # noqa: S608
            f"{unmatched} ORDER BY {order}"
        )

    def _assembled(self, spool: Spool, results: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of the target with their results; a batch of the one may end within one of the other."""
        place = first = 0
        batch: pa.RecordBatch | None = None
        for result in results:
            while result.num_rows and result.column(ORDINAL).null_count < result.num_rows:
                while batch is None or result.column(ORDINAL)[0].as_py() >= first + batch.num_rows:
                    first += batch.num_rows if batch is not None else 0
                    batch, place = spool[place], place + 1
                within = pc.less(result.column(ORDINAL), first + batch.num_rows)
                count = pc.sum(within).as_py()
                yield self._matched(batch, first, result[:count])
                result = result[count:]
            if result.num_rows:
                yield self._unmatched(result)

    def _matched(self, batch: pa.RecordBatch, first: int, result: pa.RecordBatch) -> pa.RecordBatch:
        if result.num_rows < batch.num_rows:
            batch = batch.take(pc.subtract(result.column(ORDINAL), first))
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for field, column in zip(self.grouping.fields, self.grouping.finished(result), strict=True):
            if field.name in columns:
                column = _chosen(
                    result.column("matched"), column, columns[field.name], self.after.field(field.name)
                )
            columns[field.name] = column
        return self._batch(columns, result.num_rows)

    def _unmatched(self, result: pa.RecordBatch) -> pa.RecordBatch:
        columns = {field.name: pa.nulls(result.num_rows, field.arrow) for field in self.before}
        columns |= dict(
            zip((f.name for f in self.grouping.fields), self.grouping.finished(result), strict=True)
        )
        for filled in self.filled:
            columns[filled.field.name] = _key_values(result.column(f"k{filled.column}"), filled.field)
        return self._batch(columns, result.num_rows)

    def _batch(self, columns: dict[str, pa.Array], count: int) -> pa.RecordBatch:
        if not columns:  # a batch without columns still has rows
            return pa.RecordBatch.from_struct_array(pa.nulls(count, pa.struct([])).fill_null({}))
        return pa.RecordBatch.from_arrays(
            [columns[name] for name in self.after.names], names=list(self.after.names)
        )


def _kept(batches: Iterator[pa.RecordBatch], spool: Spool, keys: KeyColumns) -> Iterator[pa.RecordBatch]:
    """The keys of batches that are kept."""
    names = [field.name for field in keys.fields]
    for batch in batches:
        if batch.num_rows:
            spool.append(batch)
            yield pa.RecordBatch.from_arrays(keys(batch), names=names)


def _chosen(matched: pa.Array, new: pa.Array, old: pa.Array, field: Field) -> pa.Array:
    """The new value where there is a match, the old one elsewhere."""
    try:
        new, old = (
            column if column.type == field.arrow else column.cast(field.arrow) for column in (new, old)
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"field {field.name!r}: a value does not fit {field.arrow}: {error}") from error
    if matched.null_count == 0:
        return new
    places = pa.array(range(len(new)), pa.int64())
    return pa.concat_arrays([new, old]).take(pc.if_else(matched.is_valid(), places, pc.add(places, len(new))))


def _key_values(column: pa.Array, field: Field) -> pa.Array:
    if column.type == field.arrow:
        return column
    text = column.cast(pa.string())
    if field.type == "string":
        return text.cast(field.arrow)
    values, errors = cast_column(text, field, missing_values=())
    if errors:
        raise errors[0]
    return values
