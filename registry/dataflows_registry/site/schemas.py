"""A JSON Schema of each processor: what a step of a flow in YAML may give it, by name."""

from __future__ import annotations

import ast
import json
from typing import Any

from dataflows_registry.model import Parameter, Processor

__all__ = ["json_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(processor: Processor) -> dict[str, Any]:
    """The schema of the mapping of parameters in `- processor: {parameter: value}`.

    Args:
        processor: The processor.

    Returns:
        A schema of draft 2020-12. A parameter of which no schema is known takes any value.
    """
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": processor.qualified_name,
        "description": processor.summary,
        "type": "object",
        "properties": {p.name: _property(p) for p in processor.parameters if not p.variadic},
        "required": [p.name for p in processor.parameters if p.required and not p.variadic],
        "additionalProperties": any(p.variadic and p.keyword_only for p in processor.parameters),
    }
    if processor.deprecated is not None:
        schema["deprecated"] = True
    return schema


def _property(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = dict(parameter.schema or {})
    if parameter.doc:
        described["description"] = parameter.doc
    if parameter.default is not None:
        try:
            default = ast.literal_eval(parameter.default)
            json.dumps(default, allow_nan=False)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return described  # an expression, which JSON has no form for
        described["default"] = default
    return described
