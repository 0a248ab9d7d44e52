"""dataflows: flows of small steps over tabular data, Data Packages in and out.

    >>> from dataflows_core import Flow
    >>> Flow([{"city": "lyon"}], lambda row: row.update(city=row["city"].title())).results().rows
    [[{'city': 'Lyon'}]]

Everything here is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataflows_core.errors import DataflowsError, FlowError, ProcessorError
    from dataflows_core.flow import Flow, Processed, Results
    from dataflows_core.loading import load
    from dataflows_core.package import Package
    from dataflows_core.processors import step
    from dataflows_core.resource import Resource
    from dataflows_core.schema import Field, Schema
    from dataflows_core.steps import Processor, Sink, Source, Step
    from dataflows_core.stream import Split, Stream

_WHERE = {
    "DataflowsError": "errors",
    "Field": "schema",
    "Flow": "flow",
    "FlowError": "errors",
    "Package": "package",
    "Processed": "flow",
    "Processor": "steps",
    "ProcessorError": "errors",
    "Resource": "resource",
    "Results": "flow",
    "Schema": "schema",
    "Sink": "steps",
    "Source": "steps",
    "Split": "stream",
    "Step": "steps",
    "Stream": "stream",
    "load": "loading",
    "step": "processors",
}

__all__ = [
    "DataflowsError",
    "Field",
    "Flow",
    "FlowError",
    "Package",
    "Processed",
    "Processor",
    "ProcessorError",
    "Resource",
    "Results",
    "Schema",
    "Sink",
    "Source",
    "Split",
    "Step",
    "Stream",
    "load",
    "step",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
