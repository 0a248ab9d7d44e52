"""All fields cast at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from dataflows_core.errors import FlowError
from dataflows_core.on_error import OnError, check_on_error
from dataflows_core.operations import Map
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rejects import keep_rejects
from dataflows_core.resource import Resource
from dataflows_core.schema import Field
from dataflows_core.steps import Step, current_step
from dataflows_core.stream import Splits
from dataflows_stdlib.match import matching_fields

__all__ = ["cast_all"]

SAMPLE_ROWS = 10_000
"""Rows that types are inferred from."""


def cast_all(
    types: str | Mapping[str, str | Mapping[str, Any]] | None = None,
    resources: ResourceSelector = None,
    on_error: OnError = "raise",
    regex: bool = True,
    *,
    rejects: str | None = None,
) -> Step:
    """Cast all fields: to the types that their texts suggest, or to types that are given.

    Without types, fields of text get the type that their values in the first 10 000 rows suggest, by the
    rules of loading; fields of other types stay what they are. The rows are read for that when the flow is
    planned. With types, the fields that are not named stay what they are.

    Args:
        types: One type for all fields; or types, or properties of fields (`type`, `format` …), by name or by
            a regular expression that names match as a whole. The first that matches counts.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        on_error: What becomes of a row with a value that does not fit: ``"raise"``, ``"drop"``,
            ``"clear"``, ``"ignore"``, or a function that gets the `CastError` and returns one of these.
        regex: Whether the names in `types` are regular expressions.
        rejects: The name of a new resource with the rows that are dropped or lose a value.

    Raises:
        SchemaError: A name that no field matches; a type that is not Table Schema's.
        FlowError: Types are to be inferred behind a step that has to see all rows in order.
        CastError: A value does not fit, and `on_error` says to raise.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": "7", "day": "2024-02-29", "code": "007"}], cast_all()).results().rows
        [[{'n': 7, 'day': datetime.date(2024, 2, 29), 'code': '007'}]]
        >>> Flow([{"n": "7", "m": "8"}], cast_all({"n": "number", ".*": "integer"})).results().rows
        [[{'n': Decimal('7'), 'm': 8}]]
    """
    check_on_error(on_error)
    given = {".*": types} if isinstance(types, str) else types
    properties = {
        name: {"type": value} if isinstance(value, str) else dict(value)
        for name, value in (given or {}).items()
    }

    def step(package: Package) -> None:
        if types is None:
            for resource in package.tables(resources):
                _cast(resource, _inferred(resource), on_error)
        else:
            for resource, fields in _given(package, resources, properties, regex or isinstance(types, str)):
                _cast(resource, fields, on_error)
        if rejects is not None:
            keep_rejects(package, current_step(), rejects)

    return step


def _cast(resource: Resource, fields: list[Field], on_error: OnError) -> None:
    if fields:
        resource.cast(fields, on_error=on_error)


def _given(
    package: Package, resources: ResourceSelector, properties: Mapping[str, Mapping[str, Any]], regex: bool
) -> Iterator[tuple[Resource, list[Field]]]:
    chosen: dict[int, tuple[Resource, dict[str, Field]]] = {}
    for name, update in properties.items():
        for resource, names in matching_fields(package, resources, name, regex):
            _, fields = chosen.setdefault(id(resource), (resource, {}))
            for field in names:
                fields.setdefault(field, resource.schema.field(field).update(**update))
    yield from ((resource, [*fields.values()]) for resource, fields in chosen.values())


def _inferred(resource: Resource) -> list[Field]:
    """The fields of text that are something else by the looks of them."""
    from dataflows_core.infer import infer_schema

    texts = [field for field in resource.schema if field.type == "string" and not field.constraints]
    if not texts:
        return []
    names = [field.name for field in texts]
    sample = [batch.select(names) for batch in _sample(resource)]
    missing = resource.schema.properties.get("missingValues", ("",))
    values = [item["value"] if isinstance(item, Mapping) else item for item in missing]
    schema, _ = infer_schema(sample, missing_values=values)
    found = []
    for field in texts if schema.fields else []:
        guess = schema.field(field.name)
        if guess.type != "string":
            found.append(field.update(format=None, **guess.descriptor).with_arrow(guess.arrow))
    return found


def _sample(resource: Resource) -> list[pa.RecordBatch]:
    stream = resource.stream
    assert stream is not None
    barrier = next((one for one in stream.operations if not isinstance(one, Map)), None)
    step = stream.origin.step if not isinstance(stream.origin, Splits) else barrier.step if barrier else None
    if step is not None:
        raise FlowError(
            f"cast_all() cannot infer types here: step {step.position}, {step.name}, has to see the rows in "
            "order, and does so once. Name the types, or put cast_all() before that step"
        )
    batches, missing = [], SAMPLE_ROWS
    for batch in resource.batches():
        batches.append(batch[:missing])
        missing -= batch.num_rows
        if missing <= 0:
            break
    return batches
