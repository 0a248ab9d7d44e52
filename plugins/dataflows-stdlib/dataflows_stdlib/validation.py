"""All errors of a validation, and what they come to in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from dataflows_core.errors import CastError, DataError, shorten
from dataflows_core.on_error import OnError, settle
from dataflows_core.rejects import Rejects
from dataflows_core.report import Rejected, Report
from dataflows_core.steps import StepRef

__all__ = ["Errors", "Failing", "ValidationError", "collected"]

_SHOWN = 20
"""Kinds of errors that a summary tells apart."""


class ValidationError(DataError):
    """Rows of a resource are not as they should be; the message tells of all of them.

    Args:
        summary: What is wrong, in words.
        count: How many errors were found.
    """

    def __init__(self, summary: str, count: int) -> None:
        self.summary, self.count = summary, count
        super().__init__(summary)


@dataclass
class _Kind:
    """Errors of one field of one resource that are alike."""

    first: Rejected
    count: int = 0


@dataclass
class Errors(Rejects):
    """The errors of one step, spooled to disk as they come, and counted by kind.

    Attributes:
        limit: How many are kept; None for all. All are counted.
        counts: Their number by resource.
        kinds: What they are, by resource, field and what was expected.
    """

    limit: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    kinds: dict[tuple[str, str, str], _Kind] = field(default_factory=dict)

    def add(self, step: StepRef, resource: str, rejected: Iterable[Rejected]) -> None:
        """Count some more, and keep them up to the limit."""
        if not (found := list(rejected)):
            return
        kept = len(found) if self.limit is None else max(0, self.limit - self.total)
        self.counts[resource] = self.counts.get(resource, 0) + len(found)
        for item in found:
            key = (resource, item.error.field, item.error.expected)
            self.kinds.setdefault(key, _Kind(item)).count += 1
        super().add(step, resource, found[:kept])

    @property
    def total(self) -> int:
        """How many were found."""
        return sum(self.counts.values())

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self.limit is not None and self.total >= self.limit

    def summary(self, resource: str | None = None) -> str:
        """What was found, in words.

        Args:
            resource: Where; None for everywhere.
        """
        lines = []
        for name in [resource] if resource is not None else sorted(self.counts):
            kinds = [(key, kind) for key, kind in self.kinds.items() if key[0] == name]
            kinds.sort(key=lambda item: -item[1].count)
            count = self.counts.get(name, 0)
            lines.append(f"{_counted(count, 'error')} in resource {name!r}")
            lines += [f"  {_told(key[1], key[2], kind)}" for key, kind in kinds[:_SHOWN]]
            if len(kinds) > _SHOWN:
                lines.append(f"  and {len(kinds) - _SHOWN} other kinds of errors")
        return "\n".join(lines) or "no errors"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _told(name: str, expected: str, kind: _Kind) -> str:
    first = kind.first
    place = f"row {first.row}" + (f" of {first.source}" if first.source else "")
    verb = "value is" if kind.count == 1 else "values are"
    return f"{name}: {kind.count} {verb} not {expected}; the first in {place}: {shorten(first.error.value)}"


@dataclass(frozen=True)
class Failing:
    """Passes batches on, and fails at their end if there were errors, or as soon as there are enough.

    From the first error on, nothing is passed on: steps behind would fail for what is told here.
    """

    errors: Errors
    resource: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass the batches on.

        Raises:
            ValidationError: There were errors.
        """
        for batch in batches:
            if self.errors.full:
                break
            if not self.errors.counts.get(self.resource):
                yield batch
        count = self.errors.counts.get(self.resource, 0)
        if count:
            summary = self.errors.summary(self.resource)
            if self.errors.full:
                summary += (
                    f"\n  that is the limit of {self.errors.limit}; what comes behind was not looked at"
                )
            raise ValidationError(summary, count)


def collected(
    batch: pa.RecordBatch, errors: list[CastError], on_error: OnError
) -> tuple[pa.RecordBatch, Report]:
    """Deal with the errors of a batch as `settle` does, and report every one of them."""
    actions: dict[int, str] = {}

    def decide(error: CastError) -> str:
        action = on_error(error) if callable(on_error) else on_error
        actions[id(error)] = action
        return action

    result, report = settle(batch, batch, errors, decide)
    ordered = sorted(errors, key=lambda error: error.index)
    rows = batch.take(pa.array([error.index for error in ordered], pa.int64())).to_pylist() if ordered else []
    report.rejected = [
        # A row that was dropped for its first error is not asked about again.
        Rejected(error.index, row, error, actions.get(id(error), "drop"))
        for error, row in zip(ordered, rows, strict=True)
    ]
    return result, report
