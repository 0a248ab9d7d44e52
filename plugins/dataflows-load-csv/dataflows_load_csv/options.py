"""Checks of the options of `load_csv` that belong to no other module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from dataflows_core.errors import FlowError, near_misses
from dataflows_load_csv.dialect import Dialect

__all__ = ["CAST", "INFER", "checked_limit", "known", "one_of"]

INFER: Mapping[str | None, str] = MappingProxyType(
    {None: "full", "full": "full", "strings": "strings", "pytypes": "strings"}
)
"""What the infer strategies of the predecessor mean for CSV, whose every value is a text."""

CAST: Mapping[str | None, str] = MappingProxyType(
    {None: "schema", "schema": "schema", "strings": "strings", "nothing": "strings"}
)
"""What its cast strategies mean: a stream has the types that its schema says, so uncast values are texts."""

_AUTO = "auto"


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


def known(descriptor: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """What is known of the dialect, by argument of `Dialect`; the rest is to be sniffed.

    Args:
        descriptor: A Data Package dialect.
        **options: What the user gives besides; goes before the descriptor. None and ``"auto"`` say nothing,
            except that None says of a character that there is none.

    Raises:
        FlowError: A character that cannot be one.
        SchemaError: The descriptor makes no dialect.

    Examples:
        >>> known({"delimiter": ";"}, quotechar=None, escapechar="auto", doublequote=None)
        {'delimiter': ';', 'quotechar': None}
    """
    described = Dialect.from_descriptor(descriptor)
    given = {name: getattr(described, name) for name in Dialect.named_in(descriptor)}
    for name, value in options.items():
        if value == _AUTO or (value is None and name not in ("quotechar", "escapechar")):
            continue
        given[name] = value
    if given:
        Dialect(**{"delimiter": "\x1f" if given.get("quotechar") == "," else ",", **given})
    return given
