"""JSON as fields of type object, array, geojson and any hold it.

The standard module writes neither decimals nor dates, and reads and writes ``NaN``, which is not JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

__all__ = ["dumps", "loads"]


_BEYOND_DOUBLES = re.compile(r"\d[\d.]{16,}|\d[eE][+-]?\d{3}")
"""What a number may look like that no double says to its last digit."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def _exact_number(text: str) -> float | Decimal:
    number = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"a number that is out of reach: {text}") from None
    return number if Decimal(repr(number)) == exact else exact


def loads(text: str) -> Any:
    """What a JSON text says: a number is a float if that is the same number, and otherwise a `Decimal`.

    Raises:
        ValueError: The text is not JSON; ``NaN`` and ``Infinity`` are not, and neither is what nests
            deeper than Python's stack.

    Examples:
        >>> loads("[0.1, 12345678901234567890.12]")
        [0.1, Decimal('12345678901234567890.12')]
    """
    numbers = _exact_number if _BEYOND_DOUBLES.search(text) else None
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=numbers)
    except RecursionError:
        raise ValueError("JSON that nests too deeply") from None


def dumps(value: object) -> str:
    """The JSON text of a value: decimals as exact numbers, dates and times as ISO 8601 texts.

    Raises:
        TypeError: JSON cannot say the value, or a part of it.
        ValueError: A number is not finite, or the value contains itself.

    Examples:
        >>> from decimal import Decimal
        >>> dumps({"price": Decimal("1.10"), "tags": ("a", None)})
        '{"price": 1.10, "tags": ["a", null]}'
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except TypeError:
        return _dumps(value, 0)
    except RecursionError:
        raise ValueError("the value nests too deeply for JSON") from None


def _dumps(value: object, depth: int) -> str:
    if depth > 200:
        raise ValueError("the value nests too deeply for JSON")
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"JSON has no {value}")
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return json.dumps(value.isoformat())
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"a key of a JSON object is a text, not {key!r}")
        items = (f"{json.dumps(key, ensure_ascii=False)}: {_dumps(v, depth + 1)}" for key, v in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return "[" + ", ".join(_dumps(item, depth + 1) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
