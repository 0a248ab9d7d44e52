"""What a step is, and which one is being planned.

A *processor* is any callable that, given its parameters, returns a step; a *step* takes a package and
returns a package. The names `Source`, `Step` and `Sink` mean the same to Python; as a return annotation
of a processor they tell readers, and the registry, what the processor is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from dataflows_core.package import Package

__all__ = ["Processor", "Sink", "Source", "Step", "StepRef", "blamed", "current_step", "planning"]

Step: TypeAlias = "Callable[[Package], Package | None]"
"""Takes a package, returns a package; None means that it was changed in place."""

Source: TypeAlias = "Callable[[Package], Package | None]"
"""A step that brings resources in."""

Sink: TypeAlias = "Callable[[Package], Package | None]"
"""A step that writes resources somewhere, and passes them on."""

Processor: TypeAlias = "Callable[..., Step]"
"""Given its parameters, returns a step."""


@dataclass(frozen=True)
class StepRef:
    """The name and place of a step, for messages and reports.

    Attributes:
        name: The processor's name, or what stands in for it: ``"rows function clean"``.
        position: The 1-based position in the flow; ``"3.1"`` is the first step of the flow at 3.
        resource: The resource that it works on, by the name that it has there: a later step may give it
            another, or make another resource of it. Empty when it is none, or several.
    """

    name: str
    position: str
    resource: str = field(default="", compare=False)

    def on(self, resource: str) -> StepRef:
        """The same step, as it works on one resource."""
        return replace(self, resource=resource)


_current: ContextVar[StepRef] = ContextVar("current_step")
_OUTSIDE = StepRef("(outside a flow)", "0")


def current_step() -> StepRef:
    """The step that is being planned; operations that are appended now belong to it."""
    return _current.get(_OUTSIDE)


@contextmanager
def blamed(step: StepRef, resource: str | None = None) -> Iterator[None]:
    """Turn whatever is raised into the error of `step`, unless another step is blamed already.

    Raises:
        ProcessorError: Something was raised; it is the cause.
    """
    from dataflows_core.errors import ProcessorError

    try:
        yield
    except ProcessorError:
        raise
    except Exception as error:  # the seam: a step may raise anything
        about = step.resource or resource or getattr(error, "resource", None)
        raise ProcessorError(error, processor=step.name, position=step.position, resource=about) from error


@contextmanager
def planning(step: StepRef) -> Iterator[None]:
    """Make `step` the one that is being planned."""
    token = _current.set(step)
    try:
        yield
    finally:
        _current.reset(token)
