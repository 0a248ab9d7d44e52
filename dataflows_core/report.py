"""What an operation says besides the batch it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dataflows_core.errors import CastError

__all__ = ["Rejected", "Report"]


@dataclass(frozen=True)
class Rejected:
    """One row that was dropped, or lost a value.

    Attributes:
        index: Position of the row in the batch it was found in, from 0.
        values: The row as it was, by field.
        error: Why it was rejected.
        action: What was done: ``"drop"`` or ``"clear"``.
        source: The file, or the step behind which, `row` counts; filled in by the run.
        row: The row's number, from 1; filled in by the run.
    """

    index: int
    values: dict[str, Any]
    error: CastError
    action: str
    source: str = ""
    row: int | None = None


@dataclass
class Report:
    """Counters, summed over the batches into the stats, and the rows that were rejected.

    Attributes:
        counts: Number of rows or values by what was done to them: ``dropped``, ``cleared``, ``ignored``.
        rejected: The rejected rows, in order.
    """

    counts: dict[str, int] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        self.counts[name] = self.counts.get(name, 0) + number

    def add(self, other: Report) -> None:
        """Take over what another report says."""
        for name, number in other.counts.items():
            self.count(name, number)
        self.rejected.extend(other.rejected)
