"""What a descriptor says of a resource wherever its rows are kept."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

__all__ = ["metadata_of"]

# What is said anew of every table that is written, or is true of its source alone.
_OF_ITS_FILE = (
    "path", "data", "format", "mediatype", "encoding", "dialect", "compression", "innerpath",
    "bytes", "hash", "count_of_rows", "schema", "headers", "profile", "name",
)  # fmt: skip


def metadata_of(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """Title, description, sources, licences and custom properties: what is true of the rows in any file.

    Args:
        descriptor: That of a resource.

    Returns:
        A copy, without name, schema and whatever describes the file.

    Examples:
        >>> metadata_of({"name": "sales", "path": "sales.csv", "title": "Sales", "currency": "EUR"})
        {'title': 'Sales', 'currency': 'EUR'}
    """
    return copy.deepcopy({key: value for key, value in descriptor.items() if key not in _OF_ITS_FILE})
