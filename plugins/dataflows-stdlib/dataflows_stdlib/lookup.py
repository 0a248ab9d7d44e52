"""Fields from a small table, by a key that it has once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import DataError, FlowError, RowError, SchemaError, near_misses
from dataflows_core.inline import arrow_stream, rows_stream
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_stdlib.grouping.keys import ROW_NUMBER, Key, KeyColumns, comparable, parse_key

__all__ = ["lookup"]

MISSING = ("null", "error", "keep")


def lookup(
    table: str | Iterable[Mapping[str, Any]] | Any,
    table_key: str | Iterable[str],
    key: str | Iterable[str] | None = None,
    fields: Iterable[str] | Mapping[str, str] | None = None,
    resources: ResourceSelector = None,
    *,
    missing: str = "null",
    source_delete: bool = True,
) -> Step:
    """Add fields of a small table to each row, by a key that the table has only once.

    The table is kept in memory; `join` is for one that may be large, or has several rows for a key. Keys are
    written, and are equal, as for `join`, without row numbers.

    Args:
        table: The name of a resource, or the table itself: dicts, or anything with an Arrow stream.
        table_key: Its key.
        key: The key of the rows that get the fields; the same by default.
        fields: Which fields of the table to add, or a mapping of new names to theirs; all but its key by
            default. One that is there already is replaced.
        resources: Which resources get them: None for all, a regular expression, a position or a list of
            names. The table itself is never one of them.
        missing: What happens to a row whose key the table has not: `null`, the fields are null; `keep`, those
            that are there already stay as they are; `error`, the run fails.
        source_delete: Whether a resource that is the table is left out of the package.

    Raises:
        FlowError: An unknown way for what is missing, or keys that cannot be compared.
        SchemaError: A field that is not there; near misses are named.
        DataError: The table has a key twice, or, with `error`, a row has a key that the table has not.

    Examples:
        >>> from dataflows_core import Flow
        >>> countries = [{"code": "TD", "name": "Chad"}, {"code": "PE", "name": "Peru"}]
        >>> Flow([{"country": "PE"}, {"country": "XX"}], lookup(countries, "code", "country")).results().rows
        [[{'country': 'PE', 'name': 'Peru'}, {'country': 'XX', 'name': None}]]
    """
    if missing not in MISSING:
        close = near_misses(str(missing), MISSING)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise FlowError(f"missing is one of {', '.join(MISSING)}, and not {missing!r}{hint}")
    rows = table if isinstance(table, str) or hasattr(table, "__arrow_c_stream__") else list(table)
    wanted = dict(fields) if isinstance(fields, Mapping) else fields and [*fields]

    def step(package: Package) -> None:
        source = _source(package, rows)
        names = _names(wanted, parse_key(table_key, source.schema, source.name), source)
        targets = [one for one in package.tables(resources) if one is not source]
        if not targets:
            raise FlowError(f"there is no resource besides the table {source.name!r}")
        assert source.stream is not None
        given = isinstance(rows, str)
        kept = given and not source_delete
        shared = (source.stream,) if len(targets) + kept == 1 else source.stream.share(len(targets) + kept)
        for target, stream in zip(targets, shared, strict=False):
            plan = _planned(source, target, table_key, table_key if key is None else key, names, missing)
            assert target.stream is not None
            reads = (plan.table_reads, plan.reads)
            target.stream = Stream.derive([stream, target.stream], plan, plan.after, reads=reads)
        if kept:
            source.stream = shared[-1]
        elif given:
            package.resources.remove(source)

    return step


def _source(package: Package, table: Any) -> Resource:
    if isinstance(table, str):
        (source,) = package.tables([table])
        return source
    stream = arrow_stream(table) if hasattr(table, "__arrow_c_stream__") else rows_stream(table)
    return Resource("the table", stream)


def _names(fields: Any, key: Key, source: Resource) -> dict[str, str]:
    """The fields of the table that are wanted, by their new names."""
    if fields is None:
        return {name: name for name in source.schema.names if name not in key.fields}
    names = dict(fields) if isinstance(fields, Mapping) else {name: name for name in fields}
    for name in names.values():
        if name not in source.schema:
            raise SchemaError.unknown_field(str(name), source.schema.names, source.name)
    return names


def _planned(
    source: Resource, target: Resource, table_key: Any, key: Any, names: dict[str, str], missing: str
) -> _Lookup:
    keys = (
        parse_key(table_key, source.schema, source.name),
        parse_key(key, target.schema, target.name),
    )
    if any(part.field == ROW_NUMBER for one in keys for part in one.parts):
        raise FlowError("lookup has no row numbers; join has")
    kinds = comparable(keys, (source.schema, target.schema), (source.name, target.name))
    added = [source.schema.field(old).update(name=new, constraints=None) for new, old in names.items()]
    for field in added:
        if missing == "keep" and field.name in target.schema:
            known = target.schema.field(field.name)
            if known.arrow != field.arrow or known.type != field.type:
                raise FlowError(
                    f"resource {target.name!r} has a field {field.name!r} of the type {known.type} "
                    f"({known.arrow}), and that of the table is {field.type} ({field.arrow}); to keep its "
                    "values, make both alike with set_type"
                )
    after = target.schema.add(*added)
    width = len(kinds)
    return _Lookup(source.name, source.schema, target.schema, after, *keys, width, names, missing)


@dataclass(frozen=True)
class _Lookup:
    """The rows of a target with fields of a table.

    Attributes:
        name: What messages call the table.
        table: The table's schema.
        before: The target's schema.
        after: The schema of the result.
        table_key: The table's key.
        key: The target's key.
        width: The number of columns that keys are compared in.
        names: Which fields of the table are added, by their new names.
        missing: What happens when the table has no such key.
    """

    name: str
    table: Schema
    before: Schema
    after: Schema
    table_key: Key
    key: Key
    width: int
    names: Mapping[str, str]
    missing: str

    @property
    def table_reads(self) -> set[str]:
        """The fields of the table that are looked at."""
        return {*self.table_key.fields, *self.names.values()}

    @property
    def reads(self) -> set[str]:
        """The fields of the target that are looked at."""
        replaced = {name for name in self.names if name in self.before}
        return {*self.key.fields, *(replaced if self.missing == "keep" else ())}

    def __call__(
        self, table: Iterator[pa.RecordBatch], target: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """The target's batches, in order."""
        known, columns = self._loaded(table)
        first = 0
        for batch in target:
            keys = self._texts(batch, self.key, self.before)
            places = pc.index_in(keys, value_set=known)
            if self.missing == "error" and places.null_count:
                raise self._unknown(batch, pc.index(places.is_valid(), False).as_py(), first)
            first += batch.num_rows
            yield self._extended(batch, places, columns)

    def _loaded(self, batches: Iterator[pa.RecordBatch]) -> tuple[pa.Array, dict[str, pa.Array]]:
        """The keys of the table, and the columns that are added."""
        schema = self.table.select(name for name in self.table.names if name in self.table_reads)
        kept = [batch.select(list(schema.names)) for batch in batches]
        (batch,) = pa.Table.from_batches(kept, schema.arrow).combine_chunks().to_batches() or [
            pa.RecordBatch.from_pylist([], schema.arrow)
        ]
        known = self._texts(batch, self.table_key, schema)
        distinct = len(pc.unique(known))
        if distinct < len(known):
            raise self._twice(batch, known)
        return known, {new: batch.column(old) for new, old in self.names.items()}

    def _texts(self, batch: pa.RecordBatch, key: Key, schema: Schema) -> pa.Array:
        """The key of each row as one text, which no other key has."""
        columns = KeyColumns(key, schema, (pa.string(),) * self.width)(batch)
        if len(columns) == 1:
            return columns[0]
        pieces = []
        for column in columns:  # a length before each text keeps ("a", "bc") and ("ab", "c") apart
            length = pc.fill_null(pc.binary_length(column).cast(pa.string()), "")
            pieces += [length, pc.fill_null(column, "")]
        return pc.binary_join_element_wise(*pieces, ":")

    def _extended(
        self, batch: pa.RecordBatch, places: pa.Array, columns: Mapping[str, pa.Array]
    ) -> pa.RecordBatch:
        result = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, values in columns.items():
            column = values.take(places)
            if self.missing == "keep" and name in result and places.null_count:
                order = pa.array(range(len(column)), pa.int64())
                chosen = pc.if_else(places.is_valid(), order, pc.add(order, len(column)))
                column = pa.concat_arrays([column, result[name]]).take(chosen)
            result[name] = column
        return pa.RecordBatch.from_arrays(list(result.values()), names=list(result))

    def _twice(self, batch: pa.RecordBatch, known: pa.Array) -> DataError:
        seen: dict[str | None, int] = {}
        for row, text in enumerate(known.to_pylist(), 1):
            if text in seen:
                return DataError(
                    f"the key {_shown(batch, self.table_key, row - 1)} is in {self.name!r} twice, in the "
                    f"rows {seen[text]} and {row}; join makes one row of several"
                )
            seen[text] = row
        raise AssertionError("all keys differ")

    def _unknown(self, batch: pa.RecordBatch, index: int, first: int) -> RowError:
        return RowError(
            f"row {first + index + 1}: {self.name!r} has no row for the key {_shown(batch, self.key, index)}",
            index=index,
        )


def _shown(batch: pa.RecordBatch, key: Key, index: int) -> str:
    return ", ".join(f"{name}={batch.column(name)[index].as_py()!r}" for name in key.fields)
