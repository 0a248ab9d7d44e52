"""How a processor is used: the YAML form of an example, and a form of use where there is no example."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dataflows_registry.model import Parameter, Processor

__all__ = ["python_form", "yaml_example", "yaml_form"]

_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)")
_PLAIN = re.compile(r"[A-Za-z_*./][\w ./*-]*(?<! )")
_RESERVED = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n", "none"))


def yaml_example(code: str, processor: Processor) -> str | None:
    """What an example in Python says in a flow written as YAML.

    Args:
        code: The example, with or without the prompts of doctest.
        processor: The processor whose calls are wanted.

    Returns:
        The steps; None when there is no call, or none that plain values can express.
    """
    try:
        tree = ast.parse(_source(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    found = [
        _step(call, processor)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == processor.name
    ]
    steps = dict.fromkeys(step for step in found if step)
    return "\n".join(steps) or None


def yaml_form(processor: Processor) -> str:
    """A step with the parameters that must be given."""
    return _mapping(processor.name, {p.name: _Open(p.type or "…") for p in _required(processor)})


def python_form(processor: Processor) -> str:
    """An import and a call with the parameters that must be given."""
    given = (f"{p.name}=…" if p.keyword_only else p.name for p in _required(processor))
    call = f"{processor.name}({', '.join(given)})"
    if not processor.name.isidentifier():
        return f"from dataflows_core.processors import step\n\nstep({processor.qualified_name!r}, …)"
    return f"from dataflows_core.processors import {processor.name}\n\n{call}"


def _required(processor: Processor) -> Iterator[Parameter]:
    return (p for p in processor.parameters if p.required and not p.variadic)


def _source(code: str) -> str:
    lines = code.splitlines()
    if not any(line.lstrip().startswith(">>>") for line in lines):
        return code
    stripped = (line.lstrip() for line in lines)
    return "\n".join(line[4:] for line in stripped if _PROMPT.match(line))


def _step(call: ast.Call, processor: Processor) -> str | None:
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    try:
        given = [ast.literal_eval(argument) for argument in call.args]
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        if None in named:  # **options
            return None
        if len(given) == 1 and not named and not isinstance(given[0], dict):
            return f"- {_scalar(processor.name)}: {_flow(given[0])}"
        places = [p.name for p in processor.parameters if not p.keyword_only and not p.variadic]
        if len(given) > len(places):
            return None
        values: dict[str | None, Any] = {**dict(zip(places, given, strict=False)), **named}
        return _mapping(processor.name, {str(name): value for name, value in values.items()})
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None  # a value that only Python can express


def _mapping(name: str, values: dict[str, Any]) -> str:
    if not values:
        return f"- {_scalar(name)}: {{}}"
    lines = (f"    {_scalar(key)}: {_flow(value)}" for key, value in values.items())
    return "\n".join([f"- {_scalar(name)}:", *lines])


@dataclass(frozen=True)
class _Open:
    """The place of a value that is the user's to give; a comment tells its type."""

    type: str


def _flow(value: Any) -> str:
    if isinstance(value, _Open):
        return f"# {' '.join(value.type.split())}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_items(value))}]"
    return _scalar(value)


def _items(values: Iterable[Any]) -> Iterator[str]:
    return (_flow(value) for value in values)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _RESERVED and value[0] not in "*-"
        return value if plain else _quoted(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    raise ValueError(f"{value!r} has no form in YAML")


def _quoted(text: str) -> str:
    """Double quotes, with the escapes that JSON and YAML share."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == " " else f"\\U{ord(c):08x}" for c in quoted)
