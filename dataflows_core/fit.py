"""Batches of one schema made into batches of another that holds their values (see `unify`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.errors import CastError
from dataflows_core.schema import Field, Schema
from dataflows_core.unify import item_field
from dataflows_core.values import value_codec

__all__ = ["Fit", "fit"]


def fit(before: Schema, after: Schema, sources: Mapping[str, tuple[str, ...]] | None = None) -> Fit:
    """The function that makes batches of one schema into batches of another.

    Args:
        before: The schema of the batches.
        after: What they are to have; its types hold the values of `before`, see `unify`.
        sources: By field of `after`, the fields of `before` that its values are taken from, the first that
            is not null; those of the same name by default.
    """
    if sources is None:
        sources = {name: (name,) for name in after.names if name in before}
    return Fit(before, after, {name: tuple(found) for name, found in sources.items() if found})


@dataclass(frozen=True)
class Fit:
    """Makes batches of one schema into batches of another; see `fit`.

    Attributes:
        before: The schema of the batches it gets.
        after: The schema of those it returns.
        sources: Where the values of a field are taken from; a field that is not named here is null.
    """

    before: Schema
    after: Schema
    sources: Mapping[str, tuple[str, ...]]

    @property
    def reads(self) -> frozenset[str]:
        """The fields that it needs typed; others it passes on as they come."""
        found: set[str] = set()
        for name, sources in self.sources.items():
            if len(sources) > 1 or not _same_type(self.before.field(sources[0]), self.after.field(name)):
                found.update(sources)
        return frozenset(found)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch.

        Raises:
            CastError: A value that the field of the result cannot hold.
        """
        if not self.after.fields:
            return batch.select([])
        columns = [self._column(batch, field) for field in self.after]
        return pa.RecordBatch.from_arrays(columns, names=list(self.after.names))

    def _column(self, batch: pa.RecordBatch, field: Field) -> pa.Array:
        parts = [
            _converted(batch.column(name), self.before.field(name), field)
            for name in self.sources.get(field.name, ())
        ]
        if not parts:
            return pa.nulls(batch.num_rows, field.arrow)
        if len(parts) == 1:
            return parts[0]
        if isinstance(field.arrow, pa.BaseExtensionType):  # no kernel knows these
            storage = pc.coalesce(*(part.storage for part in parts))
            return pa.ExtensionArray.from_storage(field.arrow, storage)
        return pc.coalesce(*parts)


def _same_type(one: Field, other: Field) -> bool:
    return one.type == other.type and bool(one.arrow == other.arrow)


def _converted(column: pa.Array, before: Field, after: Field) -> pa.Array:
    if _same_type(before, after) or column.type == after.arrow:
        return column
    if after.type == "any":
        return value_codec(after).encode(value_codec(before).decode(column))
    if after.type == "list":
        return _lists(column, before, after)
    if pa.types.is_floating(after.arrow) and pa.types.is_integer(column.type):
        return _doubles(column, after)
    result, errors = cast_column(column, after, missing_values=())
    if errors:
        raise errors[0]
    return result


def _doubles(column: pa.Array, after: Field) -> pa.Array:
    try:
        return column.cast(after.arrow)
    except pa.ArrowInvalid:  # beyond 53 bits Arrow refuses all, also those that doubles equal
        values = column.to_pylist()
    for index, value in enumerate(values):
        if value is not None and int(float(value)) != value:
            raise CastError(
                after.name,
                value,
                "a number in floating point",
                index=index,
                remedy="set_type makes the field an exact number everywhere",
            )
    return pa.array([None if value is None else float(value) for value in values], after.arrow)


def _lists(column: pa.Array, before: Field, after: Field) -> pa.Array:
    values = _converted(column.flatten(), item_field(before), item_field(after))
    offsets: list[int | None] = []
    total = 0
    for length in pc.list_value_length(column).to_pylist():
        offsets.append(None if length is None else total)
        total += length or 0
    return pa.ListArray.from_arrays(pa.array([*offsets, total], pa.int32()), values)
