"""Rows that were dropped, or lost a value, kept as a resource of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dataflows_core.report import Rejected
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.spool import Spool
from dataflows_core.steps import StepRef
from dataflows_core.stream import Derived, Stream

if TYPE_CHECKING:
    from dataflows_core.package import Package

__all__ = ["SCHEMA", "Rejects", "keep_rejects", "reads_rejects"]

SCHEMA = Schema.from_descriptor(
    {
        "fields": [
            {"name": name, "type": kind, "description": description}
            for name, kind, description in (
                ("resource", "string", "The resource the row was in."),
                ("step", "string", "The step that rejected it."),
                (
                    "source",
                    "string",
                    "The file, or the step behind which, `row` counts.",
                ),
                ("row", "integer", "The row's number, from 1."),
                ("field", "string", "The field to blame."),
                ("value", "string", "Its value, as it was found."),
                ("error", "string", "What is wrong with it."),
                ("action", "string", "What was done: drop or clear."),
                ("values", "object", "The row as it was."),
            )
        ]
    }
)
"""The fields of a resource of rejected rows."""

BATCH_ROWS = 4096


@dataclass
class Rejects:
    """The rejected rows of one step, spooled to disk as they come."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    spool: Spool | None = None

    def add(self, step: StepRef, resource: str, rejected: Iterable[Rejected]) -> None:
        """Keep some more."""
        for item in rejected:
            self.rows.append(
                {
                    "resource": resource,
                    "step": step.name,
                    "source": item.source or None,
                    "row": item.row,
                    "field": item.error.field,
                    "value": None if item.error.value is None else str(item.error.value),
                    "error": str(item.error),
                    "action": item.action,
                    "values": json.dumps(item.values, default=str, ensure_ascii=False),
                }
            )
        if len(self.rows) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self.rows:
            self.spool = self.spool or Spool()
            columns = [
                pa.array(
                    [row[item.name] for row in self.rows],
                    pa.string() if item.type == "object" else item.arrow,
                )
                for item in SCHEMA
            ]
            columns = [column.cast(item.arrow) for column, item in zip(columns, SCHEMA, strict=True)]
            self.spool.append(pa.RecordBatch.from_arrays(columns, names=list(SCHEMA.names)))
            self.rows.clear()

    def __call__(self) -> Iterator[pa.RecordBatch]:
        """What was kept so far."""
        self._flush()
        for index in range(len(self.spool or ())):
            assert self.spool is not None
            yield self.spool[index]


def reads_rejects(resource: Resource) -> bool:
    """Whether a resource is made of rejected rows, so that it is read after all others."""
    upstream = resource.stream.upstream() if resource.stream is not None else ()
    return any(
        isinstance(stream.origin, Derived) and isinstance(stream.origin.function, Rejects)
        for stream in upstream
    )


def keep_rejects(package: Package, step: StepRef, name: str) -> Resource:
    """Add a resource that holds the rows which `step` rejects, in a run; it is read after all others.

    Args:
        package: The package that is planned.
        step: The step that rejects rows.
        name: The new resource's name.
    """
    if name in package.names and step not in package.rejects:
        existing = package[name].stream
        if (
            existing is not None
            and isinstance(existing.origin, Derived)
            and isinstance(existing.origin.function, Rejects)
        ):
            package.rejects[step] = existing.origin.function
            return package[name]
    rejects = package.rejects.setdefault(step, Rejects())
    resource = Resource(name, Stream(Derived((), rejects, SCHEMA, step)), {"title": "Rejected rows"})
    return package.add(resource)
