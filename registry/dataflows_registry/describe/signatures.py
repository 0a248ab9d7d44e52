"""Parameters and kinds, from signatures."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import griffe

from dataflows_core.errors import DataError
from dataflows_registry.describe.annotations import json_schema
from dataflows_registry.describe.modules import Found, Modules, Parsed
from dataflows_registry.model import Parameter
from dataflows_registry.text import clean_line

__all__ = ["alias_lookup", "kind_of", "parameters_of", "returns_of", "signature_of"]

_KINDS = {"Source": "source", "Step": "step", "Sink": "sink", "Flow": "flow"}
_MAX_HOPS = 5
_VARIADIC = (griffe.ParameterKind.var_positional, griffe.ParameterKind.var_keyword)


def alias_lookup(found: Found, modules: Modules) -> Callable[[str], str | None]:
    """What gives the text behind a name in an annotation: a type alias of the same distribution.

    Args:
        found: The function or class whose annotations are read.
        modules: The distribution's modules.
    """

    def lookup(name: str) -> str | None:
        parsed: Parsed | None = found.module
        for _ in range(_MAX_HOPS):
            member = parsed.objects.members.get(name) if parsed is not None else None
            if parsed is None or member is None:
                return None
            if not isinstance(member, griffe.Alias):
                value = member.value if isinstance(member, griffe.Attribute) else None
                return None if value is None else str(value)
            module, _, name = (parsed.target(name) or member.target_path).rpartition(".")
            try:
                parsed = modules.module(module)
            except DataError:
                return None
        return None

    return lookup


def _written(found: Found) -> list[griffe.Parameter]:
    """The parameters of a call, as written: of a class, those of its constructor."""
    if isinstance(found.object, griffe.Function):
        return list(found.object.parameters)
    constructor = found.object.members.get("__init__")
    if isinstance(constructor, griffe.Function):
        return list(constructor.parameters)[1:]
    if any("dataclass" in str(decorator.value) for decorator in found.object.decorators):
        return list(_fields(found.object))
    return []


def _fields(cls: griffe.Class) -> Iterator[griffe.Parameter]:
    """The parameters of a dataclass's constructor; its own fields, without those of its bases."""
    for member in cls.members.values():
        if isinstance(member, griffe.Attribute) and member.annotation is not None:
            text = str(member.annotation)
            value = None if member.value is None else str(member.value)
            if "ClassVar" not in text and not (value or "").startswith("field(init=False"):
                kind = griffe.ParameterKind.positional_or_keyword
                yield griffe.Parameter(
                    member.name, annotation=member.annotation, kind=kind, default=member.value
                )


def parameters_of(found: Found, docs: dict[str, str], lookup: Callable[[str], str | None]) -> list[Parameter]:
    """The parameters of a call.

    Args:
        found: A function or class.
        docs: What the docstring says, by name.
        lookup: Of aliases in annotations.
    """
    parameters = []
    for written in _written(found):
        variadic = written.kind in _VARIADIC
        annotation = None if written.annotation is None else clean_line(str(written.annotation))
        default = None if written.default is None or variadic else clean_line(str(written.default))
        schema = {} if written.annotation is None else json_schema(str(written.annotation), lookup)
        name = clean_line(written.name)
        parameters.append(
            Parameter(
                name=name,
                type=annotation,
                default=default,
                required=default is None and not variadic,
                keyword_only=written.kind is griffe.ParameterKind.keyword_only,
                variadic=variadic,
                doc=docs.get(name, ""),
                schema={**schema, **_default(default)},
            )
        )
    return parameters


@lru_cache(maxsize=4096)
def _default(text: str | None) -> Mapping[str, Any]:
    """The default in JSON Schema, where it is a value that JSON and the model keep as it is."""
    if text is None:
        return {}
    try:
        value = ast.literal_eval(text)
        read = Parameter.from_json({"name": "", "schema": {"default": json.loads(json.dumps(value))}}).schema
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, DataError):
        return {}
    return {"default": value} if read == {"default": value} else {}


def returns_of(found: Found) -> str | None:
    """The text of the return annotation; of a class, its name."""
    if isinstance(found.object, griffe.Class):
        return clean_line(found.object.name)
    return None if found.object.returns is None else clean_line(str(found.object.returns))


def kind_of(found: Found) -> str:
    """``"source"``, ``"step"``, ``"sink"`` or ``"flow"`` after the return annotation; else ``"unknown"``."""
    if isinstance(found.object, griffe.Class):
        return "unknown"
    returns = found.object.returns
    # The canonical path sees through `import Source as …`.
    name = returns.canonical_path if isinstance(returns, griffe.Expr) else (returns or "")
    return _KINDS.get(name.strip("'\"").rpartition(".")[2], "unknown")


def signature_of(name: str, found: Found, parameters: list[Parameter]) -> str:
    """The signature on one line.

    Args:
        name: The name to write.
        found: The function or class.
        parameters: What `parameters_of` gave.
    """
    parts: list[str] = []
    written = _written(found)
    for before, now, parameter in zip([None, *written], written, parameters, strict=False):
        if (
            before is not None
            and before.kind is griffe.ParameterKind.positional_only
            and now.kind is not before.kind
        ):
            parts.append("/")
        starts = before is None or before.kind not in (
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        )
        if now.kind is griffe.ParameterKind.keyword_only and starts:
            parts.append("*")
        parts.append(_shown(now, parameter))
    if written and written[-1].kind is griffe.ParameterKind.positional_only:
        parts.append("/")
    returns = returns_of(found)
    return clean_line(f"{name}({', '.join(parts)})" + (f" -> {returns}" if returns else ""), 2000)


def _shown(written: griffe.Parameter, parameter: Parameter) -> str:
    star = "*" if written.kind is griffe.ParameterKind.var_positional else "**" if parameter.variadic else ""
    annotation = f": {parameter.type}" if parameter.type else ""
    equals = " = " if annotation else "="
    default = "" if parameter.default is None else f"{equals}{parameter.default}"
    return f"{star}{parameter.name}{annotation}{default}"
