"""Fields from another resource, by a key."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from dataflows_core.errors import FlowError, near_misses
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.schema import Field
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_stdlib.grouping.keys import comparable, parse_key
from dataflows_stdlib.grouping.matching import Filled, Matching, filled_by
from dataflows_stdlib.grouping.plan import Grouping, Made, check_fields, made_fields
from dataflows_stdlib.join_with_self import grouped
from dataflows_stdlib.outofcore import check_memory_limit

__all__ = ["join"]

MODES = ("inner", "half-outer", "full-outer", "semi", "anti")
_WITHOUT_FIELDS = ("semi", "anti")


def join(
    source_name: str,
    source_key: str | Iterable[str],
    target_name: str,
    target_key: str | Iterable[str] | None,
    fields: Mapping[str, Mapping[str, Any] | None] = {},
    full: bool | None = None,
    mode: str = "half-outer",
    source_delete: bool = True,
    *,
    memory_limit: str | int | None = None,
) -> Step:
    """Add fields of one resource to the rows of another that have the same key.

    The rows of the target keep their order. Where several rows of the source have the key, `aggregate` says
    what becomes of their values: `any` (the last one, the default), `first`, `last`, `min`, `max`, `sum`,
    `avg`, `median`, `count`, `array` (all values), `set` (the different ones) or `counters` (pairs of value
    and count, the most frequent first). Nulls do not count. Averages are exact numbers, rounded half-even at
    12 decimals, or as many as the field has.

    A key is a field's name, a list of names, or a format string that makes a text, such as
    ``"{country}-{year:04}"``; ``#`` in it is the number of the row, from 1. Keys are equal when their texts
    are: 1, 1.0 and ``"1"`` are. Null equals null.

    Args:
        source_name: The resource that the fields come from. It may also be the target.
        source_key: Its key.
        target_name: The resource that gets them.
        target_key: Its key, which has as many fields as the other. With None, the rows of the source
            themselves become one for each key, as `join_with_self` does it, under the name of the target.
        fields: What to add, by new name: ``{"name": field of the source, "aggregate": …}``; both may be left
            out, and None is the same as neither. ``"*"`` stands for all fields that no other one takes. A
            `count` without a name counts rows. A field that is there already, and has the same type, gets the
            new values where there is a match.
        full: No longer used: True is the mode `half-outer`, False is `inner`.
        mode: Which rows there are: `half-outer`, all of the target; `inner`, those that have a match;
            `full-outer`, all of the target, then one for each key of the source without a match, in the
            order of the keys' texts; without fields also `semi`, the same as `inner`, and `anti`, those that
            have no match.
        source_delete: Whether the source is left out of the package.
        memory_limit: What it may take before it spills to disk, such as ``"1GB"``; a quarter of the machine's
            memory by default.

    Raises:
        FlowError: A resource that is not there, keys that cannot be compared, an unknown mode or aggregate,
            an aggregate that is not for the field's type, or a field of another type that is there already.
        SchemaError: A field that is not there; near misses are named.
        DataError: A sum is too great for its field, or the key of a row of the source cannot become one of
            the target.

    Examples:
        >>> from dataflows_core import Flow
        >>> orders = [{"customer": 1, "price": 5}, {"customer": 1, "price": 6}, {"customer": 3, "price": 7}]
        >>> customers = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bo"}]
        >>> flow = Flow(
        ...     orders,
        ...     customers,
        ...     join("res_1", "customer", "res_2", "id", {"paid": {"name": "price", "aggregate": "sum"}}),
        ... )
        >>> for row in flow.results().rows[0]:
        ...     print(row)
        {'id': 1, 'name': 'Ada', 'paid': 11}
        {'id': 2, 'name': 'Bo', 'paid': None}
    """
    if full is not None:
        warnings.warn(
            "full is deprecated; write mode='half-outer' for True, and mode='inner' for False",
            DeprecationWarning,
            stacklevel=2,
        )
        mode = "half-outer" if full else "inner"
    if mode not in MODES:
        close = near_misses(str(mode), MODES)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise FlowError(f"there is no mode {mode!r}{hint}\n  modes: {', '.join(MODES)}")
    check_memory_limit(memory_limit)
    wanted = check_fields(fields)
    if wanted and mode in _WITHOUT_FIELDS:
        raise FlowError(f"the mode {mode!r} selects rows of the target, and adds no fields")

    def step(package: Package) -> None:
        if target_key is None:
            grouped(package, source_name, source_key, target_name, wanted, source_delete, memory_limit)
            return
        (source,), (target,) = package.tables([source_name]), package.tables([target_name])
        keys = [
            parse_key(key, resource.schema, resource.name)
            for key, resource in ((source_key, source), (target_key, target))
        ]
        schemas = [source.schema, target.schema]
        kinds = comparable(keys, schemas, [source_name, target_name])
        made = made_fields(wanted, source.schema, source_name)
        filled: tuple[Filled, ...] = ()
        if mode == "full-outer":
            filled = filled_by(keys[0], keys[1], target.schema)
        after = target.schema.add(*(_added(one, target) for one in made))
        grouping = Grouping(source.schema, keys[0], kinds, made)
        stream, rows = _inputs(package, source, target, keep=not source_delete)
        stream = grouping.travelling(stream, source_name)
        matching = Matching(
            grouping, stream.schema, keys[1], target.schema, after, mode, filled, memory_limit
        )
        target.stream = Stream.derive([stream, rows], matching, after, reads=(grouping.typed, matching.reads))

    return step


def _inputs(package: Package, source: Resource, target: Resource, *, keep: bool) -> tuple[Stream, Stream]:
    assert source.stream is not None
    assert target.stream is not None
    if source is target:
        first, second = source.stream.share()
        return first, second
    stream = source.stream
    if keep:
        source.stream, stream = source.stream.share()
    else:
        package.resources.remove(source)
    return stream, target.stream


_PROMISES = ("required", "unique")


def _added(made: Made, target: Resource) -> Field:
    """The field that the target gets."""
    field = made.aggregate.field
    if field.name not in target.schema:
        # What is true of the source need not be true where rows have no match, or share one.
        kept = {key: value for key, value in field.constraints.items() if key not in _PROMISES}
        return field.update(constraints=kept or None) if field.constraints else field
    known = target.schema.field(field.name)
    if known.type != field.type:
        raise FlowError(
            f"resource {target.name!r} has a field {field.name!r} of the type {known.type}, and the joined "
            f"values are of the type {field.type}; give the new field another name, or change the type of "
            "one with set_type"
        )
    return known if known.arrow == field.arrow else known.with_arrow(_wider(known, field, target))


def _wider(known: Field, field: Field, target: Resource) -> pa.DataType:
    """The physical type that holds the values of both."""
    if pa.types.is_floating(known.arrow) != pa.types.is_floating(field.arrow) or known.type not in (
        "integer",
        "number",
    ):
        if known.type == "string":
            return pa.string()
        raise FlowError(
            f"resource {target.name!r} has a field {field.name!r} whose values are {known.arrow}, and the "
            f"joined values are {field.arrow}; give the new field another name, or make both alike "
            "with set_type"
        )
    if pa.types.is_floating(known.arrow):
        return pa.float64()
    scales = [one.arrow.scale if pa.types.is_decimal(one.arrow) else 0 for one in (known, field)]
    return pa.decimal128(38, max(scales))
