"""Functions of rows that are worth a processor core each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from dataflows_core.errors import CastError, ExpressionError, FlowError, ProcessorError, RowError
from dataflows_core.expressions import Query, plan_query
from dataflows_core.operations import InWorkers
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.steps import Step, StepRef, current_step
from dataflows_stdlib.numbers import whole

__all__ = ["parallelize"]

RowFunction: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any] | None]


def parallelize(
    row_func: RowFunction,
    num_processors: int | None = None,
    resources: ResourceSelector = None,
    predicate: str | Callable[[dict[str, Any]], object] | None = None,
) -> Step:
    """Call a function with every row, in several processes; the rows stay in their order.

    It pays for functions that take longer than a few dozen microseconds per row. The function is sent to
    the processes: it may not depend on anything that changes here. A row that fails is an error that names
    it, and so is one that ends its process.

    Args:
        row_func: Gets a row; returns one, or None when it changed the row in place.
        num_processors: How many processes; one per core by default.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        predicate: Which rows it is called with: a SQL expression, or a function that gets a row. Others
            pass as they are. All by default.

    Raises:
        FlowError: The number of processes is none; the function is none, or cannot be sent.
        ExpressionError: The expression cannot be parsed, or names an unknown field.
        ProcessorError: A row failed.

    Examples:
        >>> from dataflows_core import Flow
        >>> def factorial(row):
        ...     row["n"] = row["n"] * factorial({"n": row["n"] - 1})["n"] if row["n"] else 1
        ...     return row
        >>> Flow([{"n": 20}, {"n": 3}], parallelize(factorial, 1, predicate="n > 5")).results().rows
        [[{'n': 2432902008176640000}, {'n': 3}]]
    """
    if not callable(row_func):
        raise FlowError(f"parallelize() takes a function of a row, and not {type(row_func).__name__}")
    if num_processors is not None:
        whole(num_processors, "num_processors", 1)
    if predicate is not None and not isinstance(predicate, str) and not callable(predicate):
        raise FlowError(f"a predicate is an expression or a function, not {type(predicate).__name__}")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            schema = resource.schema
            wanted = _condition(schema, predicate) if isinstance(predicate, str) else predicate
            function = _Called(row_func, wanted, schema, current_step(), resource.name)
            resource.append(InWorkers(current_step(), schema, schema, function, num_processors))

    return step


def _condition(schema: Schema, expression: str) -> Query:
    """The query that makes one column of a condition."""
    name = "wanted"
    while name in schema:
        name += "_"
    query = plan_query(schema, None, {name: expression}, drop=schema.names)
    if (kind := query.schema.field(name).type) != "boolean":
        raise ExpressionError(
            expression, f"a predicate must be true or false, and this is a value of the type {kind}"
        )
    return query


@dataclass(frozen=True)
class _Called:
    """Calls a function with rows of a batch.

    Attributes:
        function: The function.
        wanted: Which rows it is called with: a function of a row, or the query that says it; all when None.
        schema: The schema of the rows.
        step: The step, for messages.
        resource: The resource's name, for messages.
    """

    function: RowFunction
    wanted: Query | Callable[[dict[str, Any]], object] | None
    schema: Schema
    step: StepRef
    resource: str

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch of what it returned.

        Raises:
            ProcessorError: It failed; `row` is the number of the row in the batch.
        """
        codec = RowCodec(self.schema)
        rows = codec.decode(batch)
        chosen = self.wanted(batch).column(0).to_pylist() if isinstance(self.wanted, Query) else None
        results: list[Mapping[str, Any]] = []
        try:
            for index, row in enumerate(rows):
                if chosen is not None:
                    call: object = chosen[index]
                else:
                    call = self.wanted is None or self.wanted(row)
                new = self.function(row) if call else None
                results.append(row if new is None else new)
        except Exception as error:  # the seam: a user's function may raise anything
            raise self._failed(error, len(results)) from error
        try:
            return codec.encode(results, batch)
        except (RowError, CastError) as error:
            raise self._failed(error, error.index) from error

    def _failed(self, error: Exception, index: int) -> ProcessorError:
        return ProcessorError(
            error,
            processor=self.step.name,
            position=self.step.position,
            resource=self.resource,
            row=index + 1,
        )
