"""Reading less: a source need not read the columns that the first operation leaves out."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from dataflows_core.operations import Map, Selected
from dataflows_core.schema import Schema

if TYPE_CHECKING:
    from dataflows_core.stream import Splits

__all__ = ["reading_less"]


def reading_less(origin: Splits, first: Map) -> tuple[Splits, Map] | None:
    """The origin without the columns that nobody needs, and the operation that did leave them out.

    Args:
        origin: Splits; those that can leave out columns have a method `select`.
        first: The first operation behind them. A selection, and a query, are known to look at nothing else
            than they say; other functions get what they were promised.

    Returns:
        None where nothing can be left out.
    """
    gone = set(first.before.names) - set(first.after.names)
    if not gone or not all(hasattr(split, "select") for split in origin.splits):
        return None
    for part in first.parts or (first,):
        reads = _reads(part)
        if reads is None:
            return None
        gone -= reads
    if not gone:
        return None
    wanted = [name for name in origin.schema.names if name not in gone]
    splits = tuple(split.select(wanted) for split in origin.splits)  # type: ignore[attr-defined]
    less = replace(origin, splits=splits, schema=origin.schema.select(wanted))
    return less, replace(_without(first, gone), parts=tuple(_without(part, gone) for part in first.parts))


def _reads(operation: Map) -> frozenset[str] | None:
    """The fields that a selection or a query looks at; None for any other function."""
    if isinstance(operation.function, Selected):
        return frozenset()
    if "dataflows_core.expressions" not in sys.modules:
        return None  # nobody can have made a query
    from dataflows_core.expressions import Query

    return operation.function.reads if isinstance(operation.function, Query) else None


def _without(operation: Map, gone: set[str]) -> Map:
    before, after = _dropped(operation.before, gone), _dropped(operation.after, gone)
    if isinstance(operation.function, Selected):
        return replace(operation, before=before, after=after, function=Selected(after.names))
    from dataflows_core.expressions import Query

    query = operation.function
    assert isinstance(query, Query)
    less = Query(before, after, query.reads, query.conditions, query.columns, query.carries)
    return replace(operation, before=before, after=after, function=less)


def _dropped(schema: Schema, gone: set[str]) -> Schema:
    return schema.drop(name for name in schema.names if name in gone)
