"""What may stand in a flow, and how each becomes a step: one table, one function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import FlowError, SchemaError, shorten

if TYPE_CHECKING:
    from dataflows_core.package import Package
    from dataflows_core.steps import Step
    from dataflows_core.stream import Stream

__all__ = ["name_of", "step_of"]


def _row(function: Callable[..., Any]) -> Step:
    def step(package: Package) -> None:
        for resource in package.tables():
            resource.each_row(function)

    return step


def _rows(function: Callable[..., Any]) -> Step:
    def step(package: Package) -> None:
        for resource in package.tables():
            resource.pipe_rows(function)

    return step


def _batch(function: Callable[..., Any]) -> Step:
    def step(package: Package) -> None:
        for resource in package.tables():
            resource.pipe_batches(lambda batches: (_changed(function(batch), batch) for batch in batches))

    return step


def _changed(result: Any, batch: Any) -> Any:
    return batch if result is None else result


def _resource(function: Callable[..., Any]) -> Step:
    def step(package: Package) -> None:
        for resource in package.select():
            result = function(resource)
            if result is not None and result is not resource:
                raise FlowError(
                    f"it returned {type(result).__name__}; a function of a resource changes it in place"
                )

    return step


def _package(function: Callable[..., Any]) -> Step:
    return function


FUNCTIONS: Mapping[str, Callable[[Callable[..., Any]], Step]] = {
    "row": _row,
    "rows": _rows,
    "batch": _batch,
    "resource": _resource,
    "package": _package,
}
"""How a function with one required parameter of that name becomes a step."""


def step_of(link: Any, position: str) -> Step | None:
    """The step that a link stands for; None for None.

    Args:
        link: A function or callable with one required parameter named `row`, `rows`, `batch`, `resource`
            or `package`; an iterable of dicts, lists or tuples; a data frame or anything with an Arrow
            stream; a `Flow`; None.
        position: The link's position in its flow, for the message.

    Raises:
        FlowError: The link is none of these.
    """
    from dataflows_core.flow import Flow

    if link is None:
        return None
    if isinstance(link, Flow):
        return link.step(position)
    if hasattr(link, "__arrow_c_stream__") and not inspect.isclass(link):
        return _source(link, "arrow")
    if callable(link):
        parameter, problem = _parameter(link)
        if parameter is not None:
            return FUNCTIONS[parameter](link)
    elif isinstance(link, Iterable) and not isinstance(link, str | bytes | Mapping):
        return _source(link, "rows")
    else:
        problem = ""
    from dataflows_core.discovery import entries

    if entries("dataflows"):
        from dataflows_core.hooks import plugin_manager

        adapted: Step | None = plugin_manager().hook.adapt_link(link=link)
        if adapted is not None:
            return adapted
    raise FlowError(_refusal(link, position, problem))


def _parameter(link: Callable[..., Any]) -> tuple[str | None, str]:
    """The name of the one required parameter if it is one we know, and otherwise what is wrong."""
    if inspect.isclass(link):
        return None, "it is a class; make an object of it"
    try:
        signature = inspect.signature(link)
    except (TypeError, ValueError):
        return None, "its signature cannot be read; wrap it in a function with one parameter named row"
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p.name for p in signature.parameters.values() if p.default is p.empty and p.kind not in kinds]
    if len(required) == 1 and required[0] in FUNCTIONS:
        if signature.parameters[required[0]].kind is inspect.Parameter.KEYWORD_ONLY:
            return None, f"its parameter {required[0]!r} must be positional: write it without the * before it"
        return required[0], ""
    if len(required) == 1:
        return None, f"its one required parameter is named {required[0]!r}"
    if not required:
        return None, f"it has no required parameter; if it is a processor, call it: {name_of(link)}()"
    return (
        None,
        f"it has {len(required)} required parameters ({', '.join(required)}); if it is a processor, call it",
    )


def _refusal(link: Any, position: str, problem: str) -> str:
    if isinstance(link, str):
        from dataflows_core.files.urls import shown

        link = shown(link)
    message = (
        f"link {position} of the flow is {shorten(link)}, of type {type(link).__name__}, which is no step"
    )
    if problem:
        message += f": {problem}"
    if isinstance(link, str | bytes):
        message += f'; to read a file, write load("{link if isinstance(link, str) else "…"}")'
    return (
        f"{message}\n  a link is a function with one parameter named row, rows, batch, resource or package; "
        "an iterable of dicts or tuples; a data frame or an Arrow table; a Flow; or None"
    )


def _source(link: Any, kind: str) -> Step:
    name = type(link).__name__
    if kind == "rows" and iter(link) is iter(link):
        from dataflows_core.inline import OnceIterable

        link = OnceIterable(iter(link), f"the {name}")
    elif hasattr(link, "read_next_batch"):
        from dataflows_core.inline import OnceReader

        link = OnceReader(link)

    def step(package: Package) -> None:
        from dataflows_core import inline
        from dataflows_core.resource import Resource

        stream: Stream = inline.arrow_stream(link) if kind == "arrow" else inline.rows_stream(link)
        if not stream.schema.fields and kind == "arrow":
            raise SchemaError(f"the {name} has no columns")
        resource = package.add(Resource(package.free_name(), stream))
        resource.unnamed = True

    return step


def name_of(link: Any) -> str:
    """The name of a link in messages: the processor's, the function's, or the type's."""
    name = getattr(link, "__processor__", None) or getattr(link, "__qualname__", None)
    if name is None:
        inner = getattr(link, "func", None)  # functools.partial
        return name_of(inner) if callable(inner) else type(link).__name__
    # A step is usually a closure: `filter_rows.<locals>.step` is known as filter_rows.
    parts = str(name).split(".<locals>.")
    if len(parts) > 1 and parts[-1] == "step":
        return parts[-2].rpartition(".")[2]
    return "function" if parts[-1] == "<lambda>" else parts[-1]
