"""Types of fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.constraints import violations
from dataflows_core.errors import CastError, FlowError
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rejects import keep_rejects
from dataflows_core.report import Report
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step, current_step
from dataflows_stdlib.match import matching_fields
from dataflows_stdlib.properties import check_properties

if TYPE_CHECKING:
    from dataflows_core.expressions import Query

__all__ = ["set_type"]


def set_type(
    name: str,
    resources: ResourceSelector = -1,
    regex: bool = True,
    on_error: OnError | None = None,
    transform: str | Callable[..., object] | None = None,
    *,
    rejects: str | None = None,
    **options: Any,
) -> Step:
    """Give fields another type, format or constraints, and cast their values.

    A column that has only been loaded so far is cast from the text of its source: ``type="string"`` gives
    that text, leading zeros and all.

    Args:
        name: A field's name, or a regular expression that names match as a whole.
        resources: Which resources: the last one by default; None for all, a regular expression, a position
            or a list of names.
        regex: Whether `name` is a regular expression.
        on_error: What becomes of a row with a value that does not fit: ``"raise"`` (the default),
            ``"drop"``, ``"clear"``, ``"ignore"``, or a function that gets the `CastError` and returns one
            of these.
        transform: What makes the value to be cast: a SQL expression over the fields of the row, or a function
            that gets the value, and if it has parameters for them, `field_name` and `row`.
        rejects: The name of a new resource with the rows that are dropped or lose a value.
        **options: Properties of the fields: `type`, `format`, `constraints`, `decimalChar`, `title` …

    Raises:
        SchemaError: No field matches; near misses are named. A type that does not exist.
        FlowError: A property that is nearly one of Table Schema's.
        CastError: A value does not fit, and `on_error` says to raise.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": "1,200"}], set_type("n", type="integer", groupChar=",")).results().rows
        [[{'n': 1200}]]
        >>> flow = Flow([{"n": "1"}, {"n": "?"}], set_type("n", type="integer", on_error="drop"))
        >>> flow.results().rows, flow.process().stats
        ([[{'n': 1}]], {'dropped': 1})
    """
    policy: OnError = "raise" if on_error is None else on_error
    check_on_error(policy)
    check_properties(options, ("resources", "regex", "on_error", "transform", "rejects"))
    if transform is not None and not isinstance(transform, str) and not callable(transform):
        raise FlowError(f"transform is an expression or a function, not {type(transform).__name__}")

    def step(package: Package) -> None:
        for resource, names in matching_fields(package, resources, name, regex):
            fields = [resource.schema.field(field).update(**options) for field in names]
            if isinstance(transform, str):
                _express(resource, fields, transform, policy)
            elif transform is not None:
                _transform(resource, fields, transform, policy)
            else:
                resource.cast(fields, on_error=policy)
        if rejects is not None:
            keep_rejects(package, current_step(), rejects)

    return step


def _express(resource: Resource, fields: list[Field], expression: str, on_error: OnError) -> None:
    from dataflows_core.expressions import plan_query

    after = resource.schema.add(*fields)
    query = plan_query(resource.schema, columns={field.name: expression for field in fields})
    function = _Expressed(query, after, tuple(field.name for field in fields), on_error)
    resource.map_batches(function, after, reads=query.reads)


@dataclass(frozen=True)
class _Expressed:
    """Replaces values by what an expression gives, cast to their fields."""

    query: Query
    after: Schema
    names: tuple[str, ...]
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        result, errors = self.query(batch), []
        for name in self.names:
            field = self.after.field(name)
            column, found = cast_column(result.column(name), field)
            errors += found + violations(column, field)
            result = result.set_column(result.schema.get_field_index(name), name, column)
        return settle(batch, result, errors, self.on_error)


def _transform(
    resource: Resource, fields: list[Field], transform: Callable[..., object], on_error: OnError
) -> None:
    after = resource.schema.add(*fields)
    names = tuple(field.name for field in fields)
    accepted = _parameters(transform) & {"field_name", "row"}
    resource.map_batches(_Transformed(resource.schema, after, names, transform, accepted, on_error), after)


def _parameters(function: Callable[..., object]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except ValueError:  # what is built in, such as `int`, need not say
        return frozenset()


@dataclass(frozen=True)
class _Transformed:
    """Replaces values by what a function makes of them, cast to their fields."""

    before: Schema
    after: Schema
    names: tuple[str, ...]
    transform: Callable[..., object]
    accepted: frozenset[str]
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        rows = RowCodec(self.before).decode(batch)
        result, errors = batch, []
        for name in self.names:
            values = [self._value(name, row) for row in rows]
            column, found = _column(values, self.after.field(name))
            errors += found
            result = result.set_column(result.schema.get_field_index(name), name, column)
        return settle(batch, result, errors, self.on_error)

    def _value(self, name: str, row: dict[str, Any]) -> object:
        given: dict[str, object] = {"field_name": name, "row": row}
        return self.transform(row[name], **{key: given[key] for key in self.accepted})


def _column(values: list[Any], field: Field) -> tuple[pa.Array, list[CastError]]:
    """What a function returned, as a column: texts are cast, values of the type are taken as they are."""
    texts = pa.array([value if isinstance(value, str) else None for value in values], pa.string())
    column, errors = cast_column(texts, field)
    errors += violations(column, field)
    if all(value is None or isinstance(value, str) for value in values):
        return column, errors
    others = RowCodec(Schema((field,))).encode(
        [{field.name: None if isinstance(v, str) else v} for v in values]
    )
    return pc.coalesce(column, others.column(0)), errors + violations(others.column(0), field)
