"""Options that are passed on: checked against the signature of whoever gets them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from dataflows_core.errors import FlowError, near_misses

__all__ = ["check_options"]

_NO_STORES = "\n  it opens no files in stores: copy the file to this machine first"


def check_options(
    function: Callable[..., Any], options: Mapping[str, Any], called: str | None = None
) -> None:
    """Refuse options that a loader or writer has no parameter for.

    Args:
        function: Who gets them.
        options: The options.
        called: What messages call it, when it is not known by its own name.

    Raises:
        FlowError: An option is unknown; near misses and all options are named.
    """
    parameters = inspect.signature(function).parameters
    known = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for option in options:
        if option not in known[1:]:
            close = near_misses(option, known[1:])
            raise FlowError(
                f"{called or function.__name__} has no option {option!r}"
                + (f"; did you mean {' or '.join(close)}?" if close else "")
                + (_NO_STORES if option == "storage_options" else "")
                + f"\n  its options: {', '.join(known[1:])}"
            )
