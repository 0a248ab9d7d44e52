"""What becomes of a row with a value that is wrong.

| `on_error` | the row | counted as |
|---|---|---|
| ``"raise"`` | the run fails with the error of the first such row | |
| ``"drop"`` | is left out | ``dropped`` |
| ``"clear"`` | stays, and the value becomes null | ``cleared`` |
| ``"ignore"`` | stays as it is, if its column can hold the value | ``ignored`` |
| a function | as the name says that it returns for a `CastError` | |

A value that is not of its column's type cannot be held: ``"ignore"`` then raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import CastError, FlowError
from dataflows_core.report import Rejected, Report

__all__ = ["ACTIONS", "OnError", "check_on_error", "settle"]

OnError = str | Callable[[CastError], str]
"""One of `ACTIONS`, or a function that returns one of them for an error."""

ACTIONS = ("raise", "drop", "clear", "ignore")
"""The names of what can become of a row."""


def check_on_error(on_error: OnError) -> None:
    """Raise a `FlowError` unless the value is an action or a function."""
    if not callable(on_error) and on_error not in ACTIONS:
        raise FlowError(f"on_error is {on_error!r}; it must be one of {', '.join(ACTIONS)}, or a function")


def settle(
    before: pa.RecordBatch, after: pa.RecordBatch, errors: Sequence[CastError], on_error: OnError
) -> tuple[pa.RecordBatch, Report]:
    """Deal with the errors of a batch.

    Args:
        before: The batch as it came; the rejected rows are shown as they are here.
        after: The batch as it is to go on, with the same rows; values that are not of their type are
            null in it already.
        errors: What is wrong, each with the index of its row; a row may have several.
        on_error: What becomes of them.

    Returns:
        The batch that goes on, and the report.

    Raises:
        CastError: The error of the first row that is neither dropped, cleared nor ignored.
        FlowError: A function returned something that is no action.
    """
    report = Report()
    if not errors:
        return after, report
    dropped: set[int] = set()
    cleared: dict[str, set[int]] = {}
    for error in sorted(errors, key=lambda error: error.index):  # stable: fields stay in order
        if error.index in dropped:
            continue
        action = _action(error, on_error)
        if action == "raise":
            raise error
        if action == "ignore":
            if not error.constraint:
                raise _not_ignorable(error)
            report.count("ignored")
            continue
        if action == "drop":
            dropped.add(error.index)
            report.count("dropped")
        else:
            cleared.setdefault(error.field, set()).add(error.index)
            report.count("cleared")
        report.rejected.append(Rejected(error.index, _row(before, error.index), error, action))
    return _without(_clear(after, cleared), dropped), report


def _action(error: CastError, on_error: OnError) -> str:
    action = on_error(error) if callable(on_error) else on_error
    if action not in ACTIONS:
        known = ", ".join(ACTIONS)
        raise FlowError(f"the on_error function returned {action!r}; it must return one of {known}")
    return action


def _not_ignorable(error: CastError) -> CastError:
    remedy = "its column cannot hold the value, so it cannot be ignored: use drop or clear, or another type"
    if error.remedy:
        remedy = f"{error.remedy}\n  {remedy}"
    return CastError(error.field, error.value, error.expected, index=error.index, remedy=remedy)


def _row(batch: pa.RecordBatch, index: int) -> dict[str, Any]:
    columns = zip(batch.schema.names, batch.columns, strict=True)
    return {name: column[index].as_py() for name, column in columns}


def _mask(length: int, indices: set[int]) -> pa.BooleanArray:
    return pa.array([index in indices for index in range(length)], pa.bool_())


def _clear(batch: pa.RecordBatch, cleared: dict[str, set[int]]) -> pa.RecordBatch:
    for name, indices in cleared.items():
        position = batch.schema.get_field_index(name)
        column = batch.column(position)
        if all(not column[index].is_valid for index in indices):
            continue
        keep = pc.if_else(_mask(len(column), indices), None, pa.array(range(len(column)), pa.int64()))
        batch = batch.set_column(position, name, column.take(keep))
    return batch


def _without(batch: pa.RecordBatch, dropped: set[int]) -> pa.RecordBatch:
    return batch.filter(pc.invert(_mask(batch.num_rows, dropped))) if dropped else batch
