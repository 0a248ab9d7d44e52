"""Which counts, sizes and hashes a descriptor gets, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dataflows_core.errors import FlowError, near_misses

__all__ = ["Counters"]

_DEFAULTS: Mapping[str, str] = {
    "datapackage-rowcount": "count_of_rows",
    "datapackage-bytes": "bytes",
    "datapackage-hash": "hash",
    "resource-rowcount": "count_of_rows",
    "resource-bytes": "bytes",
    "resource-hash": "hash",
}


@dataclass(frozen=True)
class Counters:
    """The properties that counts are written to.

    Args:
        names: Property names by counter: ``datapackage-rowcount``, ``datapackage-bytes``,
            ``datapackage-hash`` and the same three with ``resource-``; with dots for a property within a
            property; None leaves the counter out. Those that are not named keep their default.

    Raises:
        FlowError: There is no such counter.

    Examples:
        >>> descriptor = {}
        >>> Counters({"datapackage-bytes": "counts.bytes"}).put(descriptor, "datapackage-bytes", 10)
        >>> descriptor
        {'counts': {'bytes': 10}}
    """

    names: Mapping[str, str | None]

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in _DEFAULTS:
                close = near_misses(name, _DEFAULTS)
                raise FlowError(
                    f"there is no counter {name!r}"
                    + (f"; did you mean {' or '.join(close)}?" if close else "")
                    + f"\n  the counters: {', '.join(_DEFAULTS)}"
                )

    def property(self, counter: str) -> str | None:
        """The property a counter is written to."""
        return self.names[counter] if counter in self.names else _DEFAULTS[counter]

    def put(self, descriptor: dict[str, Any], counter: str, value: object) -> None:
        """Write a counter into a descriptor, or take an older one out of it.

        Args:
            descriptor: Is changed.
            counter: One of the six.
            value: What was counted; None when nothing can be said, and what is there is no longer true.
        """
        name = self.property(counter)
        if name is None:
            return
        *outer, last = name.split(".")
        for key in outer:
            inner = descriptor.get(key)
            descriptor[key] = descriptor = dict(inner) if isinstance(inner, Mapping) else {}
        if value is None:
            descriptor.pop(last, None)
        else:
            descriptor[last] = value
