"""Rows that stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.values import value_codec
from dataflows_stdlib.constants import constant

__all__ = ["filter_rows"]


def filter_rows(
    condition: str | Callable[[dict[str, Any]], object] | None = None,
    equals: Mapping[str, Any] | Iterable[Mapping[str, Any]] = (),
    not_equals: Mapping[str, Any] | Iterable[Mapping[str, Any]] = (),
    resources: ResourceSelector = None,
) -> Step:
    """Keep the rows that are asked for, in their order.

    Args:
        condition: A SQL expression, or a function that gets a row; rows for which it is true stay.
        equals: Values by field: a row stays if any value of any of these mappings is its own. Text is cast
            to the field's type.
        not_equals: Values by field: a row stays if any value of any of these mappings is not its own.
            With `equals`, too, any one that holds is enough.
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        ExpressionError: The expression cannot be parsed, names an unknown field, or is not allowed.
        SchemaError: A field that a resource has not.
        FlowError: Nothing, or a condition and values, are given.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"year": 1989, "country": "PERU"}, {"year": 1990, "country": "CHAD"}]
        >>> Flow(rows, filter_rows("year >= 1990 and country like 'C%'")).results().rows
        [[{'year': 1990, 'country': 'CHAD'}]]
        >>> Flow(rows, filter_rows(lambda row: row["year"] < 1990)).results().rows
        [[{'year': 1989, 'country': 'PERU'}]]
        >>> Flow(rows, filter_rows(equals=[{"country": "PERU"}])).results().rows
        [[{'year': 1989, 'country': 'PERU'}]]
    """
    wanted, unwanted = _mappings("equals", equals), _mappings("not_equals", not_equals)
    by_values = any(wanted) or any(unwanted)
    if (condition is None) == (not by_values):
        raise FlowError("filter_rows() takes a condition, or values in equals and not_equals; one of the two")
    if condition is not None and not isinstance(condition, str) and not callable(condition):
        raise FlowError(f"a condition is an expression or a function, not {type(condition).__name__}")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            if isinstance(condition, str):
                resource.map_sql(where=condition)
            elif condition is not None:
                resource.pipe_rows(_kept_by(condition))
            else:
                function = _ByValues.of(resource.schema, wanted, unwanted)
                resource.map_batches(function, reads={field.name for field, *_ in function.tests})

    return step


def _mappings(parameter: str, given: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    mappings = [given] if isinstance(given, Mapping) else list(given)
    for mapping in mappings:
        if not isinstance(mapping, Mapping):
            raise FlowError(
                f"{parameter} takes values by field, such as [{{'country': 'PERU'}}], and not {mapping!r}"
            )
    return [dict(mapping) for mapping in mappings]


def _kept_by(
    condition: Callable[[dict[str, Any]], object],
) -> Callable[[Iterator[dict[str, Any]]], Iterator[Any]]:
    def kept(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        return (row for row in rows if condition(row))

    return kept


@dataclass(frozen=True)
class _ByValues:
    """Keeps rows for which any test holds: a field, its value as a column of one, whether to be equal."""

    tests: tuple[tuple[Field, pa.Array, bool], ...]

    @classmethod
    def of(cls, schema: Schema, equals: list[dict[str, Any]], not_equals: list[dict[str, Any]]) -> _ByValues:
        return cls(
            tuple(
                (schema.field(name), constant(value, schema.field(name)), equal)
                for mappings, equal in ((equals, True), (not_equals, False))
                for mapping in mappings
                for name, value in mapping.items()
            )
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        mask = None
        for field, value, equal in self.tests:
            same = _same(batch.column(field.name), value, field)
            found = same if equal else pc.invert(same)
            mask = found if mask is None else pc.or_(mask, found)
        return batch.filter(mask)


def _same(column: pa.Array, value: pa.Array, field: Field) -> pa.Array:
    """Which values are that one; null is the same as null."""
    if not value[0].is_valid:
        return column.is_null()
    try:
        return pc.fill_null(pc.equal(column, value[0]), False)
    except pa.ArrowNotImplementedError:  # lists, JSON, durations
        codec = value_codec(field)
        (wanted,) = codec.decode(value)
        return pa.array([found == wanted for found in codec.decode(column)], pa.bool_())
