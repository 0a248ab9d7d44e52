"""Names for resources, made of the titles of sheets and tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

__all__ = ["resource_names"]


def resource_names(titles: Iterable[tuple[str, str]]) -> list[str]:
    """Names as Data Package allows them; no two are the same.

    Args:
        titles: Each title, and the name to take where nothing of it is left.

    Examples:
        >>> resource_names([("Sales 2020", "sheet-1"), ("sales-2020", "sheet-2"), ("…", "sheet-3")])
        ['sales-2020', 'sales-2020-2', 'sheet-3']
    """
    names: list[str] = []
    for title, otherwise in titles:
        plain = re.sub(r"[^a-z0-9._-]+", "-", title.lower()).strip("-") or otherwise
        again = (f"{plain}-{count}" for count in itertools.count(2))
        names.append(plain if plain not in names else next(name for name in again if name not in names))
    return names
