"""A resource: one table (or one file) of a package, and the stream of its rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import DataflowsError, FlowError
from dataflows_core.schema import Schema
from dataflows_core.steps import current_step

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from dataflows_core.on_error import OnError
    from dataflows_core.operations import BatchFunction, Operation
    from dataflows_core.schema import Field
    from dataflows_core.sink import Sink
    from dataflows_core.stream import Stream

__all__ = ["Resource"]

Row = dict[str, Any]


class Resource:
    """One resource of a package.

    Args:
        name: Its name, unique in its package.
        stream: The lazy table of its rows; None for a resource that is not tabular, which passes through
            untouched.
        properties: What its descriptor says besides `name` and `schema`: `path`, `title`, `format` …
        schema: Only for a resource without a stream that has one all the same.

    Attributes:
        name: Its name.
        properties: What its descriptor says besides `name` and `schema`; may be changed.
        source: Where the files of a resource are that is not tabular; dumps copy them.
        storage_options: What opens these files.
        unnamed: Whether the name was made up, and may be another.
        kept: Whether its rows can be read; False when a run has drained them.
        count: Number of rows that left the last step, in the run that is over; None before.
    """

    def __init__(
        self,
        name: str,
        stream: Stream | None = None,
        properties: Mapping[str, Any] | None = None,
        *,
        schema: Schema | None = None,
    ) -> None:
        self.name = name
        self.properties: dict[str, Any] = dict(properties or {})
        self._stream = None if stream is None else stream.beginning_at(name)
        self._schema = schema if stream is None else stream.schema
        self.source: list[str] = []
        self.storage_options: Mapping[str, Any] = {}
        self.unnamed = False
        self.kept = True
        self.count: int | None = None

    def __repr__(self) -> str:
        fields = "not tabular" if self._stream is None else ", ".join(self.schema.names)
        return f"Resource({self.name!r}: {fields})"

    @property
    def schema(self) -> Schema:
        """The schema of its rows; empty when it has none."""
        return self._schema if self._schema is not None else Schema()

    @schema.setter
    def schema(self, schema: Schema) -> None:
        """Say more, or other, about the same columns: titles, constraints, keys; not names or types."""
        if self._stream is not None:
            was = [(field.name, field.arrow) for field in self.schema]
            if was != [(field.name, field.arrow) for field in schema]:
                raise FlowError(
                    f"the schema of resource {self.name!r} cannot get other fields or types by itself; "
                    "append the operation that changes the rows, with the schema they have then"
                )
        self._redeclare(schema)

    def _redeclare(self, schema: Schema) -> None:
        from dataflows_core.operations import Map

        if self._stream is not None and schema != self._stream.schema:
            self.append(Map(current_step(), self.schema, schema, _same, frozenset()))
        self._schema = schema

    def twin(self, stream: Stream | None) -> Resource:
        """Another resource that says the same of itself, with a stream of its own."""
        twin = Resource(self.name, stream, copy.deepcopy(self.properties), schema=self._schema)
        twin.source, twin.unnamed = list(self.source), self.unnamed
        twin.storage_options = self.storage_options
        return twin

    @property
    def stream(self) -> Stream | None:
        """The lazy table of its rows; None when it is not tabular."""
        return self._stream

    @stream.setter
    def stream(self, stream: Stream) -> None:
        self._stream, self._schema = stream.beginning_at(self.name), stream.schema

    @property
    def tabular(self) -> bool:
        """Whether it has rows."""
        return self._stream is not None

    @property
    def descriptor(self) -> dict[str, Any]:
        """The Data Resource descriptor, a new one at each call."""
        descriptor: dict[str, Any] = {"name": self.name, **self.properties}
        if self._stream is not None:
            descriptor.setdefault("path", f"{self.name}.csv")
            descriptor["profile"] = "tabular-data-resource"
        if self._schema is not None:
            descriptor["schema"] = self._schema.descriptor
        return descriptor

    # What a step can append. Which of them it uses says what may be distributed.

    def append(self, operation: Operation) -> None:
        """Append an operation that was made by hand; the methods below are what a step wants."""
        self.stream = self._tabular().then(replace(operation, step=operation.step.on(self.name)))

    def map_batches(
        self, function: BatchFunction, schema: Schema | None = None, *, reads: Iterable[str] | None = None
    ) -> None:
        """Append a function that looks at one batch at a time.

        It keeps no memory between batches and pulls no other stream: it may run in a pool thread, in
        another process, on another machine, and must be picklable for that.

        Args:
            function: Gets a `pyarrow.RecordBatch`, returns one, or one and a `Report`.
            schema: The schema of what it returns; the same as before by default.
            reads: The fields it looks at. Others may come as carried text, to be passed on as they are
                or left out; None means that all come typed.

        Raises:
            SchemaError: A field of `reads` that the resource has not.
        """
        from dataflows_core.operations import Map

        names = None if reads is None else frozenset(self.schema.field(name).name for name in reads)
        self.append(Map(current_step(), self.schema, schema or self.schema, function, names))

    def cast(
        self,
        fields: Iterable[Field],
        *,
        on_error: OnError = "raise",
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a cast of some columns to other fields: types, formats, constraints.

        A column that was only read and cast so far is cast anew from its text: what is declared to be a
        string is the text of the source, leading zeros and all.

        Args:
            fields: The fields as they shall be; each replaces the one of its name.
            on_error: What becomes of a value that does not fit: ``"raise"``, ``"drop"``, ``"clear"``,
                ``"ignore"``, or a function that gets the `CastError` and returns one of these.
            properties: What else the schema says from here on, such as `missingValues`; None removes it.

        Raises:
            SchemaError: A field that the resource has not.
        """
        from dataflows_core.cast import Cast
        from dataflows_core.operations import Map

        new = [*fields]
        names = frozenset(self.schema.field(field.name).name for field in new)
        stream = _uncast(self._tabular(), names)
        after = stream.schema.with_properties(**(properties or {})).add(*new)
        cast = Cast(after, fields=tuple(names), on_error=on_error)
        self.stream = stream.then(Map(current_step(), stream.schema, after, cast, names))

    def select_fields(self, names: Iterable[str]) -> None:
        """Append a selection of columns; a query before it does not even make the others.

        Args:
            names: The fields that stay, in their new order.

        Raises:
            SchemaError: A field that the resource has not.
        """
        from dataflows_core.operations import Map, Selected

        after = self.schema.select(names)
        self.append(Map(current_step(), self.schema, after, Selected(after.names), frozenset()))

    def map_sql(
        self,
        where: str | None = None,
        columns: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        *,
        types: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Append SQL expressions; neighbours fuse into one query.

        Args:
            where: Rows for which this is true stay; the order is kept.
            columns: New or replaced fields: an expression by field name. All see the fields as they were.
            drop: Fields to leave out afterwards.
            types: Field properties by name of a computed field, such as ``{"type": "integer"}``; by
                default the type follows from the expression.

        Raises:
            ExpressionError: An expression that cannot be parsed, bound or allowed.
        """
        from dataflows_core.expressions import plan_query
        from dataflows_core.operations import Map

        try:
            query = plan_query(
                self.schema, where, columns or {}, types=types or {}, drop=tuple(drop), carries=True
            )
        except DataflowsError as error:
            error.resource = self.name
            raise
        self.append(Map(current_step(), self.schema, query.schema, query, frozenset()))

    def map_rows(
        self, function: Callable[[Row], Mapping[str, Any] | None], schema: Schema | None = None
    ) -> None:
        """Append a function that looks at one row at a time; the same promise as `map_batches`.

        Args:
            function: Gets a row; returns one, or None when it changed the row in place.
            schema: The schema of what it returns; the same as before by default.
        """
        from dataflows_core.operations import Map, MapRows

        after = schema or self.schema
        self.append(
            Map(current_step(), self.schema, after, MapRows(function, self.schema, after), frozenset())
        )

    def each_row(
        self, function: Callable[[Row], Mapping[str, Any] | None], schema: Schema | None = None
    ) -> None:
        """Append a function that is called with every row, in order, on the flow's thread.

        Args:
            function: Gets a row; returns one, or None when it changed the row in place. May remember.
            schema: The schema of what it returns; the same as before by default.
        """
        from dataflows_core.operations import EachRow

        self.append(EachRow(current_step(), self.schema, schema or self.schema, function))

    def pipe_rows(
        self, function: Callable[[Iterator[Row]], Iterable[Mapping[str, Any]]], schema: Schema | None = None
    ) -> None:
        """Append a function from an iterator of rows to an iterator of rows: it may remember, drop, add.

        Args:
            function: Gets the rows, in order; returns any iterable of rows.
            schema: The schema of what it returns; the same as before by default.
        """
        from dataflows_core.operations import PipeRows

        self.append(PipeRows(current_step(), self.schema, schema or self.schema, function))

    def pipe_batches(
        self,
        function: Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]],
        schema: Schema | None = None,
    ) -> None:
        """Append a function from an iterator of batches to an iterator of batches.

        Args:
            function: Gets the typed batches, in order; returns any iterable of batches.
            schema: The schema of what it returns; the same as before by default.
        """
        from dataflows_core.operations import PipeBatches

        self.append(PipeBatches(current_step(), self.schema, schema or self.schema, function))

    def write(self, sink: Sink) -> None:
        """Append a sink: what passes is written, and passes on.

        Args:
            sink: See `dataflows_core.sink`.
        """
        from dataflows_core.operations import Write

        self.append(Write(current_step(), self.schema, self.schema, sink))

    # Reading, outside a run: nothing is written.

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The typed batches, read now. Sinks among the operations are left out.

        Raises:
            FlowError: The resource is not tabular, or belongs to a flow that was processed: `process`
                keeps no rows, `results` does.
            ProcessorError: A step failed.
        """
        from dataflows_core.package import Package
        from dataflows_core.run import Run

        self._tabular()
        if not self.kept:
            raise FlowError(
                f"the rows of resource {self.name!r} have passed: process() keeps none. Use results(), "
                "or package() for a package that can be read"
            )
        with Run(Package(), sinks=False) as run:
            yield from run.batches(self)

    def rows(self) -> Iterator[Row]:
        """The rows as plain dicts, read now; otherwise like `batches`."""
        from dataflows_core.rows import RowCodec

        codec = RowCodec(self.schema)
        for batch in self.batches():
            for row in codec.decode(batch):
                yield dict(row)

    def to_arrow(self) -> pa.Table:
        """All rows as a `pyarrow.Table`."""
        import pyarrow as pa

        return pa.Table.from_batches(self.batches(), self.schema.arrow)

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas DataFrame, Arrow types throughout; needs pandas."""
        import pandas as pd

        return self.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)

    def to_polars(self) -> pl.DataFrame:
        """All rows as a polars DataFrame; needs polars."""
        import polars as pl

        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _tabular(self) -> Stream:
        if self._stream is None:
            raise FlowError(f"resource {self.name!r} is not tabular: it has no rows")
        return self._stream


def _same(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch


def _uncast(stream: Stream, names: frozenset[str]) -> Stream:
    """The stream with some columns as the source has them, when nothing but casts was done to them so far."""
    from dataclasses import replace

    from dataflows_core.cast import Cast
    from dataflows_core.operations import Map

    if not all(isinstance(item, Map) and isinstance(item.function, Cast) for item in stream.operations):
        return stream
    operations: list[Operation] = []
    before = stream.origin.schema
    for item in stream.operations:
        assert isinstance(item, Map)
        assert isinstance(item.function, Cast)
        done = item.function.schema.names if item.function.fields is None else item.function.fields
        left = tuple(name for name in done if name not in names)
        after = before.add(*(item.after.field(name) for name in left))
        after = replace(after, properties=item.after.properties)
        if left:
            cast = replace(item.function, schema=after, fields=left)
            operations.append(
                replace(item, before=before, after=after, function=cast, reads=_reads(item.reads, left))
            )
            before = after
    return replace(stream, operations=tuple(operations))


def _reads(reads: frozenset[str] | None, left: tuple[str, ...]) -> frozenset[str] | None:
    return None if reads is None else reads & frozenset(left)
