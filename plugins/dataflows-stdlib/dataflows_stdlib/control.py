"""What runs only sometimes, or only at the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from dataflows_core import Flow
from dataflows_core.errors import FlowError
from dataflows_core.package import Package
from dataflows_core.steps import Step, current_step

__all__ = ["conditional", "finalizer"]


def conditional(predicate: Callable[[Package], object], flow: Any) -> Step:
    """Put a flow in only when a condition on the package is true.

    The condition is asked when the flow is planned: it sees descriptors and schemas, and no rows.

    Args:
        predicate: Gets the package; the flow is put in when what it returns is true.
        flow: A flow or a single link; or a function that gets the package and returns a flow.

    Raises:
        FlowError: One of them is not what it has to be.

    Examples:
        >>> from dataflows_core import Flow
        >>> tenfold = Flow(lambda row: row.update(n=row["n"] * 10))
        >>> has_n = lambda package: "n" in package[0].schema
        >>> Flow([{"n": 1}], conditional(has_n, tenfold)).results().rows
        [[{'n': 10}]]
    """
    if not callable(predicate):
        raise FlowError(f"the condition is a function of the package, and not {type(predicate).__name__}")
    fixed = None if _is_of_package(flow) else flow if isinstance(flow, Flow) else Flow(flow)

    def step(package: Package) -> Package | None:
        if not predicate(package):
            return None
        chosen = flow(package) if fixed is None else fixed
        if isinstance(chosen, Flow):
            return chosen.plan(package, prefix=f"{current_step().position}.")
        return chosen  # type: ignore[no-any-return] # it was a step; the flow checks what it returned

    return step


def _is_of_package(flow: Any) -> bool:
    """Whether it is a function of the package: a step, or one that returns a flow."""
    if isinstance(flow, Flow) or not callable(flow):
        return False
    required = [p.name for p in inspect.signature(flow).parameters.values() if p.default is p.empty]
    return len(required) == 1 and required[0] not in ("row", "rows", "batch", "resource")


def finalizer(callback: Callable[..., object]) -> Step:
    """Call a function once, after every row of every resource has passed and all is written.

    It is not called when the run fails.

    Args:
        callback: Called without arguments, or with `stats=`, what the steps have reported, when it has a
            parameter of that name.

    Raises:
        FlowError: It cannot be called so.

    Examples:
        >>> from dataflows_core import Flow
        >>> _ = Flow([{"n": 1}], finalizer(lambda: print("done"))).process()
        done
    """
    if not callable(callback):
        raise FlowError(f"finalizer() takes a function, and not {type(callback).__name__}")
    parameters = inspect.signature(callback).parameters
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    others = [
        p.name
        for p in parameters.values()
        if p.default is p.empty and p.name != "stats" and p.kind not in several
    ]
    if others:
        raise FlowError(
            f"the function has the parameter {others[0]!r}; it is called with stats=…, or with nothing"
        )
    wants_stats = "stats" in parameters

    def step(package: Package) -> None:
        def finish() -> None:
            if wants_stats:
                callback(stats=package.stats)
            else:
                callback()

        package.on_finish(finish, last=True)

    return step
