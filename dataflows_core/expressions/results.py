"""What an expression gave, brought to the field that was announced: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import CastError
from dataflows_core.expressions.bind import Bound
from dataflows_core.expressions.columns import BIG, Whole, reinterpreted, rescaled
from dataflows_core.expressions.division import divide
from dataflows_core.expressions.emit import Emitter, Number
from dataflows_core.expressions.nodes import Typed
from dataflows_core.schema import Field

__all__ = ["announced", "final_number", "finished"]

_WIDER = 'round it, as in round(…, {scale}), or ask for {{"type": "number", "floatNumber": true}}'
_LESS = 'compute with smaller numbers, or ask for {"type": "number", "floatNumber": true}'


def announced(natural: Field, properties: Mapping[str, Any]) -> Field:
    """The field of a computed column.

    Args:
        natural: The field that holds what the expression gives.
        properties: What the author says of it; another `type` means a cast.
    """
    if "type" in properties and properties["type"] != natural.type:
        return Field({**properties, "name": natural.name})
    return natural.update(**{key: value for key, value in properties.items() if key != "name"})


def final_number(emitter: Emitter, root: Typed) -> Number:
    """SQL of a result that is an exact number; with fewer decimals than announced, as a rule."""
    number = emitter.number(root)
    scale = emitter.scale if root.type == "DECIMAL" else 0
    if root.inexact:
        number = emitter.rounded(number, scale, safe=root.safe)
    return number


def finished(
    values: pa.Array | Whole | list[Decimal | None],
    natural: Field,
    field: Field,
    bound: Bound,
    kept: pa.Array | None,
    *,
    narrow: bool = False,
) -> pa.Array:
    """The column of a computed field.

    Args:
        values: What was computed: a column, or exact numbers in one of their two forms.
        natural: The field that holds it.
        field: The field that was announced.
        bound: The expression.
        kept: The places in the batch that the values belong to; None when they are 0, 1, ….
        narrow: Whether decimals may stay in a type with fewer decimals than the field's.

    Raises:
        CastError: A value does not fit exactly; its index is the row's place in the batch.
    """

    def fail(place: int, value: object, expected: str, remedy: str) -> CastError:
        index = place if kept is None else kept[place].as_py()
        return CastError(
            field.name, value, expected, index=index, remedy=f"{remedy}\n  in the expression: {bound.text}"
        )

    if isinstance(values, list):
        column = _from_decimals(values, natural, bound, fail)
    elif isinstance(values, Whole):
        column = _from_whole(values, natural, bound, fail)
        if not narrow or field.arrow != natural.arrow or field.type != natural.type:
            column = column if column.type == natural.arrow else column.cast(natural.arrow)
    else:
        column = values if values.type == natural.arrow else _same(values, natural)
    if field.arrow == natural.arrow and field.type == natural.type:
        return column
    return _cast(column, natural, field, fail)


def _from_whole(values: Whole, natural: Field, bound: Bound, fail: Any) -> pa.Array:
    column, kind = values.column, natural.arrow
    if pa.types.is_int64(kind) and pa.types.is_int64(column.type) and values.scale == 0:
        return column
    wanted = kind.scale if pa.types.is_decimal(kind) else 0
    if values.scale > wanted:
        if (short := rescaled(column, values.scale, wanted)) is None:
            return _from_decimals(_decimals(column, values.scale), natural, bound, fail)
        column = short
    elif values.scale < wanted:
        if values.bound * 10 ** (wanted - values.scale) > BIG:
            return _from_decimals(_decimals(column, values.scale), natural, bound, fail)
        # It certainly fits: whoever wants the announced type gets it by a cast.
        return reinterpreted(_as_decimal(column), values.scale)
    if pa.types.is_int64(kind):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            return _from_decimals(_decimals(column, 0), natural, bound, fail)
    return reinterpreted(_as_decimal(column), wanted)


def _as_decimal(column: pa.Array) -> pa.Array:
    return reinterpreted(column.cast(pa.decimal128(19, 0)), 0) if pa.types.is_int64(column.type) else column


def _decimals(column: pa.Array, scale: int) -> list[Decimal | None]:
    numbers: list[Decimal | None] = reinterpreted(_as_decimal(column), scale).to_pylist()
    return numbers


def _from_decimals(values: list[Decimal | None], natural: Field, bound: Bound, fail: Any) -> pa.Array:
    """Checked one by one; the first that does not fit is the one to blame."""
    kind = natural.arrow
    scale = kind.scale if pa.types.is_decimal(kind) else 0
    most = 10**38 - 1 if pa.types.is_decimal(kind) else 2**63 - 1
    result: list[Any] = []
    for place, value in enumerate(values):
        if value is None:
            result.append(None)
            continue
        if bound.root.inexact:
            value = divide(value, Decimal(1), scale)
            assert value is not None
        over, under = value.as_integer_ratio()
        digits, rest = divmod(over * 10**scale, under)
        if rest:
            raise fail(place, value, f"a number with at most {scale} decimals", _WIDER.format(scale=scale))
        if abs(digits) > most:
            expected = (
                "an integer of 64 bits"
                if most < 2**63
                else f"a number of 38 digits, {scale} of them decimals"
            )
            raise fail(place, value, expected, _LESS)
        result.append(digits)
    if pa.types.is_int64(kind):
        return pa.array(result, kind)
    digits_only = pa.array(
        [None if value is None else Decimal(value) for value in result], pa.decimal128(38, 0)
    )
    return reinterpreted(digits_only, scale)


def _same(values: pa.Array, natural: Field) -> pa.Array:
    """What DuckDB returns for a type of ours: other names inside lists, another name of the zone."""
    return values.cast(natural.arrow)


def _cast(column: pa.Array, natural: Field, field: Field, fail: Any) -> pa.Array:
    """To a type that the author asked for: through its text, which is exact for every type."""
    if field.type == "number" and pa.types.is_floating(field.arrow) and natural.type in {"number", "integer"}:
        if pa.types.is_decimal(column.type):
            # Arrow's own conversion may be one bit off.
            floats = [None if value is None else float(value) for value in column.to_pylist()]
            return pa.array(floats, pa.float64()).cast(field.arrow)
        return column.cast(field.arrow, safe=False)
    from dataflows_core.cast import cast_column
    from dataflows_core.text import column_to_text

    text = column if natural.type == "string" else column_to_text(column, natural)
    if field.type == "string":
        return text.cast(field.arrow)
    result, errors = cast_column(text, field)
    if errors:
        error = errors[0]
        raise fail(error.index, error.value, error.expected, error.args[0].partition("\n  ")[2] or "")
    return pc.cast(result, field.arrow) if result.type != field.arrow else result
