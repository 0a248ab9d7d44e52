"""What a cast to an exact type accepts: values that it holds as they are, nothing that needs rounding."""

from __future__ import annotations

from dataflows_core.expressions.nodes import CastType

__all__ = ["cast_pattern", "limits_of"]

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}


def limits_of(cast: CastType) -> tuple[int, int, int]:
    """The least and the greatest value times ``10 ** scale``, and the scale.

    Examples:
        >>> limits_of(CastType("SMALLINT")), limits_of(CastType("DECIMAL", 4, 1))
        ((-32768, 32767, 0), (-9999, 9999, 1))
    """
    if cast.name in _BITS:
        half: int = 2 ** (_BITS[cast.name] - 1)
        return -half, half - 1, 0
    digits = 38 if cast.precision is None else cast.precision
    return 1 - 10**digits, 10**digits - 1, cast.scale


def cast_pattern(cast: CastType) -> str:
    """A regular expression for the texts that may be of the type: a plain number, not too many digits.

    It is RE2's and Python's alike.
    """
    _, most, scale = limits_of(cast)
    before = len(str(most)) - scale
    if not scale:
        return f"[+-]?0*[0-9]{{1,{before}}}([.]0*)?"
    fraction = f"[.][0-9]{{1,{scale}}}0*"
    if not before:
        return f"[+-]?(0*{fraction}|0+[.]?)"
    return f"[+-]?(0*[0-9]{{1,{before}}}({fraction}|[.])?|{fraction})"
