"""What a run did, as a table for people and as facts for programs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dataflows_core.operations import Write
from dataflows_core.render import Column, table_text

if TYPE_CHECKING:
    from dataflows_core.package import Package
    from dataflows_core.resource import Resource

__all__ = ["run_facts", "summary_text"]

_LONG_STAT = 100


def run_facts(package: Package, seconds: float) -> dict[str, Any]:
    """What a run did.

    Args:
        package: The package as it left the last step.
        seconds: How long it took.

    Returns:
        `ok`, `duration` in seconds, `stats`, and `resources`: for each its `name`, `rows` (null when it is
        not tabular), `fields` (their number) and `written` (where to).
    """
    return {
        "ok": True,
        "duration": round(seconds, 3),
        "stats": package.stats,
        "resources": [
            {
                "name": resource.name,
                "rows": resource.count,
                "fields": len(resource.schema),
                "written": _targets(resource),
            }
            for resource in package.resources
        ],
    }


def _targets(resource: Resource) -> list[str]:
    """Where the resource was written, as the sinks say it."""
    if resource.stream is None:
        return []
    sinks = [item.sink for item in resource.stream.operations if isinstance(item, Write)]
    return [target for sink in sinks if (target := getattr(sink, "target", None))]


def summary_text(facts: dict[str, Any]) -> str:
    """The closing lines of a run.

    Args:
        facts: What `run_facts` returned.
    """
    lines: list[str] = []
    if facts["resources"]:
        cells = [
            [
                item["name"],
                "" if item["rows"] is None else f"{item['rows']:,}",
                f"{item['fields']:,}",
                ", ".join(item["written"]) or None,
            ]
            for item in facts["resources"]
        ]
        numbers = [Column(name, right=True) for name in ("rows", "fields")]
        columns = [Column("resource"), *numbers, Column("written to")]
        lines.append(table_text(columns, cells, shutil.get_terminal_size().columns))
    said = {name: value for name, value in facts["stats"].items() if value is not None}
    stats = ", ".join(f"{name}: {_stat(value)}" for name, value in said.items())
    if stats:
        lines.append(stats)
    lines.append(f"done in {facts['duration']:.2f} s")
    return "\n".join(lines)


def _stat(value: Any) -> str:
    if isinstance(value, Mapping | list) and len(str(value)) > _LONG_STAT:
        return f"{len(value):,} entries, which --json shows"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
