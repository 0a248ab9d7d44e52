"""Parameters that count."""

from __future__ import annotations

from dataflows_core.errors import FlowError

__all__ = ["whole"]


def whole(value: object, name: str, least: int | None = None) -> int:
    """A parameter that must be a whole number.

    Args:
        value: What was given.
        name: The parameter's name.
        least: The least number that makes sense; None if all do.

    Raises:
        FlowError: It is no whole number, or less than that.

    Examples:
        >>> whole(7, "limit", 1)
        7
    """
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        bound = "" if least is None else f" from {least}"
        raise FlowError(f"{name} must be a whole number{bound}, and {value!r} is none")
    return value
