"""Texts, booleans and numbers."""

from __future__ import annotations

import operator
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import partial
from typing import Any

import pyarrow as pa

from dataflows_core.errors import shorten
from dataflows_core.printing import decimal_text
from dataflows_core.schema import Field
from dataflows_core.values.codec import Refused, ValueCodec, as_type, each, never, refuse, types

__all__ = ["boolean", "floating", "integer", "number", "string"]

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def string(field: Field) -> ValueCodec:
    """Text; texts that no file can hold are refused."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            refuse(value, "text", "decode it" if isinstance(value, bytes) else "convert it with str(...)")
        text = str.__str__(value)
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise Refused(f"{shorten(value)} holds half a surrogate pair, which no file can hold")
        return text

    def read(column: pa.Array) -> list[Any]:
        values: list[Any] = as_type(column, field.arrow).to_pylist()
        return values

    return ValueCodec(field, read, types(str), check, partial(pa.array, type=field.arrow), by_value=True)


def boolean(field: Field) -> ValueCodec:
    """True and False."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            refuse(
                value, "a boolean", "convert it with bool(...)" if isinstance(value, int) else "compare it"
            )
        return value

    return ValueCodec(
        field,
        lambda column: column.to_pylist(),
        types(bool),
        check,
        partial(pa.array, type=field.arrow),
        cost=0,
    )


def integer(field: Field) -> ValueCodec:
    """Integers, in integers of any width or in decimals without a fraction."""
    kind = field.arrow
    if pa.types.is_decimal(kind):
        high, step = 10 ** (kind.precision - kind.scale) - 1, 10**-kind.scale
        low = -high
    else:
        signed = pa.types.is_signed_integer(kind)
        high, step = 2 ** (kind.bit_width - signed) - 1, 1
        low = -high - 1 if signed else 0

    def check(value: Any) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            refuse(value, "an integer", "convert it with int(...)")
        number = operator.index(value)
        if not low <= number <= high:
            raise Refused(
                f"{shorten(number)} does not fit a field of {low} to {high}; "
                "make it a number or a string field with set_type before this step"
            )
        if number % step:
            raise Refused(f"{number} is no multiple of {step}, which is what the physical type {kind} holds")
        return number

    def read(column: pa.Array) -> list[Any]:
        if pa.types.is_decimal(kind):
            return each(
                as_type(column, pa.string()), int if kind.scale == 0 else lambda text: int(Decimal(text))
            )
        values: list[Any] = as_type(column, kind).to_pylist()
        return values

    return ValueCodec(field, read, types(int), check, partial(pa.array, type=kind), cost=0)


def number(field: Field) -> ValueCodec:
    """Decimals, in decimals of any precision and scale."""
    kind = field.arrow
    whole = kind.precision - kind.scale

    def check(value: Any) -> Decimal:
        if isinstance(value, float):
            value = Decimal(float.__repr__(value))
        elif not isinstance(value, (Decimal, int)) or isinstance(value, bool):
            refuse(value, "a number", "convert it with Decimal(...)")
        number = Decimal(value)
        if not number.is_finite():
            raise Refused(
                f"{number} is not a number that decimals can hold; write None, or make the field a float "
                "with set_type(…, floatNumber=True) before this step"
            )
        if not number:
            return Decimal(0)
        exponent = int(number.normalize(_EXACT).as_tuple().exponent)
        if -exponent > kind.scale:
            raise Refused(
                f"{shorten(value)} has {-exponent} decimals, and the field holds {kind.scale}; round it: "
                f"round(value, {kind.scale})" + (", or make the field a wider one" if kind.scale < 21 else "")
            )
        if number.adjusted() >= whole:
            raise Refused(
                f"{shorten(value)} has {number.adjusted() + 1} digits before the decimal point, "
                f"and the field holds {whole}; make it a string or a floatNumber field with set_type "
                "before this step"
            )
        return number

    def read(column: pa.Array) -> list[Any]:
        return each(
            column if pa.types.is_string(column.type) else decimal_text(as_type(column, kind)), Decimal
        )

    return ValueCodec(field, read, types(Decimal, int), check, partial(pa.array, type=kind), cost=3)


_FLOAT_MAX = {16: 65519.99, 32: 3.4028235677973362e38, 64: float("inf")}
"""Beyond these, a float of so many bits would become infinite."""


def floating(field: Field) -> ValueCodec:
    """Doubles, or floats of fewer bits; not a number and infinities are values like others."""
    bits = field.arrow.bit_width

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (float, int)):
            refuse(value, "a float", "convert it with float(...)")
        try:
            number = float(value)
        except OverflowError:
            number = float("nan")
        if number != value and value == value:
            raise Refused(f"{shorten(value)} is an integer that no float equals; round it with float(...)")
        if _FLOAT_MAX[bits] < abs(number) < float("inf"):
            raise Refused(
                f"{shorten(value)} does not fit a float of {bits} bits; use set_type before this step"
            )
        return number

    ready = types(float) if bits == 64 else never
    return ValueCodec(
        field,
        lambda column: as_type(column, field.arrow).to_pylist(),
        ready,
        check,
        partial(pa.array, type=field.arrow),
    )
