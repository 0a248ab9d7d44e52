"""What can be said of a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dataflows_core.errors import FlowError, near_misses

__all__ = ["SCHEMA", "check_properties"]

_KNOWN = (
    "name",
    "type",
    "format",
    "title",
    "description",
    "example",
    "constraints",
    "rdfType",
    "missingValues",
    "categories",
    "categoriesOrdered",
    "decimalChar",
    "groupChar",
    "bareNumber",
    "floatNumber",
    "trueValues",
    "falseValues",
    "itemType",
    "delimiter",
)


SCHEMA = ("primaryKey", "foreignKeys", "uniqueKeys", "missingValues", "fieldsMatch")
"""The properties of a schema, besides its fields."""


def check_properties(
    options: Mapping[str, Any],
    parameters: Iterable[str] = (),
    *,
    of: str = "field",
    properties: Iterable[str] = _KNOWN,
) -> None:
    """Refuse a property that is nearly one of Table Schema's: it was misspelled.

    Publishers may add properties of their own, and these pass.

    Args:
        options: Properties, by name.
        parameters: The other parameters of the processor that got them.
        of: What has the properties.
        properties: Those that it has.

    Raises:
        FlowError: Such a property.

    Examples:
        >>> check_properties({"title": "Year", "unit": "a"})
        >>> check_properties({"formt": "%d.%m.%Y"})
        Traceback (most recent call last):
        ...
        dataflows_core.errors.FlowError: a field has no property 'formt'; did you mean 'format'?
    """
    own = frozenset(properties)
    known = (*own, *parameters)
    for name in options:
        if name not in own and (close := near_misses(name, sorted(known), 1)):
            raise FlowError(f"a {of} has no property {name!r}; did you mean {close[0]!r}?")
