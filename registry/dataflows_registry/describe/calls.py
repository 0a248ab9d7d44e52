"""The calls that a function makes, with those of the helpers in its distribution; read from syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from dataflows_core.errors import DataError
from dataflows_registry.describe.modules import Definition, Modules, Parsed

__all__ = ["Calls", "calls_of", "function_at", "inner_step"]

_MAX_DEFINITIONS = 80


@dataclass
class Calls:
    """What is called.

    Attributes:
        methods: Names of methods, whatever they are called on: ``"map_batches"``; of functions of ours, the
            last two parts: ``"Stream.derive"``.
        asked: The first arguments of calls that are texts, by the name of what is called.
        opaque: Whether a package is handed to something that is not of this distribution.
    """

    methods: set[str] = field(default_factory=set)
    asked: set[tuple[str, str]] = field(default_factory=set)
    opaque: bool = False


def function_at(parsed: Parsed, line: int | None) -> Definition | None:
    """The function or class whose definition begins at a line.

    Args:
        parsed: A module.
        line: The line of its ``def`` or ``class``, or of its first decorator.
    """
    for node in parsed.definitions:
        first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
        if line is not None and first <= line <= node.lineno:
            return node
    return None


def inner_step(function: ast.AST) -> Definition | None:
    """The function within another that is the step: by convention it is called `step`."""
    waiting = list(ast.iter_child_nodes(function))
    for node in waiting:
        if isinstance(node, ast.FunctionDef) and node.name == "step":
            return node
        if isinstance(node, ast.stmt):
            waiting += ast.iter_child_nodes(node)
    return None


def calls_of(start: Definition, parsed: Parsed, modules: Modules) -> Calls:
    """The calls that a definition makes, through the helpers of its distribution.

    Args:
        start: Where to begin.
        parsed: Its module.
        modules: Those of its distribution.
    """
    calls = Calls()
    seen: set[int] = set()
    waiting: list[tuple[ast.AST, Parsed]] = [(start, parsed)]
    while waiting and len(seen) < _MAX_DEFINITIONS:
        node, module = waiting.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        for call in (item for item in ast.walk(node) if isinstance(item, ast.Call)):
            helpers = list(_helpers(call.func, node, module, modules))
            waiting += helpers
            _note(call, calls, known=bool(helpers))
    return calls


def _note(call: ast.Call, calls: Calls, *, known: bool) -> None:
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            calls.methods |= {name, f"{owner}.{name}"}
        case ast.Attribute(attr=name):
            calls.methods.add(name)
        case ast.Name(id=name):
            pass
        case _:
            name = ""
    if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
        calls.asked.add((name, call.args[0].value))
    handed = any(isinstance(argument, ast.Name) and argument.id == "package" for argument in call.args)
    calls.opaque = calls.opaque or (handed and not known)


def _helpers(
    called: ast.expr, inside: ast.AST, module: Parsed, modules: Modules
) -> Iterator[tuple[ast.AST, Parsed]]:
    """The definitions that a call may run, if they are of this distribution."""
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        if called.value.id in ("self", "cls"):
            yield from ((node, module) for node in _methods(inside, module, called.attr))
            return
        owner = _definition(called.value.id, module, modules)
        if owner is not None and isinstance(owner[0], ast.ClassDef):
            yield from ((node, owner[1]) for node in _named(owner[0], {called.attr}))
        return
    if not isinstance(called, ast.Name):
        return
    found = _definition(called.id, module, modules)
    if found is not None and isinstance(found[0], ast.ClassDef):
        yield from ((node, found[1]) for node in _named(found[0], {"__init__", "__post_init__"}))
    elif found is not None:
        yield found


def _named(cls: ast.ClassDef, names: set[str]) -> list[ast.FunctionDef]:
    return [node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name in names]


def _methods(inside: ast.AST, module: Parsed, name: str) -> list[ast.FunctionDef]:
    """The methods of that name in the class that a method belongs to."""
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and inside in node.body:
            return _named(node, {name})
    return []


def _definition(name: str, module: Parsed, modules: Modules) -> tuple[Definition, Parsed] | None:
    """The function or class that a name means in a module, followed through imports of this distribution."""
    for node in module.definitions:
        if node.name == name and node in module.tree.body:
            return node, module
    target = module.imports.get(name)
    if target is None:
        return None
    try:
        found = modules.resolve(":".join(target))
    except DataError:
        return None
    definition = function_at(found.module, found.object.lineno)
    return None if definition is None else (definition, found.module)
