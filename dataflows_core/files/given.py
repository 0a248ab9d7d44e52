"""What users give beside a path, and what of it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflows_core.errors import FlowError

__all__ = ["checked_cache", "checked_storage_options"]


def checked_cache(cache: Any) -> bool:
    """Whether what is downloaded is kept.

    Raises:
        FlowError: It is neither true nor false, such as the text ``"no"``.
    """
    if isinstance(cache, bool):
        return cache
    raise FlowError(f"cache={cache!r} must be True or False")


def checked_storage_options(options: Any) -> Mapping[str, Any]:
    """The options themselves; none for None.

    Raises:
        FlowError: They are no options by name. Their values are not shown: they may be secrets.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise FlowError(
            "storage_options must be values by name, such as {'key': '…', 'secret': '…'}, "
            f"and is a {type(options).__name__}"
        )
    if wrong := [name for name in options if not isinstance(name, str)]:
        raise FlowError(f"the names in storage_options must be texts, and one is a {type(wrong[0]).__name__}")
    return options
