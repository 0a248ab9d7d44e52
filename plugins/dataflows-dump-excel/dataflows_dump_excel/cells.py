"""Values to what a cell can hold without losing anything.

A cell holds a text, a boolean or a double, and a double is shown as a date when the cell says so. A number
that no double of 15 digits means, a date before March 1900 and a moment with a time zone or microseconds are
written as texts: what a reader finds is then still the value, digit by digit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.errors import CastError
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text, value_to_text

__all__ = ["LONGEST_TEXT", "MOST_FIELDS", "MOST_ROWS", "Cells", "formats"]

LONGEST_TEXT = 32_767
MOST_ROWS = 1_048_576
MOST_FIELDS = 16_384
"""What a sheet has room for, the header included; the limits are Excel's own."""

_FIRST_DAY = dt.date(1900, 3, 1)  # Excel believes that 1900 was a leap year
_SIGNIFICANT = 15
_DIGITS = 10**_SIGNIFICANT

_FORMATS = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm:ss", "time": "hh:mm:ss"}


def formats() -> dict[str, str]:
    """How cells of temporal fields are shown, by type."""
    return dict(_FORMATS)


class Cells:
    """The cells of batches.

    Args:
        schema: The schema of the batches.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._converters = [_converter(field) for field in schema]
        self.as_text: dict[str, int] = {}

    def rows(self, batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
        """The rows of a batch; None for a cell that stays blank.

        Raises:
            CastError: A text is longer than a cell can hold.
        """
        batch = typed(batch, self.schema)
        columns = [
            self._column(*item) for item in zip(self.schema, self._converters, batch.columns, strict=True)
        ]
        return zip(*columns, strict=True)

    def _column(self, field: Field, convert: Callable[[Any], Any] | None, column: pa.Array) -> list[Any]:
        if convert is None:
            texts = column if pa.types.is_string(column.type) else column_to_text(column, field)
            values: list[Any] = texts.to_pylist()
            _check_length(field, values)
            return values
        given = RowCodec(Schema((field,))).decode(pa.RecordBatch.from_arrays([column], [field.name]))
        name = field.name
        made = [None if (value := row[name]) is None else convert(value) for row in given]
        if field.type != "boolean":
            texts_made = sum(isinstance(value, str) for value in made)
            if texts_made:
                self.as_text[name] = self.as_text.get(name, 0) + texts_made
        return made


def _check_length(field: Field, values: list[str | None]) -> None:
    for index, value in enumerate(values):
        if value is not None and len(value) > LONGEST_TEXT:
            raise CastError(
                field.name,
                value,
                f"a text that a cell has room for ({LONGEST_TEXT:,} characters, and it has {len(value):,})",
                index=index,
                remedy="write it in another format, or leave the field out (delete_fields)",
            )


def _converter(field: Field) -> Callable[[Any], Any] | None:
    """What makes a cell of a value; None when it is the value's text."""
    match field.type:
        case "integer" | "year":
            return _integer
        case "number":
            return partial(_number, field)
        case "boolean":
            return bool
        case "date" | "datetime" | "time":
            return partial(_moment, field)
    return None


def _integer(value: int) -> int | str:
    return value if -_DIGITS < value < _DIGITS else str(value)


def _number(field: Field, value: Decimal | float) -> float | str | None:
    double = float(value)
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if exact.is_finite() and Decimal(f"{double:.{_SIGNIFICANT}G}") == exact:
        return double
    return value_to_text(value, field)


def _moment(field: Field, value: Any) -> Any:
    text = value_to_text(value, field)
    if isinstance(value, dt.time):
        return text if value.microsecond else value
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None or value.microsecond or value.date() < _FIRST_DAY:
            return text
        return value
    return value if value >= _FIRST_DAY else text
