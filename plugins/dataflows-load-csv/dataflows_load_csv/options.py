"""Checks of the options of `load_csv` that belong to no other module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflows_load_csv.dialect import Dialect

__all__ = ["known"]

_AUTO = "auto"


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
