"""Options that loaders have in common: how many rows, what is inferred, what is cast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import FlowError, near_misses

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CAST", "INFER", "Limit", "checked_limit", "one_of"]

INFER: Mapping[str | None, str] = MappingProxyType(
    {None: "full", "full": "full", "strings": "strings", "pytypes": "strings"}
)
"""What the infer strategies of the predecessor mean where every value is a text."""

CAST: Mapping[str | None, str] = MappingProxyType(
    {None: "schema", "schema": "schema", "strings": "strings", "nothing": "strings"}
)
"""What its cast strategies mean: a stream has the types that its schema says, so uncast values are texts."""


def one_of(option: str, value: str | None, allowed: Mapping[str | None, str] | Iterable[str]) -> str:
    """What a value means that must be one of some.

    Raises:
        FlowError: It is none of them; near misses are named.
    """
    meanings: Mapping[str | None, str] = (
        allowed if isinstance(allowed, Mapping) else {item: item for item in allowed}
    )
    if value in meanings:
        return meanings[value]
    names = [str(item) for item in meanings if item is not None]
    close = near_misses(str(value), names)
    hint = f"; did you mean {' or '.join(close)}?" if close else f"; it can be {', '.join(names)}"
    raise FlowError(f"{option}={value!r} is not known{hint}")


def checked_limit(rows: Any) -> int | None:
    """The limit itself.

    Raises:
        FlowError: It is no number from 1. To the predecessor 0 meant all rows, which nobody would guess.
    """
    if rows is None:
        return None
    if isinstance(rows, int) and not isinstance(rows, bool) and rows >= 1:
        return rows
    raise FlowError(f"limit_rows={rows!r} must be a number from 1; None loads all rows")


class Limit:
    """Passes on the first rows of a stream.

    Args:
        rows: How many.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches of the first rows."""
        left = self.rows
        for batch in batches:
            yield batch.slice(0, left)
            left -= batch.num_rows
            if left <= 0:
                return
