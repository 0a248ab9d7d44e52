"""The `jsonSchema` constraint of Table Schema v2, judged by the library `jsonschema`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["JsonSchemaError", "json_schema_problems"]


class JsonSchemaError(ValueError):
    """A JSON Schema that cannot be used; its text says why."""


def json_schema_problems(schema: Any) -> Callable[[Any], str]:
    """A function from a JSON value to what is wrong with it; empty when nothing is.

    Args:
        schema: A JSON Schema; the draft is the one it names, the newest known otherwise.

    Raises:
        JsonSchemaError: It is not a JSON Schema, or refers to another document: a descriptor must not
            make a run read files or open connections.

    Examples:
        >>> json_schema_problems({"type": "array", "maxItems": 1})([1, 2])
        '[1, 2] is too long'
    """
    from jsonschema.exceptions import SchemaError as Invalid
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for

    if not isinstance(schema, Mapping):
        raise JsonSchemaError(f"must be an object, not {type(schema).__name__}")
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise JsonSchemaError(f"refers to another document, {reference!r}, which is not read")
    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except Invalid as error:
        raise JsonSchemaError(f"is not a JSON Schema: {error.message}") from error
    validator = kind(schema)

    def problem(value: Any) -> str:
        error = best_match(validator.iter_errors(value))
        return "" if error is None else str(error.message)

    return problem


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _references(value)
