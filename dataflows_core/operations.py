"""The operations that steps append to streams.

Which class an operation is *is* the declaration of what may be done with it: a `Map` looks at one batch
at a time and may run anywhere; `EachRow`, `PipeRows` and `PipeBatches` see the stream whole and in
order, on the flow's own thread; a `Write` passes on what it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from dataflows_core.errors import DataError, FlowError, SchemaError
from dataflows_core.report import Report
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import StepRef

if TYPE_CHECKING:
    from dataflows_core.rows import RowCodec
    from dataflows_core.sink import Sink

__all__ = [
    "BatchFunction",
    "EachRow",
    "InWorkers",
    "Map",
    "MapRows",
    "Operation",
    "PipeBatches",
    "PipeRows",
    "Selected",
    "Write",
    "conform",
]

BatchFunction: TypeAlias = "Callable[[pa.RecordBatch], pa.RecordBatch | tuple[pa.RecordBatch, Report]]"


@dataclass(frozen=True)
class Operation:
    """What a step does to one stream.

    Attributes:
        step: The step that appended it; the one to blame.
        before: The schema of the batches that reach it.
        after: The schema of the batches that leave it.
    """

    step: StepRef
    before: Schema
    after: Schema


@dataclass(frozen=True)
class Map(Operation):
    """One batch in, one batch out; no memory between batches, so it may run anywhere, in any order.

    Attributes:
        function: Gets a batch whose columns in `reads` have the types of `before`.
        reads: The fields that the function looks at; None means all. Others may reach it as carried
            text (see `dataflows_core.carried`) and must leave it as they came, or not at all.
        parts: The operations that were fused into this one, for finding the one to blame.
    """

    function: BatchFunction
    reads: frozenset[str] | None = None
    parts: tuple[Map, ...] = ()

    def apply(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report | None]:
        """The batch that leaves, and what the function reports."""
        from dataflows_core.carried import typed

        result = self.function(typed(batch, self.before, self.reads))
        report = None
        if isinstance(result, tuple):
            result, report = result
        return conform(result, self.after, carried=self.reads is not None), report


@dataclass(frozen=True)
class Selected:
    """The body of a `Map` that keeps some columns.

    Attributes:
        names: Their names, in order.
    """

    names: tuple[str, ...]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns, as they are."""
        return batch.select(list(self.names))


@dataclass(frozen=True)
class MapRows:
    """The body of a `Map` that calls a function on every row.

    Attributes:
        function: Gets a row; returns a row, or None when it changed the row in place.
        before: The schema of the rows it gets.
        after: The schema of the rows it returns.
    """

    function: Callable[[dict[str, Any]], Mapping[str, Any] | None]
    before: Schema
    after: Schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Call the function on every row of a batch."""
        rows = self._decoder.decode(batch)
        return self._encoder.encode(
            [row if (new := self.function(row)) is None else new for row in rows], batch
        )

    # Codecs learn which columns are read; they are made once.
    @cached_property
    def _decoder(self) -> RowCodec:
        from dataflows_core.rows import RowCodec

        return RowCodec(self.before)

    @cached_property
    def _encoder(self) -> RowCodec:
        from dataflows_core.rows import RowCodec

        return RowCodec(self.after)


@dataclass(frozen=True)
class EachRow(Operation):
    """Calls a function on every row, in order, on the flow's thread; the function may remember.

    Attributes:
        function: Gets a row; returns a row, or None when it changed the row in place.
    """

    function: Callable[[dict[str, Any]], Mapping[str, Any] | None]


@dataclass(frozen=True)
class PipeRows(Operation):
    """Hands the rows to a function as one iterator, in order.

    Attributes:
        function: Gets an iterator of rows; returns any iterable of rows.
    """

    function: Callable[[Iterator[dict[str, Any]]], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True)
class PipeBatches(Operation):
    """Hands the batches to a function as one iterator, in order.

    Attributes:
        function: Gets an iterator of batches with the types of `before`; returns any iterable of them.
    """

    function: Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]]


@dataclass(frozen=True)
class InWorkers(Operation):
    """Hands the batches, in pieces, to worker processes of its own; the order is kept.

    Attributes:
        function: Gets a typed batch; returns a batch with as many rows. Where it raises a `ProcessorError`,
            the `row` of that is a row of the batch, from 1.
        workers: How many processes; one per core when it is None.
    """

    function: Callable[[pa.RecordBatch], pa.RecordBatch]
    workers: int | None = None


@dataclass(frozen=True)
class Write(Operation):
    """Writes what passes, and passes it on.

    Attributes:
        sink: Where it is written.
    """

    sink: Sink


def conform(batch: pa.RecordBatch, schema: Schema, *, carried: bool = False) -> pa.RecordBatch:
    """The batch with the columns of `schema`, in its order, and of its types.

    A column of another type that means the same is converted; a value that this would change is an error.

    Args:
        batch: What an operation returned.
        schema: What it announced.
        carried: Whether text may stand for other types, because it was proven to be canonical; a user's
            function is not trusted with that.

    Raises:
        FlowError: It is no batch.
        SchemaError: A column that no field declares, or a field that no column has.
        DataError: A column whose values do not fit their field's type.
    """
    if not isinstance(batch, pa.RecordBatch):
        raise FlowError(
            f"a function of batches returns a pyarrow.RecordBatch, and not {type(batch).__name__}"
        )
    if batch.schema.equals(schema.arrow):
        return batch
    names = batch.schema.names
    if names != list(schema.names):
        if extra := [name for name in names if name not in schema]:
            raise SchemaError(
                f"the column {extra[0]!r} is declared by no field; add it with add_field before this step"
            )
        if missing := [name for name in schema.names if name not in names]:
            raise SchemaError(
                f"the column of the field {missing[0]!r} is missing; delete_fields removes a field"
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SchemaError(f"two columns are named {twice!r}")
        batch = batch.select(list(schema.names))
    from dataflows_core.carried import is_carried

    columns = [
        column
        if column.type == field.arrow or (carried and is_carried(column, field))
        else _converted(column, field)
        for field, column in zip(schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(schema.names))


def _converted(column: pa.Array, field: Field) -> pa.Array:
    from dataflows_core.cast import cast_column
    from dataflows_core.foreign import familiar, is_binary

    if not is_binary(column.type) or field.format == "binary":  # bytes are no text by themselves
        column = familiar(column)
    given = column.type
    if given == field.arrow:
        return column
    if not (
        pa.types.is_null(given) or isinstance(field.arrow, pa.JsonType) or _kind(given) == _kind(field.arrow)
    ):
        raise DataError(
            f"the values of the column {field.name!r} are {given}, and its field is of the type {field.type}"
        )
    result, errors = cast_column(column, field, missing_values=())
    if errors:
        raise errors[0]
    return result


def _kind(arrow: pa.DataType) -> str:
    """What values of a type are, whatever their width: conversion among these keeps the meaning."""
    types = pa.types
    if types.is_integer(arrow) or types.is_decimal(arrow) or types.is_floating(arrow):
        return "number"
    if types.is_string(arrow) or types.is_large_string(arrow) or types.is_string_view(arrow):
        return "text"
    if types.is_list(arrow) or types.is_large_list(arrow):
        return f"list of {_kind(arrow.value_type)}"
    if types.is_timestamp(arrow):
        return "moment" if arrow.tz else "local time"
    if types.is_date(arrow) or types.is_time(arrow):
        return "date" if types.is_date(arrow) else "time"
    return str(arrow)
