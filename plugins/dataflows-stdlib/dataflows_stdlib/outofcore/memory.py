"""How much memory a piece of work may take."""

from __future__ import annotations

import os
import re

from dataflows_core.errors import FlowError

__all__ = ["MEMORY_LIMIT", "bytes_of", "check_memory_limit", "default_limit"]

MEMORY_LIMIT = "DATAFLOWS_MEMORY_LIMIT"
"""The environment variable that sets the limit of processors that are given none."""

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_UNITS |= {"ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?(?:b|bytes)?\s*", re.IGNORECASE)
_LEAST = 32_000_000  # DuckDB cannot sort with much less


def bytes_of(size: str | int, name: str = "memory_limit") -> int:
    """A size in bytes.

    Args:
        size: Bytes, or text such as ``"1GB"`` or ``"512 MiB"``.
        name: What messages call it.

    Raises:
        FlowError: It is no size, or too small to work with.

    Examples:
        >>> bytes_of("1.5GB"), bytes_of("512 MiB"), bytes_of(64_000_000)
        (1500000000, 536870912, 64000000)
    """
    if isinstance(size, str) and (found := _SIZE.fullmatch(size)):
        number = int(float(found[1]) * _UNITS[(found[2] or "").lower()])
    elif isinstance(size, int) and not isinstance(size, bool):
        number = size
    else:
        raise FlowError(f"{name} is a number of bytes, or text such as '1GB' or '512MiB', and not {size!r}")
    if number < _LEAST:
        raise FlowError(f"{name}={size!r} is too little to work with; give 32MB at least")
    return number


def check_memory_limit(limit: str | int | None) -> int | None:
    """A processor's `memory_limit` in bytes, or that of the environment; None when neither says one.

    Raises:
        FlowError: It is no size, or too small to work with.
    """
    if limit is not None:
        return bytes_of(limit)
    if named := os.environ.get(MEMORY_LIMIT):
        return bytes_of(named, MEMORY_LIMIT)
    return None


def default_limit(duckdb_default: str) -> int:
    """A quarter of the machine's memory.

    Args:
        duckdb_default: What DuckDB would take: 80 % of what the machine, or the process's control group, has.
    """
    return max(_LEAST, bytes_of(duckdb_default) * 5 // 16)
