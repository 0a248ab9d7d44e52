"""One field's way from a column to Python values and back, and what all types share in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import pyarrow as pa

from dataflows_core.errors import RowError, shorten
from dataflows_core.schema import Field

__all__ = ["Refused", "ValueCodec", "as_type", "each", "never", "refuse", "types"]

_NONE = type(None)


class Refused(ValueError):
    """A value that the field cannot hold; says why, and what to do."""


@dataclass(frozen=True)
class ValueCodec:
    """How the values of one field become Python objects, and Python objects its values.

    Attributes:
        field: The field.
        read: A column (typed, or carried text where the type allows it) to a list of values, None for null.
        ready: Whether values can be stored without looking at each.
        check: One value as `store` wants it; raises what says why it is refused.
        store: Checked values to a column of the type `field.arrow`.
        mutable: Whether the values can be changed in place, so that identity proves nothing.
        lossy: Whether storing what was read may give another form of the same value, such as 24 hours for
            a day; what was not replaced is then not stored anew.
        by_value: Whether equal values are one and the same to whoever reads them.
        cost: Rank of the price of reading, the cheapest is 0.
    """

    field: Field
    read: Callable[[pa.Array], list[Any]]
    ready: Callable[[Sequence[Any]], bool]
    check: Callable[[Any], Any]
    store: Callable[[Sequence[Any]], pa.Array]
    mutable: bool = False
    lossy: bool = False
    by_value: bool = False
    cost: int = 1

    def decode(self, column: pa.Array) -> list[Any]:
        """The values of a column.

        Args:
            column: Of the type `field.arrow`, or carried text, or of a type that casts to it without loss.

        Raises:
            RowError: Python has no exact object for a value.
        """
        try:
            return self.read(column)
        except (ValueError, ArithmeticError, RecursionError):
            for index in range(len(column)):
                part = column.slice(index, 1)
                try:
                    self.read(part)
                except (ValueError, ArithmeticError, RecursionError) as error:
                    raise self._unreadable(part, error, index) from error
            raise

    def encode(self, values: Sequence[Any], numbers: Sequence[int] | None = None) -> pa.Array:
        """The column of some values.

        Args:
            values: Python values, None for null.
            numbers: The row numbers that errors give, when they are not 0, 1, 2 …

        Raises:
            RowError: A value that the field cannot hold.
        """
        if self.ready(values):
            try:
                return self.store(values)
            except (ValueError, TypeError, ArithmeticError):
                pass  # one of them is too large, or has too many decimals: the check knows which
        checked = []
        for index, value in enumerate(values):
            try:
                checked.append(None if value is None else self.check(value))
            except Refused as refusal:
                raise RowError(
                    f"field {self.field.name!r}: {refusal}",
                    index=numbers[index] if numbers is not None else index,
                    field=self.field.name,
                    value=value,
                ) from None
        return self.store(checked)

    def _unreadable(self, column: pa.Array, error: BaseException, index: int) -> RowError:
        """The error for a column of one value; the value is shown as Arrow shows it."""
        text = " ".join(column.to_string().split())[2:-2]
        remedy = ""
        if "lose data" in str(error):  # the only types that are finer than Python's
            remedy = (
                "\n  it has nanoseconds, which Python's objects do not; let no row function read the field"
            )
            if pa.types.is_timestamp(column.type):
                name = self.field.name
                remedy += f", or round it before: compute({name}='CAST(\"{name}\" AS TIMESTAMP)')"
        return RowError(
            f"field {self.field.name!r}: Python cannot hold the value {shorten(text)} "
            f"of a {self.field.type} field ({shorten(error)}){remedy}",
            index=index,
            field=self.field.name,
            value=text,
        )


_WHAT: dict[type, str] = {
    str: "text",
    bytes: "bytes",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    Decimal: "a decimal number",
    dt.datetime: "a date and time",
    dt.date: "a date",
    dt.time: "a time",
    dt.timedelta: "a duration",
    list: "a list",
    tuple: "a tuple",
    dict: "a dict",
}


def refuse(value: object, expected: str, remedy: str = "") -> NoReturn:
    """Say that a value is of another type, and how to convert it."""
    what = _WHAT.get(type(value), f"of the type {type(value).__name__}")
    raise Refused(f"{shorten(value)} is {what}, not {expected}" + (f"; {remedy}" if remedy else ""))


def types(*allowed: type) -> Callable[[Sequence[Any]], bool]:
    """A test whether all values are of exactly these types, or None."""
    accepted = frozenset({*allowed, type(None)})
    return lambda values: accepted.issuperset(map(type, values))


def never(_values: Sequence[Any]) -> bool:
    """The test of a type whose values must be looked at one by one."""
    return False


def each(raw: pa.Array, convert: Callable[[Any], Any]) -> list[Any]:
    """Convert a column value by value; when few of them differ, only those that do."""
    count = len(raw)
    if count > 2048 and len(raw.slice(count // 2, 512).unique()) < 200:
        codes = raw.dictionary_encode()
        if len(codes.dictionary) < count // 2:
            values = [*map(convert, codes.dictionary.to_pylist()), None]
            indices = codes.indices
            if indices.null_count:
                indices = indices.fill_null(len(values) - 1)
            return list(map(values.__getitem__, indices.to_pylist()))
    if raw.null_count:
        return [None if value is None else convert(value) for value in raw.to_pylist()]
    return list(map(convert, raw.to_pylist()))


def as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The column as one of that type, when it is not."""
    return column if column.type == kind else column.cast(kind)
