"""What Table Schema's constraints ask of a field's values, checked column by column.

| constraint | fields it applies to | since |
|---|---|---|
| required, unique | all | v1 |
| enum | all | v1 |
| minLength, maxLength | string (characters); array, object, geojson, list (items) | v1 |
| minimum, maximum | integer, number, date, time, datetime, year, yearmonth, duration | v1 |
| exclusiveMinimum, exclusiveMaximum | the same | v2 |
| pattern | string | v1 |
| jsonSchema | array, object, geojson | v2 |
| categories (a property of the field) | string, integer | v2 |

Sources: https://specs.frictionlessdata.io/table-schema/#constraints and
https://datapackage.org/standard/table-schema/#field-constraints. Values in a descriptor are JSON and are
cast to the field's type, as tableschema does. `unique` and primary keys need the whole stream, so they are
declared here and checked elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.bounds import BOUNDS, one_of, within
from dataflows_core.constraint_values import cast_constraint
from dataflows_core.errors import CastError, SchemaError, near_misses, shorten
from dataflows_core.patterns import PatternError, compile_pattern
from dataflows_core.schema import ARROW_TYPES, Field

__all__ = ["CONSTRAINTS", "check_constraints_declared", "violations"]

_ORDERED = frozenset({"integer", "number", "date", "time", "datetime", "year", "yearmonth", "duration"})
_ALL = frozenset(ARROW_TYPES)
_ITEMS = frozenset({"array", "object", "geojson", "list"})
_JSON = frozenset({"array", "object", "geojson", "any"})

CONSTRAINTS: Mapping[str, frozenset[str]] = {
    "required": _ALL,
    "unique": _ALL,
    "enum": _ALL,
    "pattern": frozenset({"string"}),
    "minLength": _ITEMS | {"string"},
    "maxLength": _ITEMS | {"string"},
    "minimum": _ORDERED,
    "maximum": _ORDERED,
    "exclusiveMinimum": _ORDERED,
    "exclusiveMaximum": _ORDERED,
    "jsonSchema": _JSON - {"any"},
}
"""The types of field that each constraint applies to."""

_CATEGORICAL = frozenset({"string", "integer"})


@dataclass(frozen=True)
class _Check:
    """One constraint of one field.

    Attributes:
        constraint: Its name.
        expected: What it asks for, in words.
        passes: From a typed column to booleans; null, which breaks nothing, for a value that is null.
        explain: More words about one broken value, where `expected` cannot know them.
    """

    constraint: str
    expected: str
    passes: Callable[[pa.Array], pa.Array]
    explain: Callable[[Any], str] | None = None

    def error(self, field: Field, found: Any, index: int) -> CastError:
        value = _shown(found)
        expected = self.expected + (self.explain(value) if self.explain else "")
        return CastError(
            field.name,
            value,
            f"{expected} (constraint {self.constraint})",
            index=index,
            constraint=self.constraint,
        )


def violations(column: pa.Array, field: Field) -> list[CastError]:
    """The values of a column that break a constraint of its field.

    Args:
        column: A column of the type `field.arrow`; not carried text.
        field: The field, with its constraints and categories.

    Returns:
        At most one error a value, for the first constraint it breaks in the order of the table above;
        by position in the column.

    Raises:
        SchemaError: As `check_constraints_declared`.

    Examples:
        >>> age = Field({"name": "age", "type": "integer", "constraints": {"maximum": 120}})
        >>> [str(error) for error in violations(pa.array([7, 700, None]), age)]
        ["field 'age': the value 700 is not at most 120 (constraint maximum)"]
    """
    found: dict[int, CastError] = {}
    for check in _checks(field):
        good = check.passes(column)
        if pc.all(good, min_count=0).as_py():
            continue
        bad = pc.indices_nonzero(pc.fill_null(pc.invert(good), False))
        for index, value in zip(bad.to_pylist(), column.take(bad).to_pylist(), strict=True):
            if index not in found:
                found[index] = check.error(field, value, index)
    return [found[index] for index in sorted(found)]


def check_constraints_declared(field: Field) -> None:
    """Refuse a field whose constraints make no sense, when the flow is planned and before data move.

    Raises:
        SchemaError: A constraint that does not exist, does not apply to the field's type, or whose value
            is not what it must be; names the field, the constraint and the value.

    Examples:
        >>> check_constraints_declared(Field({"name": "x", "type": "any", "constraints": {"pattern": "a"}}))
        Traceback (most recent call last):
        ...
        dataflows_core.errors.SchemaError: field 'x': the constraint pattern does not apply to the type any
          it applies to: string
    """
    _checks(field)


def _checks(field: Field) -> tuple[_Check, ...]:
    # To Python, and so to a cache, True is 1; to a descriptor it is not.
    return _compiled(field, repr(field.descriptor))


@lru_cache(maxsize=1024)
def _compiled(field: Field, descriptor: str) -> tuple[_Check, ...]:  # noqa: ARG001 part of the key
    constraints = field.constraints
    if not isinstance(constraints, Mapping):
        raise SchemaError(f"field {field.name!r}: constraints must be an object, not {shorten(constraints)}")
    for name in constraints:
        _refuse_foreign(field, name)
    return tuple(_declared(field, constraints))


def _refuse_foreign(field: Field, name: str) -> None:
    if name not in CONSTRAINTS:
        hint = near_misses(name, CONSTRAINTS)
        raise SchemaError(
            f"field {field.name!r}: there is no constraint {name!r}"
            + (f"; did you mean {' or '.join(hint)}?" if hint else "")
            + f"\n  known constraints: {', '.join(sorted(CONSTRAINTS))}"
        )
    if field.type not in CONSTRAINTS[name]:
        raise SchemaError(
            f"field {field.name!r}: the constraint {name} does not apply to the type {field.type}"
            f"\n  it applies to: {', '.join(sorted(CONSTRAINTS[name]))}"
        )


def _declared(field: Field, constraints: Mapping[str, Any]) -> Iterator[_Check]:
    for name in ("required", "unique"):
        if not isinstance(constraints.get(name, False), bool):
            raise SchemaError(
                f"field {field.name!r}: {name} must be true or false, not {shorten(constraints[name])}"
            )
    if constraints.get("required"):
        yield _Check("required", "filled in", pc.is_valid)
    if "enum" in constraints:
        yield _enumeration(field, "enum", constraints["enum"])
    if "pattern" in constraints:
        yield _pattern(field, constraints["pattern"])
    for name in ("minLength", "maxLength"):
        if name in constraints:
            yield _length(field, name, constraints[name])
    for name in BOUNDS:
        if name in constraints:
            yield _bound(field, name, constraints[name])
    if "jsonSchema" in constraints:
        yield _json_schema(field, constraints["jsonSchema"])
    if field.descriptor.get("categories") is not None:
        yield _categories(field, field.descriptor["categories"])


def _enumeration(field: Field, name: str, listed: Any) -> _Check:
    if not isinstance(listed, list | tuple) or not listed:
        raise SchemaError(f"field {field.name!r}: {name} must list at least one value, not {shorten(listed)}")
    values = [value for each in listed if (value := cast_constraint(field, name, each)) is not None]
    shown = ", ".join(map(repr, listed[:10])) + (", …" if len(listed) > 10 else "")
    passes = one_of(values)
    if field.type in _JSON:
        passes = partial(_each_json, test=lambda value: value in values)
    elif field.type == "list":
        passes = partial(_each, test=lambda value: value in values)
    return _Check(name, f"one of {shown}", passes)


def _pattern(field: Field, pattern: Any) -> _Check:
    if not isinstance(pattern, str):
        raise SchemaError(f"field {field.name!r}: a pattern must be text, not {shorten(pattern)}")
    try:
        matches = compile_pattern(pattern)
    except PatternError as error:
        raise SchemaError(
            f"field {field.name!r}: the pattern {shorten(pattern)} is not a regular expression: {error}"
        ) from error
    return _Check("pattern", f"text that matches {pattern!r} as a whole", matches)


def _length(field: Field, name: str, declared: Any) -> _Check:
    whole = isinstance(declared, float) and declared.is_integer()
    limit = int(declared) if whole else declared
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise SchemaError(
            f"field {field.name!r}: {name} must be a whole number from 0, not {shorten(declared)}"
        )
    least = name == "minLength"
    units = ("character" if field.type == "string" else "item") + ("" if limit == 1 else "s")

    def passes(column: pa.Array) -> pa.Array:
        return within(_lengths(column), "minimum" if least else "maximum", limit)

    return _Check(name, f"{'at least' if least else 'at most'} {limit} {units} long", passes)


def _lengths(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        # Counting items takes a parser; only JSON's own will do.
        texts = column.storage.to_pylist()
        return pa.array([None if text is None else len(json.loads(text)) for text in texts], pa.int64())
    if pa.types.is_list(column.type):
        return pc.list_value_length(column).cast(pa.int64())
    return pc.utf8_length(column).cast(pa.int64())


def _bound(field: Field, name: str, declared: Any) -> _Check:
    bound = cast_constraint(field, name, declared)
    if bound is None or (isinstance(bound, Decimal) and bound.is_nan()):
        raise SchemaError(
            f"field {field.name!r}: {name} must be a value of the field, not {shorten(declared)}"
        )
    passes = partial(within, constraint=name, bound=bound)
    try:
        passes(pa.array([], field.arrow))
    except (ValueError, OverflowError) as error:
        raise SchemaError(f"field {field.name!r}: {name} cannot be {shorten(declared)}: {error}") from error
    return _Check(name, f"{BOUNDS[name][1]} {declared}", passes)


def _json_schema(field: Field, schema: Any) -> _Check:
    from dataflows_core.json_schema import JsonSchemaError, json_schema_problems

    try:
        problem = json_schema_problems(schema)
    except JsonSchemaError as error:
        raise SchemaError(f"field {field.name!r}: the jsonSchema {error}") from error
    return _Check(
        "jsonSchema",
        "what its JSON Schema describes",
        partial(_each_json, test=lambda value: not problem(value)),
        lambda value: f": {problem(json.loads(value))}",
    )


def _categories(field: Field, categories: Any) -> _Check:
    if field.type not in _CATEGORICAL:
        raise SchemaError(
            f"field {field.name!r}: categories do not apply to the type {field.type}"
            "\n  they apply to: integer, string"
        )
    listed = categories if isinstance(categories, list | tuple) else []
    values = [each.get("value") if isinstance(each, Mapping) else each for each in listed]
    if not values or None in values:
        raise SchemaError(
            f"field {field.name!r}: categories must list values, or objects with a value and a label, "
            f"not {shorten(categories)}"
        )
    return _enumeration(field, "categories", values)


def _each(column: pa.Array, test: Callable[[Any], bool]) -> pa.Array:
    return pa.array([None if value is None else test(value) for value in column.to_pylist()], pa.bool_())


def _each_json(column: pa.Array, test: Callable[[Any], bool]) -> pa.Array:
    """The verdict on each distinct JSON text, given to all that have it."""
    encoded = column.storage.dictionary_encode()
    verdicts = pa.array([test(json.loads(text)) for text in encoded.dictionary.to_pylist()], pa.bool_())
    return pc.take(verdicts, encoded.indices)


def _shown(value: Any) -> Any:
    """A value without the padding zeros of its column."""
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value, "f")
        return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
    return value
