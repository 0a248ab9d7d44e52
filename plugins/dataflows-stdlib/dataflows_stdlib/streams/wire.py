"""Rows as lines of JSON, in which dates, decimals and the like are objects with one key.

| Python | JSON |
|---|---|
| Decimal | `{"type{decimal}": "1.50"}` |
| date | `{"type{date}": "2024-02-29"}` |
| time | `{"type{time}": "12:30:00"}` |
| datetime | `{"type{datetime}": ["2024-02-29T12:30:00", 3600, "CET"]}`; null, null without a zone |
| timedelta, isodate.Duration | `{"type{duration}": "P1DT2H"}` |

The predecessor's form, with microseconds behind the seconds where there are any, which it loses. What it
gets wrong is read right: offsets west of Greenwich come from it as seconds from midnight, such as 68400 for
five hours behind.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.errors import RowError
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema

__all__ = ["batch_of", "line_of", "value_of"]

_DAY = 86_400
_FURTHEST = 14 * 3600 + 1800  # seconds; no zone is further east
_OF_TEXT = frozenset({"string", "any", "object", "array", "geojson", "list"})
_TUPLES = frozenset({"yearmonth", "geopoint"})


def line_of(row: Any) -> bytes:
    """The line of a row, or of a descriptor, with its end."""
    return json.dumps(row, default=_object_of, allow_nan=True).encode() + b"\n"


def _object_of(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"type{decimal}": str(value)}
    if isinstance(value, dt.datetime):
        offset = value.utcoffset()
        seconds = None if offset is None else offset.total_seconds()
        whole = int(seconds) if seconds is not None and seconds == int(seconds) else seconds
        return {"type{datetime}": [value.replace(tzinfo=None).isoformat(), whole, value.tzname()]}
    if isinstance(value, dt.date):
        return {"type{date}": value.isoformat()}
    if isinstance(value, dt.time):
        return {"type{time}": value.isoformat()}
    if isinstance(value, set | frozenset):
        return {"type{set}": list(value)}
    if isinstance(value, Mapping):
        return dict(value)
    from isodate import Duration, duration_isoformat

    if isinstance(value, dt.timedelta | Duration):
        return {"type{duration}": duration_isoformat(value, "P%P")}
    raise TypeError(f"JSON has no form for {type(value).__name__}")


def value_of(line: bytes | str) -> Any:
    """What a line says.

    Raises:
        ValueError: It is not JSON.
    """
    return json.loads(line, object_hook=_from_object)


def _from_object(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        ((key, value),) = found.items()
        if key in _READERS:
            try:
                return _READERS[key](value)
            except (ValueError, TypeError, ArithmeticError):
                return found  # an object of the user's that looks like it
    return found


def _datetime(value: Sequence[Any]) -> dt.datetime:
    text, seconds, name = value
    moment = dt.datetime.fromisoformat(text)
    if seconds is None:
        return moment
    if seconds > _FURTHEST:
        seconds -= _DAY
    zone = (
        dt.timezone(dt.timedelta(seconds=seconds), name)
        if name
        else dt.timezone(dt.timedelta(seconds=seconds))
    )
    return moment.replace(tzinfo=zone)


def _duration(value: str) -> Any:
    from isodate import parse_duration

    return parse_duration(value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "type{decimal}": Decimal,
    "type{datetime}": _datetime,
    "type{date}": dt.date.fromisoformat,
    "type{time}": dt.time.fromisoformat,
    "type{duration}": _duration,
    "type{set}": list,
}


def batch_of(lines: Sequence[bytes], schema: Schema, missing: Sequence[Any]) -> pa.RecordBatch:
    """The rows of some lines. A text in a field of another type is cast to it.

    Args:
        lines: The lines.
        schema: Their schema.
        missing: The texts that mean null, in fields that are not texts.

    Raises:
        RowError: A line is no row, or has a value that its field cannot hold.
    """
    rows = [_row_of(line, index, schema) for index, line in enumerate(lines)]
    return pa.RecordBatch.from_arrays(
        [_column([row.get(field.name) for row in rows], field, missing) for field in schema],
        names=list(schema.names),
    )


def _row_of(line: bytes, index: int, schema: Schema) -> dict[str, Any]:
    try:
        row = value_of(line)
    except ValueError as error:
        raise RowError(f"this is not JSON: {line[:80]!r}: {error}", index=index) from error
    if not isinstance(row, dict):
        raise RowError(f"a row is an object, and this is {line[:80]!r}", index=index)
    for name in row:
        if name not in schema:
            raise RowError(
                f"the row has the field {name!r}, which its resource does not declare",
                index=index,
                field=name,
            )
    return row


def _column(values: list[Any], field: Field, missing: Sequence[Any]) -> pa.Array:
    if field.type in _TUPLES:
        values = [tuple(value) if isinstance(value, list) else value for value in values]
    texts = [value if isinstance(value, str) else None for value in values]
    codec = RowCodec(Schema((field,)))
    if field.type in _OF_TEXT or texts.count(None) == len(texts):
        return codec.encode([{field.name: value} for value in values]).column(0)
    column, errors = cast_column(pa.array(texts, pa.string()), field, missing_values=missing)
    if errors:
        raise RowError(str(errors[0]), index=errors[0].index, field=field.name, value=errors[0].value)
    others = [None if isinstance(value, str) else value for value in values]
    if others.count(None) == len(others):
        return column
    return pc.coalesce(column, codec.encode([{field.name: value} for value in others]).column(0))
