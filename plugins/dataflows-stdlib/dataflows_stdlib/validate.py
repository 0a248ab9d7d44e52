"""Rows that are as they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import Cast
from dataflows_core.errors import CastError, FlowError
from dataflows_core.expressions import Query, plan_query
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rejects import keep_rejects
from dataflows_core.report import Report
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.steps import Step, current_step

__all__ = ["validate"]

Check = Callable[[Any], object]
_VERDICT = "validate: verdict"  # the name of a column that is never seen outside


def validate(
    *checks: str | Check,
    resources: ResourceSelector = None,
    on_error: OnError | None = None,
    rejects: str | None = None,
) -> Step:
    """Check every row; what fails is an error, unless `on_error` says otherwise.

    Without a check, the constraints of the schema are checked (`required`, `minimum`, `pattern`, `enum` …).

    Args:
        *checks: An expression, or a function that gets a row; the row is valid if it is true. Or a field's
            name and a function that gets the field's value.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        on_error: What becomes of a row that fails: ``"raise"`` (the default), ``"drop"``, ``"clear"`` (the
            value of the field becomes null), ``"ignore"`` (it is counted and stays), or a function that
            gets the `CastError` and returns one of these.
        rejects: The name of a new resource with the rows that are dropped or lose a value.

    Raises:
        CastError: A row fails, and `on_error` says to raise.
        SchemaError: A field that a resource has not.
        FlowError: The checks are none of these.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"year": 1990, "total": 7}, {"year": 2090, "total": 5}]
        >>> Flow(rows, validate("year <= 2030", on_error="drop")).results().rows
        [[{'year': 1990, 'total': 7}]]
        >>> Flow(rows, validate("total", lambda total: total > 5, on_error="clear")).results().rows
        [[{'year': 1990, 'total': 7}, {'year': 2090, 'total': None}]]
    """
    policy: OnError = "raise" if on_error is None else on_error
    check_on_error(policy)
    match checks:
        case () | (str(),) | (str(), str()):
            pass
        case (check,) if callable(check):
            pass
        case (str(), check) if callable(check):
            pass
        case _:
            raise FlowError("validate() takes nothing, an expression, a function, or a field and a function")
    if len(checks) == 2 and not callable(checks[1]):
        raise FlowError(f"validate() takes a field and a function, and {checks[1]!r} is no function")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            _append(resource, checks, policy)
        if rejects is not None:
            keep_rejects(package, current_step(), rejects)

    return step


def _append(resource: Resource, checks: tuple[str | Check, ...], on_error: OnError) -> None:
    schema = resource.schema
    if not checks:
        names = [field.name for field in schema if field.constraints or "categories" in field.descriptor]
        if names:
            resource.map_batches(Cast(schema, tuple(names), on_error), schema, reads=names)
        return
    if len(checks) == 1 and isinstance(checks[0], str):
        query = plan_query(schema, columns={_VERDICT: checks[0]})
        if query.schema.field(_VERDICT).type != "boolean":
            raise FlowError(f"the expression {checks[0]!r} is no condition: it is neither true nor false")
        resource.map_batches(_ByExpression(checks[0], query, on_error), schema, reads=())
        return
    field, check = (None, checks[0]) if len(checks) == 1 else (checks[0], checks[1])
    assert callable(check)
    if field is not None:
        schema.field(str(field))
    resource.map_batches(
        _ByFunction(schema, None if field is None else str(field), check, on_error), schema, reads=()
    )


@dataclass(frozen=True)
class _ByExpression:
    """Checks rows by an expression."""

    expression: str
    query: Query
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        verdict = pc.fill_null(self.query(batch).column(_VERDICT), False)
        if pc.all(verdict).as_py():
            return batch, Report()
        failed = pc.indices_nonzero(pc.invert(verdict)).to_pylist()
        return _settle(batch, failed, None, f"a row for which {self.expression} is true", self.on_error)


@dataclass(frozen=True)
class _ByFunction:
    """Checks rows, or the values of one field, by a function."""

    schema: Schema
    field: str | None
    check: Check
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        rows = RowCodec(self.schema).decode(batch)
        name, check = self.field, self.check
        failed = [i for i, row in enumerate(rows) if not check(row if name is None else row[name])]
        if not failed:
            return batch, Report()
        what = "row" if name is None else "value"
        return _settle(batch, failed, name, f"a {what} that {_called(check)} accepts", self.on_error)


def _settle(
    batch: pa.RecordBatch, failed: list[int], field: str | None, expected: str, on_error: OnError
) -> tuple[pa.RecordBatch, Report]:
    errors = []
    for index in failed:
        value = batch[index : index + 1].to_pylist()[0]
        errors.append(
            CastError(
                field or "(the row)",
                value if field is None else value[field],
                expected,
                index=index,
                constraint="validate",
            )
        )
    if field is None and on_error == "clear":
        on_error = "drop"  # no field is to blame: nothing could be cleared
    return settle(batch, batch, errors, on_error)


def _called(check: Check) -> str:
    name = getattr(check, "__name__", type(check).__name__)
    return "the function" if name == "<lambda>" else name
