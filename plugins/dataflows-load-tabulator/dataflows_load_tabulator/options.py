"""Which options tabulator and a parser know; any other is refused, never ignored."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from dataflows_core.errors import FlowError, near_misses

__all__ = ["check_options", "checked_classes"]

_OURS = ("self", "source", "options", "scheme", "format", "compression", "limit_rows", "sample_size")
_ELSEWHERE = {
    "custom_writers": "nothing is written here; dump_to_path writes",
    "filename": "member=… names the file within a zip file",
    "force_strings": "cast_strategy='strings' makes every value a text",
    "hashing_algorithm": "no hash is made; dump_to_path makes hashes",
    "http_session": "dataflows opens URLs by itself; storage_options=… are header fields",
    "http_stream": "dataflows opens URLs by itself",
    "http_timeout": "dataflows opens URLs by itself",
    "s3_endpoint_url": "storage_options={'endpoint_url': …} says it",
    "validate": "cast_strategy and on_error say it",
}


def checked_classes(option: str, classes: Mapping[str, Any] | None, member: str) -> Mapping[str, Any]:
    """The parsers or loaders of the user's.

    Args:
        option: The option they are given by.
        classes: The classes, by name.
        member: What each of them has to have besides options.

    Raises:
        FlowError: One is none.
    """
    for name, found in (classes or {}).items():
        if not (callable(found) and hasattr(found, "options") and hasattr(found, member)):
            raise FlowError(f"{option}: {name!r} has to be a class as tabulator has them, not {found!r}")
    return classes or {}


def check_options(
    given: Mapping[str, Any], own: Iterable[str], parser: Any, loader: Any, format: str
) -> None:
    """Refuse options that nobody would heed.

    Args:
        given: The options.
        own: The names of the parameters of `load_tabulator`.
        parser: The parser class.
        loader: The loader class, if it is tabulator's or the user's.
        format: The name of the format.

    Raises:
        FlowError: An option is unknown; near misses and those of the parser are named.
    """
    from tabulator import Stream

    general = [name for name in inspect.signature(Stream.__init__).parameters if name not in _OURS]
    special = [*parser.options, *getattr(loader, "options", ())]
    for name in given:
        if name in special:
            continue
        if name in _ELSEWHERE:
            raise FlowError(f"load_tabulator has no option {name!r}: {_ELSEWHERE[name]}")
        if name not in general:
            close = near_misses(name, {*general, *special, *own} - set(_ELSEWHERE))
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            takes = ", ".join(special) if special else "no options of its own"
            raise FlowError(
                f"neither tabulator nor its parser of {format!r} has an option {name!r}{hint}"
                f"\n  the parser takes {takes}"
            )
