"""Reading less: a source need not read the columns that the first operation leaves out.

Between the two there may be a cast of what was read as text. It takes any text for a field of text, so that
it does not miss such a column; any other column has to be cast, since a value may be wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dataflows_core.operations import Map, Operation, Selected
from dataflows_core.schema import Field, Schema

if TYPE_CHECKING:
    from dataflows_core.cast import Cast
    from dataflows_core.stream import Splits

__all__ = ["reading_less"]


def reading_less(
    origin: Splits, operations: Sequence[Operation]
) -> tuple[Splits, tuple[Operation, ...]] | None:
    """The origin without the columns that nobody needs, and the operations without them.

    Args:
        origin: Splits; those that can leave out columns have a method `select`.
        operations: All operations behind them. The last may be a selection, or a query, which are known to
            look at nothing else than they say, and a cast may come before it; other functions get what they
            were promised.

    Returns:
        None where nothing can be left out.
    """
    *before, first = operations
    if not isinstance(first, Map) or not all(hasattr(split, "select") for split in origin.splits):
        return None
    gone = set(first.before.names) - set(first.after.names)
    for operation in before:
        gone &= _not_missed(operation)
    for part in first.parts or (first,):
        reads = _reads(part)
        if reads is None:
            return None
        gone -= reads
    wanted = [name for name in origin.schema.names if name not in gone]
    if not gone or not wanted:
        return None
    splits = tuple(split.select(wanted) for split in origin.splits)  # type: ignore[attr-defined]
    less = replace(origin, splits=splits, schema=origin.schema.select(wanted))
    return less, tuple(_all_without(operation, gone) for operation in operations)


def _not_missed(operation: Operation) -> set[str]:
    """The fields that a cast would leave as they are, whatever is in them."""
    cast = _cast(operation)
    if cast is None:
        return set()
    # What is kept of rejected rows is all of them.
    if cast.on_error != "raise" or cast.fields is not None or operation.before.names != cast.schema.names:
        return set()
    return {field.name for field in cast.schema if _is_any_text(field)}


def _cast(operation: Operation) -> Cast | None:
    if "dataflows_core.cast" not in sys.modules:
        return None  # nobody can have made one
    from dataflows_core.cast import Cast

    made = isinstance(operation, Map) and isinstance(operation.function, Cast)
    return operation.function if made else None  # type: ignore[attr-defined]


def _is_any_text(field: Field) -> bool:
    plain = field.type == "string" and field.format == "default"
    return plain and not field.constraints and "categories" not in field.descriptor


def _reads(operation: Map) -> frozenset[str] | None:
    """The fields that a selection or a query looks at; None for any other function."""
    if isinstance(operation.function, Selected):
        return frozenset()
    if "dataflows_core.expressions" not in sys.modules:
        return None  # nobody can have made a query
    from dataflows_core.expressions import Query

    return operation.function.reads if isinstance(operation.function, Query) else None


def _all_without(operation: Operation, gone: set[str]) -> Map:
    assert isinstance(operation, Map)
    return replace(_without(operation, gone), parts=tuple(_without(part, gone) for part in operation.parts))


def _without(operation: Map, gone: set[str]) -> Map:
    before, after = _dropped(operation.before, gone), _dropped(operation.after, gone)
    if (cast := _cast(operation)) is not None:
        return replace(operation, before=before, after=after, function=replace(cast, schema=after))
    if isinstance(operation.function, Selected):
        return replace(operation, before=before, after=after, function=Selected(after.names))
    from dataflows_core.expressions import Query

    query = operation.function
    assert isinstance(query, Query)
    less = Query(before, after, query.reads, query.conditions, query.columns, query.carries)
    return replace(operation, before=before, after=after, function=less)


def _dropped(schema: Schema, gone: set[str]) -> Schema:
    return schema.drop(name for name in schema.names if name in gone)
