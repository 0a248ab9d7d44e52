"""Rows that are as they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import typed
from dataflows_core.constraints import check_constraints_declared, violations
from dataflows_core.errors import CastError, FlowError
from dataflows_core.expressions import Query, plan_query
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rejects import keep_rejects
from dataflows_core.report import Report
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.steps import Step, current_step
from dataflows_stdlib.numbers import whole
from dataflows_stdlib.validation import Errors, Failing, collected

__all__ = ["validate"]

Check = Callable[[Any], object]
_VERDICT = "validate: verdict"  # the name of a column that is never seen outside


def validate(
    *checks: str | Check,
    resources: ResourceSelector = None,
    on_error: OnError | None = None,
    rejects: str | None = None,
    report: str | None = None,
    limit: int | None = None,
) -> Step:
    """Check every row; what fails is an error, unless `on_error` says otherwise.

    Without a check, the constraints of the schema are checked (`required`, `minimum`, `pattern`, `enum` …).

    The run fails with the first error. With `limit`, it goes on to the end of the resource, or until so many
    errors were found, and fails with a summary of all. With `report`, it does not fail: all errors are the
    rows of a new resource, and their summary is in the stats.

    Args:
        *checks: An expression, or a function that gets a row; the row is valid if it is true. Or a field's
            name and a function that gets the field's value, or an expression.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        on_error: What becomes of a row that fails: ``"raise"`` (the default), ``"drop"``, ``"clear"`` (the
            value of the field becomes null), ``"ignore"`` (it is counted and stays; the default with
            `report`), or a function that gets the `CastError` and returns one of these.
        rejects: The name of a new resource with the rows that are dropped or lose a value.
        report: The name of a new resource with all errors, whatever becomes of their rows: a row each with
            `resource`, `row`, `field`, `value`, `error`, `action` and the `values` of the row.
        limit: How many errors are collected, at most.

    Raises:
        CastError: A row fails, and `on_error` says to raise.
        ValidationError: Rows failed, and a limit was given.
        SchemaError: A field that a resource has not.
        FlowError: The checks are none of these, or parameters contradict each other.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"year": 1990, "total": 7}, {"year": 2090, "total": 5}]
        >>> Flow(rows, validate("year <= 2030", on_error="drop")).results().rows
        [[{'year': 1990, 'total': 7}]]
        >>> Flow(rows, validate("total", lambda total: total > 5, on_error="clear")).results().rows
        [[{'year': 1990, 'total': 7}, {'year': 2090, 'total': None}]]
        >>> results = Flow(rows, validate("total", "total > 5 or year < 2000", report="errors")).results()
        >>> [(error["row"], error["field"], error["value"]) for error in results.rows[1]]
        [(2, 'total', '5')]
    """
    _check(checks)
    policy = on_error if on_error is not None else "raise" if report is None else "ignore"
    check_on_error(policy)
    _check_collecting(policy, rejects, report, limit)
    collecting = report is not None or limit is not None

    def step(package: Package) -> None:
        errors = Errors(limit=limit)
        if collecting:
            package.rejects[current_step()] = errors
        for resource in package.tables(resources):
            body = _body(resource.schema, checks)
            if body is None:
                continue
            action = "ignore" if limit is not None and report is None else policy
            resource.map_batches(_Checked(body, action, collecting), reads=body.reads)
            if limit is not None and report is None:
                resource.pipe_batches(Failing(errors, resource.name))
        if report is not None:
            keep_rejects(package, current_step(), report)
            package.on_finish(lambda: _tell(package, report, errors))
        elif rejects is not None:
            keep_rejects(package, current_step(), rejects)

    return step


def _tell(package: Package, report: str, errors: Errors) -> None:
    summary = errors.summary()
    if errors.limit is not None and errors.total > errors.limit:
        summary += f"\n  the first {errors.limit} of them are in the resource {report!r}"
    told = {**package.stats.get("validation", {}), report: summary}
    package.stats["validation"] = told


def _check(checks: tuple[str | Check, ...]) -> None:
    match checks:
        case () | (str(),) | (str(), str()):
            pass
        case (check,) if callable(check):
            pass
        case (str(), check) if callable(check):
            pass
        case _:
            raise FlowError(
                "validate() takes nothing, an expression, a function, or a field with one of these"
            )


def _check_collecting(policy: OnError, rejects: str | None, report: str | None, limit: object) -> None:
    if limit is not None:
        whole(limit, "limit", 1)
    if report is not None and policy == "raise":
        raise FlowError(
            "validate(report=…) reports all errors in a run that goes on, and on_error='raise' ends it; "
            "limit=… alone collects errors before the run fails"
        )
    if report is not None and rejects is not None:
        raise FlowError("validate() takes report or rejects: a report has the rejected rows as well")
    if limit is not None and report is None and (policy != "raise" or rejects is not None):
        raise FlowError("limit is for errors that are collected: give a report, or let on_error be 'raise'")


class _Body(Protocol):
    """Finds the errors of a batch."""

    @property
    def reads(self) -> tuple[str, ...] | None:
        """The fields that must come typed; None is all."""
        ...

    def errors(self, batch: pa.RecordBatch) -> list[CastError]:
        """What is wrong, in order of rows."""
        ...


def _body(schema: Schema, checks: tuple[str | Check, ...]) -> _Body | None:
    if not checks:
        constrained = [field for field in schema if field.constraints or "categories" in field.descriptor]
        for field in constrained:
            check_constraints_declared(field)
        names = tuple(field.name for field in constrained)
        return _ByConstraints(schema, names) if names else None
    name = schema.field(str(checks[0])).name if len(checks) == 2 else None
    check = checks[-1]
    if callable(check):
        return _ByFunction(schema, name, check)
    query = plan_query(schema, columns={_VERDICT: check})
    if query.schema.field(_VERDICT).type != "boolean":
        raise FlowError(f"the expression {check!r} is no condition: it is neither true nor false")
    return _ByExpression(check, query, name)


@dataclass(frozen=True)
class _Checked:
    """Checks batches, and deals with what is wrong."""

    body: _Body
    on_error: OnError
    collecting: bool

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        errors = self.body.errors(batch)
        if not errors:
            return batch, Report()
        on_error = self.on_error
        if on_error == "clear" and errors[0].field == _ROW:
            on_error = "drop"  # no field is to blame: nothing could be cleared
        if self.collecting:
            return collected(batch, errors, on_error)
        return settle(batch, batch, errors, on_error)


_ROW = "(the row)"


@dataclass(frozen=True)
class _ByConstraints:
    """Checks the constraints of fields."""

    schema: Schema
    reads: tuple[str, ...]

    def errors(self, batch: pa.RecordBatch) -> list[CastError]:
        found = [
            error for name in self.reads for error in violations(batch.column(name), self.schema.field(name))
        ]
        return sorted(found, key=lambda error: error.index)


@dataclass(frozen=True)
class _ByExpression:
    """Checks rows by an expression."""

    expression: str
    query: Query
    field: str | None
    reads: tuple[str, ...] | None = ()

    def errors(self, batch: pa.RecordBatch) -> list[CastError]:
        verdict = pc.fill_null(self.query(batch).column(_VERDICT), False)
        if pc.all(verdict, min_count=0).as_py():
            return []
        failed = pc.indices_nonzero(pc.invert(verdict)).to_pylist()
        return _errors(batch, self.query.before, failed, self.field, f"for which {self.expression} is true")


@dataclass(frozen=True)
class _ByFunction:
    """Checks rows, or the values of one field, by a function."""

    schema: Schema
    field: str | None
    check: Check
    reads: tuple[str, ...] | None = ()

    def errors(self, batch: pa.RecordBatch) -> list[CastError]:
        rows = RowCodec(self.schema).decode(batch)
        name, check = self.field, self.check
        failed = [i for i, row in enumerate(rows) if not check(row if name is None else row[name])]
        return _errors(batch, self.schema, failed, name, f"that {_called(check)} accepts")


def _errors(
    batch: pa.RecordBatch, schema: Schema, failed: list[int], field: str | None, expected: str
) -> list[CastError]:
    what = f"a {'row' if field is None else 'value'} {expected}"
    rows = typed(batch.take(pa.array(failed, pa.int64())), schema).to_pylist() if failed else []
    return [
        CastError(
            field or _ROW, row if field is None else row[field], what, index=index, constraint="validate"
        )
        for index, row in zip(failed, rows, strict=True)
    ]


def _called(check: Check) -> str:
    name = getattr(check, "__name__", type(check).__name__)
    return "the function" if name == "<lambda>" else name
