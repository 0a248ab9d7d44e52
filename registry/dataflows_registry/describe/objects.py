"""The description of one function or class."""

from __future__ import annotations

import ast
from dataclasses import replace

import griffe

from dataflows_registry.describe.calls import calls_of, function_at, inner_step
from dataflows_registry.describe.docstrings import read_docstring
from dataflows_registry.describe.modules import Found, Modules
from dataflows_registry.describe.shape import infer_shape
from dataflows_registry.describe.signatures import (
    alias_lookup,
    kind_of,
    parameters_of,
    returns_of,
    signature_of,
)
from dataflows_registry.model import Processor, Shape
from dataflows_registry.text import clean_line, clean_text

__all__ = ["describe_object", "formats_asked_for"]

_HARMLESS = {
    "overload",
    "cache",
    "lru_cache",
    "wraps",
    "deprecated",
    "dataclass",
    "final",
    "runtime_checkable",
}
"""Decorators that leave a signature as it is written."""


def describe_object(entry: Processor, found: Found, modules: Modules) -> Processor:
    """An entry with all that its source says.

    Args:
        entry: What the entry points say.
        found: The function or class.
        modules: Those of its distribution.
    """
    doc = read_docstring(_docstring(found))
    parameters = parameters_of(found, doc.parameters, alias_lookup(found, modules))
    kind = kind_of(found)
    return replace(
        entry,
        kind=kind,
        summary=doc.summary,
        description=doc.description,
        parameters=tuple(parameters),
        raises=tuple(doc.raises),
        returns=returns_of(found),
        examples=tuple(doc.examples),
        deprecated=doc.deprecated if doc.deprecated is not None else _deprecation(found),
        shape=_shape(found, modules, kind) if entry.group == "processor" else None,
        signature=signature_of(
            entry.name if entry.group == "processor" else found.object.name, found, parameters
        ),
        source={"file": found.module.path, "line": found.object.lineno},
        problems=() if entry.group == "command" else tuple(_problems(found)),
    )


def _docstring(found: Found) -> griffe.Docstring | None:
    """Its docstring; a class's, with the arguments that its constructor documents where it does not."""
    if found.object.docstring is not None or isinstance(found.object, griffe.Function):
        return found.object.docstring
    constructor = found.object.members.get("__init__")
    return constructor.docstring if isinstance(constructor, griffe.Function) else None


def _decorators(found: Found) -> list[tuple[str, str]]:
    """Name and text of each decorator."""
    texts = [str(decorator.value) for decorator in found.object.decorators]
    return [(text.partition("(")[0].rpartition(".")[2], text) for text in texts]


def _deprecation(found: Found) -> str | None:
    """What ``@deprecated("…")`` says."""
    for name, text in _decorators(found):
        if name == "deprecated":
            try:
                call = ast.parse(text, mode="eval").body
                message = ast.literal_eval(call.args[0]) if isinstance(call, ast.Call) and call.args else ""
            except (ValueError, SyntaxError):
                message = ""
            return clean_text(str(message))
    return None


def _problems(found: Found) -> list[str]:
    others = [clean_line(name) for name, _ in _decorators(found) if name not in _HARMLESS]
    return [f"the decorator {name} may change the signature that is written here" for name in others]


def _shape(found: Found, modules: Modules, kind: str) -> Shape | None:
    function = function_at(found.module, found.object.lineno)
    step = None if function is None else inner_step(function)
    if step is not None:
        return infer_shape(calls_of(step, found.module, modules), kind)
    return Shape(by="resources", adds_rows=True) if kind == "source" else None


def formats_asked_for(found: Found, modules: Modules, entries: list[tuple[str, str, str]]) -> list[str]:
    """The formats of the distribution's writers, for a processor that looks a writer up by its format.

    Args:
        found: The processor.
        modules: Those of its distribution.
        entries: Kind, name and value of its entry points.
    """
    writers = sorted(clean_line(name) for kind, name, _ in entries if kind == "writer")
    function = function_at(found.module, found.object.lineno) if writers else None
    if function is None:
        return []
    asked = calls_of(function, found.module, modules).asked
    return writers if {("load", "writer"), ("find", "writer")} & asked else []
