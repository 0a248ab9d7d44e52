"""JSON Schema from the text of annotations; ``{}``, anything, where a text does not say."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from dataflows_registry.text import clean_text

__all__ = ["json_schema"]

_SIMPLE: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "bytes": {"type": "string"},
    "Decimal": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "Path": {"type": "string"},
    "PurePath": {"type": "string"},
    "PathLike": {"type": "string"},
    "LiteralString": {"type": "string"},
}
_ARRAYS = {
    "list", "List", "Sequence", "Iterable", "Iterator", "Collection", "tuple", "Tuple",
    "set", "Set", "frozenset", "FrozenSet", "AbstractSet",
}  # fmt: skip
_OBJECTS = {"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict"}
_WRAPPERS = {"Annotated", "Final", "ClassVar", "Required", "NotRequired"}
_MAX_DEPTH = 12

# What the core's own aliases mean; their source is in another distribution than the processors'.
_CORE = {
    "ResourceSelector": "str | int | list[str] | None",
    "OnError": "Literal['raise', 'drop', 'clear', 'ignore']",
}


def json_schema(annotation: str, lookup: Callable[[str], str | None] = lambda _: None) -> dict[str, Any]:
    """What values an annotation allows, of those that JSON can write.

    Args:
        annotation: Its text.
        lookup: Gives the text that a name stands for, if it is an alias of the same distribution.

    Examples:
        >>> json_schema("Literal['raise', 'drop'] | None")
        {'enum': ['raise', 'drop', None]}
        >>> json_schema("str | int | list[str]")
        {'anyOf': [{'type': ['string', 'integer']}, {'type': 'array', 'items': {'type': 'string'}}]}
        >>> json_schema("Package")
        {}
    """
    found = _Reader(lookup).text(annotation, 0)
    return {} if found is None else found


class _Reader:
    """Reads nodes of annotations; None stands for what no JSON can be, such as a function."""

    def __init__(self, lookup: Callable[[str], str | None]) -> None:
        self.lookup = lookup

    def text(self, annotation: str, depth: int) -> dict[str, Any] | None:
        try:
            return self.node(_expression(annotation.strip()), depth)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {}

    def node(self, node: ast.expr, depth: int) -> dict[str, Any] | None:
        if depth > _MAX_DEPTH:
            return {}
        match node:
            case ast.Constant(value=None):
                return dict(_SIMPLE["None"])
            case ast.Constant(value=str(text)):
                return self.text(text, depth + 1)
            case ast.BinOp(op=ast.BitOr()):
                return self.union(_alternatives(node), depth)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return self.name(name, depth)
            case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return self.generic(name, parts, depth)
        return {}

    def name(self, name: str, depth: int) -> dict[str, Any] | None:
        if name in _SIMPLE:
            return dict(_SIMPLE[name])
        if name in _ARRAYS:
            return {"type": "array"}
        if name in _OBJECTS:
            return {"type": "object"}
        if name == "Callable":
            return None
        alias = self.lookup(name) or _CORE.get(name)
        return {} if alias is None else self.text(alias, depth + 3)

    def generic(self, name: str, parts: list[ast.expr], depth: int) -> dict[str, Any] | None:
        if name == "Literal":
            return _literal(parts)
        if name == "Callable":
            return None
        if name in ("Optional", "Union"):
            none: list[ast.expr] = [ast.Constant(None)] if name == "Optional" else []
            return self.union([*parts, *none], depth)
        if name in _WRAPPERS and parts:
            return self.node(parts[0], depth + 1)
        if name in _ARRAYS:
            return self.array(name, parts, depth)
        if name in _OBJECTS:
            values = self.node(parts[1], depth + 1) if len(parts) == 2 else {}
            return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
        return self.name(name, depth) if name in _SIMPLE else {}

    def array(self, name: str, parts: list[ast.expr], depth: int) -> dict[str, Any]:
        open_end = isinstance(parts[-1], ast.Constant) and parts[-1].value is Ellipsis
        if name in ("tuple", "Tuple") and not open_end:
            items = [self.node(part, depth + 1) or {} for part in parts]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        item = self.node(parts[0], depth + 1)
        return {"type": "array", "items": item} if item else {"type": "array"}

    def union(self, parts: list[ast.expr], depth: int) -> dict[str, Any] | None:
        found = [schema for part in parts if (schema := self.node(part, depth + 1)) is not None]
        if not found:
            return None
        if not all(found):
            return {}
        if any("enum" in schema for schema in found) and all(
            schema.keys() == {"enum"} or schema == _SIMPLE["None"] for schema in found
        ):
            values = [value for schema in found for value in schema.get("enum", [None])]
            return {"enum": _distinct(values)}
        simple = [schema for schema in found if schema.keys() == {"type"} or set(schema) == {"anyOf"}]
        types = _distinct([kind for schema in found for kind in _types(schema)])
        others = [schema for schema in found if schema not in simple]
        others += [item for schema in simple if "anyOf" in schema for item in schema["anyOf"]]
        others = _distinct([item for item in others if not _types(item)])
        joined = [{"type": types[0] if len(types) == 1 else types}] if types else []
        choices = [*joined, *others]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}


@lru_cache(maxsize=4096)
def _expression(text: str) -> ast.expr:
    """Annotations are the same few texts over and over."""
    return ast.parse(text, mode="eval").body


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """The operands of ``a | b | c``; a loop, since a long one would be a deep recursion."""
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _types(schema: dict[str, Any]) -> list[str]:
    """The types of a schema that says nothing else, or those among the choices of one that is a union."""
    if schema.keys() == {"type"}:
        kind = schema["type"]
        return kind if isinstance(kind, list) else [kind]
    return [kind for item in schema.get("anyOf", ()) for kind in _types(item)]


def _literal(parts: list[ast.expr]) -> dict[str, Any]:
    values: list[Any] = []
    for part in parts:
        try:
            value = ast.literal_eval(part)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return {}
        if not isinstance(value, str | int | bool | None) or (
            isinstance(value, str) and clean_text(value) != value
        ):
            return {}
        values.append(value)
    return {"enum": _distinct(values)}


def _distinct(values: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if not any(type(value) is type(other) and value == other for other in kept):
            kept.append(value)
    return kept
