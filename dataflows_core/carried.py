"""Carried text: numbers and dates that go through the engine as the text they came in.

A column of a CSV file that no step touches need not be parsed, only to be printed again. So inside the
engine a column may be `pa.string()` although its field is an integer, a decimal or a date, provided that
every text in it is *canonical*: just what `text.column_to_text` prints for its value. That is decided per
batch, and nothing that comes out of the engine depends on it. For the same reason a computed number may
come with fewer decimals than its field has, if it certainly fits.

Proving it must cost less than parsing and printing. Integers are parsed (11 ns a value), which leaves only
leading zeros to be looked for (4 to 8 ns); dates are parsed (15 ns), which leaves only their length; numbers
are told by the places of their points (25 ns), or by one automaton, all values of the column joined into one
text (40 ns).
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import DataError
from dataflows_core.guards import all_match, padded_number, raw_bytes
from dataflows_core.parsing import parse, parse_dates, parse_integers
from dataflows_core.plain import text_scalar
from dataflows_core.schema import Field, Schema

__all__ = ["carried_text", "is_carried", "may_carry", "typed"]

_FEW = 256  # values, to look at before all others


def may_carry(field: Field) -> bool:
    """Whether a column of a field can be carried as text at all."""
    kind = field.arrow
    if field.type == "date":
        return pa.types.is_date32(kind) and field.format == "default"
    if field.type not in ("integer", "number"):
        return False
    if not (pa.types.is_int64(kind) or (pa.types.is_decimal128(kind) and 0 <= kind.scale <= kind.precision)):
        return False
    # The characters of a canonical number must mean to the field what they mean to us.
    descriptor = field.descriptor
    group, decimal = descriptor.get("groupChar") or "", descriptor.get("decimalChar") or "."
    return decimal == "." and not set(group) & set("-.0123456789")


def is_carried(column: pa.Array, field: Field) -> bool:
    """Whether a column may stand for one of the field's type: as text, or with fewer decimals."""
    kind = field.arrow
    if pa.types.is_decimal128(column.type) and pa.types.is_decimal128(kind):
        return bool(0 <= column.type.scale <= kind.scale)
    return bool(pa.types.is_string(column.type))


def carried_text(column: pa.Array, field: Field) -> pa.Array | None:
    """The canonical text of a column, when that costs less than casting it and printing it again.

    Args:
        column: A `pa.string()` array; what is missing is null.
        field: The field.

    Returns:
        The column itself, or without the padding zeros of its decimals; None when one of its texts is not
        certain to be cast, or it would take too long to prove.

    Examples:
        >>> number = Field({"name": "n", "type": "number"})
        >>> carried_text(pa.array(["-1.50", None, "10"]), number).to_pylist()
        ['-1.5', None, '10']
        >>> carried_text(pa.array(["1e3"]), number) is None
        True
    """
    if not may_carry(field):
        return None
    if column.null_count == len(column):
        return column
    if field.type == "date":
        return column if parse_dates(column) is not None else None
    if pa.types.is_int64(field.arrow):
        return column if parse_integers(column) is not None else None
    data = raw_bytes(column)
    if b"." not in data and (values := parse_integers(column)) is not None:
        return column if _fits(values, field.arrow.precision - field.arrow.scale) else None
    pointed = data.count(b".") == len(column) - column.null_count and _are_pointed(column, data, field.arrow)
    if not pointed and not all_match(column, padded_number(field.arrow)):
        return None
    return _unpadded(column, data, pointed=pointed)


def _are_pointed(column: pa.Array, data: bytes, kind: pa.Decimal128Type) -> bool:
    """Whether every text is digits, a point and digits, as printed for a value of a type; padded perhaps.

    Takes half as long as the automaton, which knows signs and whole numbers as well.

    Args:
        column: The texts.
        data: All their bytes, with one point for each text.
        kind: The type.
    """
    codes = pc.min_max(pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)]))
    # Between the point and the digits there is just the slash.
    if codes["min"].as_py() < ord(".") or codes["max"].as_py() > ord("9") or b"/" in data:
        return False
    points = pc.find_substring(column, ".")
    before, behind = pc.min_max(points), pc.min_max(pc.subtract(pc.binary_length(column), points))
    if before["min"].as_py() < 1 or before["max"].as_py() > kind.precision - kind.scale:
        return False
    if behind["min"].as_py() < 2 or behind["max"].as_py() > kind.scale + 1:
        return False
    zeros = pc.sum(pc.starts_with(column, "0")).as_py()
    return not zeros or zeros == pc.sum(pc.starts_with(column, "0.")).as_py()


def _unpadded(column: pa.Array, data: bytes, *, pointed: bool) -> pa.Array:
    """Plain decimals without the zeros that say nothing.

    Args:
        column: The decimals; none has more than one point.
        data: All their bytes.
        pointed: Whether each has one.
    """
    if _any_ends(column[:_FEW], "0") or _any_ends(column[_FEW:], "0"):
        stripped = pc.ascii_rtrim(pc.ascii_rtrim(column, "0"), ".")
        column = stripped if pointed else pc.if_else(pc.match_substring(column, "."), stripped, column)
    if b"-" not in data:
        return column
    negative_zero = pc.equal(column, text_scalar("-0"))
    return pc.if_else(negative_zero, text_scalar("0"), column) if pc.any(negative_zero).as_py() else column


def _any_ends(column: pa.Array, text: str) -> bool:
    return pc.any(pc.ends_with(column, text)).as_py() is True


def _fits(values: pa.Array, digits: int) -> bool:
    """Whether integers have at most so many digits."""
    ends = pc.min_max(values)
    return bool(-(10**digits) < ends["min"].as_py() and ends["max"].as_py() < 10**digits)


def typed(batch: pa.RecordBatch, schema: Schema, names: Iterable[str] | None = None) -> pa.RecordBatch:
    """A batch with its carried columns converted to the types of their fields.

    Args:
        batch: The batch; its columns are those of the schema.
        schema: The schema.
        names: The columns to convert; None is all of them.

    Raises:
        DataError: A carried text is not canonical. Only a fault of the engine does this.
    """
    wanted = None if names is None else set(names)
    columns = batch.columns
    changed = False
    for position, field in enumerate(schema):
        column = columns[position]
        if wanted is not None and field.name not in wanted:
            continue
        if column.type == field.arrow:
            continue
        columns[position] = _typed(column, field)
        changed = True
    return pa.RecordBatch.from_arrays(columns, names=list(schema.names)) if changed else batch


def _typed(column: pa.Array, field: Field) -> pa.Array:
    if pa.types.is_decimal128(column.type):
        return column.cast(field.arrow)
    # Canonical text was proven to fit: Arrow's parsers need no guard before them.
    values = column.cast(field.arrow) if may_carry(field) else parse(column, field)
    if values.null_count != column.null_count:
        raise DataError(f"field {field.name!r}: a text that is carried is not of its type {field.arrow}")
    return values
