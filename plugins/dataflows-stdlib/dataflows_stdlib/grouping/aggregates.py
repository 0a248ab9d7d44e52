"""What is made of the values that a field has in the rows of one key.

| aggregate | gives | of |
|---|---|---|
| any, last | the last value | every type |
| first | the first value | every type |
| min, max | the least, the greatest value | types that have an order |
| sum | the sum | integers, numbers, years |
| avg, median | a number; exact, rounded half-even at 12 decimals, or as many as the field has | the same |
| count | how many values there are; how many rows, when no `name` is given | every type |
| array | all values in their order | every type |
| set | the different values, in the order in which they first appear | every type |
| counters | pairs of value and count, the most frequent first | every type; of a list or array, its items |

Null is no value. Where there is none, `array`, `set` and `counters` are empty, `count` is 0 and the others
are null. Numbers with `floatNumber` are added up as doubles, in the order of the rows.

DuckDB computes an aggregate in two stages: `states` by `GROUP BY`, in what can be spilled to disk and does
not depend on the order in which threads work; then `result` from these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.errors import DataError, FlowError
from dataflows_core.schema import NUMBER_SCALE, Field
from dataflows_stdlib.grouping.elements import json_elements
from dataflows_stdlib.outofcore import ORDINAL, from_storage
from dataflows_stdlib.outofcore.storage import is_text_of

__all__ = ["AGGREGATES", "Aggregate", "Form", "form_of", "planned"]


@dataclass(frozen=True)
class Form:
    """How the values of a field travel to an aggregate.

    Attributes:
        field: The field that they are of then.
        convert: Makes the column; of a typed one, unless it stays the same.
    """

    field: Field
    convert: Callable[[pa.Array, Field], pa.Array]


@dataclass(frozen=True)
class Aggregate:
    """How one field of the result is computed.

    Attributes:
        field: That field.
        form: The name of the form in which the source's values travel: ``"same"`` as they came, carried or
            typed, ``"value"`` typed, or one of those at the end of this module; empty when none do.
        states: SQL of aggregates over the column ``{c}``.
        result: SQL over their values, ``{0}``, ``{1}`` ….
        distinct: Whether `states` are computed over the different values: ``{v}``, with how often each
            comes (``{n}``) and where it is first (``{o}``).
        units: Whether the result is a whole number that counts the last decimals of the field.
    """

    field: Field
    form: str
    states: tuple[str, ...]
    result: str = "{0}"
    distinct: bool = False
    units: bool = False

    def finished(self, column: pa.Array) -> pa.Array:
        """The column of `field` that DuckDB's result stands for.

        Raises:
            DataError: A sum is too great for the field.
        """
        kind = self.field.arrow
        if not self.units:
            return column if is_text_of(self.field, column.type) else from_storage(column, kind)
        if pa.types.is_int64(kind):
            try:
                return column.cast(kind)
            except pa.ArrowInvalid as error:
                raise DataError(
                    f"field {self.field.name!r}: a sum is not an integer of 64 bits: {error}\n"
                    "  make the field that is added up a number before this step"
                ) from error
        digits = column.cast(pa.decimal128(38, 0))
        return pa.Array.from_buffers(kind, len(digits), digits.buffers(), offset=digits.offset)


def planned(name: str, aggregate: str, source: Field | None) -> Aggregate:
    """How a field of the result is computed.

    Args:
        name: Its name.
        aggregate: One of `AGGREGATES`.
        source: The field whose values are aggregated; None to count rows.

    Raises:
        FlowError: The aggregate is not for fields of that type.
    """
    if source is None:
        return Aggregate(Field({"name": name, "type": "integer"}), "", ("count(*)",))
    return AGGREGATES[aggregate](name, aggregate, source)


def _picked(name: str, aggregate: str, source: Field) -> Aggregate:
    function = "arg_min" if aggregate == "first" else "arg_max"
    return Aggregate(source.update(name=name), "same", (f"{function}({{c}}, {ORDINAL})",))


_WITHOUT_ORDER = ("object", "array", "geojson", "geopoint", "any", "list")
_KIND = ("type", "floatNumber", "itemType", "delimiter")


def _extreme(name: str, aggregate: str, source: Field) -> Aggregate:
    if source.type in _WITHOUT_ORDER:
        raise FlowError(
            f"{aggregate} needs values that have an order, and field {source.name!r} is of the type "
            f"{source.type}; give it another type before, with set_type"
        )
    same = {key: source.descriptor[key] for key in _KIND if key in source.descriptor}
    return Aggregate(Field({"name": name, **same}, source.arrow), "value", (f"{aggregate}({{c}})",))


def _count(name: str, _: str, __: Field) -> Aggregate:
    return Aggregate(Field({"name": name, "type": "integer"}), "given", ("count({c})",))


_LISTED = f"list({{{{'o': {ORDINAL}, 'v': {{c}}}}}}) FILTER ({{c}} IS NOT NULL)"
_IN_ORDER = "[e.v FOR e IN list_sort({0})]"


def _sum(name: str, aggregate: str, source: Field) -> Aggregate:
    if _is_double(source, aggregate):
        return Aggregate(_double(name), "double", (_LISTED,), f"list_sum({_IN_ORDER})")
    if source.type == "number":
        field = Field({"name": name, "type": "number"}, pa.decimal128(38, _scale(source)))
    else:
        wide = pa.types.is_decimal(source.arrow) or source.arrow == pa.uint64()
        field = Field({"name": name, "type": "integer"}, pa.decimal128(38, 0) if wide else pa.int64())
    return Aggregate(field, "units", ("sum({c})",), units=True)


def _average(name: str, aggregate: str, source: Field) -> Aggregate:
    if _is_double(source, aggregate):
        return Aggregate(_double(name), "double", (_LISTED,), f"list_sum({_IN_ORDER}) / len({{0}})")
    field, more = _quotient_field(name, source)
    result = _quotient("CAST({0} AS HUGEINT)", "nullif({1}, 0)", more)
    return Aggregate(field, "units", ("sum({c})", "count({c})"), result, units=True)


def _median(name: str, aggregate: str, source: Field) -> Aggregate:
    states = ("list({c}) FILTER ({c} IS NOT NULL)",)
    low, high = "list_sort({0})[(len({0}) + 1) // 2]", "list_sort({0})[len({0}) // 2 + 1]"
    if _is_double(source, aggregate):
        middle = f"CASE WHEN {low} = {high} THEN {low} ELSE ({low} + {high}) / 2 END"
        return Aggregate(_double(name), "double", states, middle)
    field, more = _quotient_field(name, source)
    total = f"(CAST({low} AS HUGEINT) + CAST({high} AS HUGEINT))"
    return Aggregate(field, "units", states, _quotient(total, "2", more), units=True)


def _quotient_field(name: str, source: Field) -> tuple[Field, int]:
    """The field of an average, and how many more decimals it has than the values."""
    scale = _scale(source)
    wide = max(scale, NUMBER_SCALE)
    return Field({"name": name, "type": "number"}, pa.decimal128(38, wide)), wide - scale


def _quotient(total: str, count: str, shift: int) -> str:
    """SQL of ``total * 10 ** shift / count``, half-even: long division, so that no step leaves 127 bits."""
    rest = f"({total} % {count}) * {10**shift}"
    whole = f"(({total} // {count}) * {10**shift} + ({rest}) // {count})"
    left = f"2 * abs(({rest}) % {count})"
    away = f"{left} > {count} OR ({left} = {count} AND {whole} % 2 <> 0)"
    return f"({whole} + CASE WHEN {away} THEN sign({total}) ELSE 0 END)"


def _array(name: str, _: str, __: Field) -> Aggregate:
    return Aggregate(_array_field(name), "json", (_LISTED,), _json_array(_IN_ORDER))


def _set(name: str, _: str, __: Field) -> Aggregate:
    return Aggregate(
        _array_field(name), "json", ("list({{'o': {o}, 'v': {v}}})",), _json_array(_IN_ORDER), True
    )


def _counters(name: str, _: str, source: Field) -> Aggregate:
    form = "items" if source.type in ("array", "list") else "json"
    pairs = "['[' || e.v || ', ' || -e.n || ']' FOR e IN list_sort({0})]"
    states = ("list({{'n': -{n}, 'o': {o}, 'v': {v}}})",)
    return Aggregate(_array_field(name), form, states, _json_array(pairs), True)


def _json_array(items: str) -> str:
    return f"'[' || coalesce(array_to_string({items}, ', '), '') || ']'"


def _array_field(name: str) -> Field:
    return Field({"name": name, "type": "array"})


def _double(name: str) -> Field:
    return Field({"name": name, "type": "number", "floatNumber": True})


def _scale(source: Field) -> int:
    return max(source.arrow.scale, 0) if pa.types.is_decimal(source.arrow) else 0


def _is_double(source: Field, aggregate: str) -> bool:
    if source.type not in ("integer", "number", "year"):
        raise FlowError(
            f"{aggregate} is for numbers, and field {source.name!r} is of the type {source.type}; "
            "give it another type before, with set_type"
        )
    return bool(pa.types.is_floating(source.arrow))


AGGREGATES: Mapping[str, Callable[[str, str, Field], Aggregate]] = MappingProxyType(
    {
        "any": _picked,
        "array": _array,
        "avg": _average,
        "count": _count,
        "counters": _counters,
        "first": _picked,
        "last": _picked,
        "max": _extreme,
        "median": _median,
        "min": _extreme,
        "set": _set,
        "sum": _sum,
    }
)


# Forms.


def _units(column: pa.Array, field: Field) -> pa.Array:
    if pa.types.is_integer(column.type) and column.type != pa.uint64():
        return column.cast(pa.int64())
    scale = _scale(field)
    try:
        column = column.cast(pa.decimal128(38, scale))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"field {field.name!r}: a number has more than the 38 digits that can be added up: {error}"
        ) from error
    return pa.Array.from_buffers(
        pa.decimal128(38, 0), len(column), column.buffers(), column.null_count, column.offset
    )


def _items(column: pa.Array, field: Field) -> pa.Array:
    """The items of each array, as JSON; an array within an array is an item."""
    texts = json_elements(column, field).to_pylist()
    values: list[list[Any]] = [
        [] if text is None else json.loads(text, parse_float=Decimal) for text in texts
    ]
    listed = [[json_text.dumps(item) for item in value if item is not None] for value in values]
    return pa.array(listed, pa.list_(pa.string()))


def _given(column: pa.Array, _: Field) -> pa.Array:
    return pc.if_else(column.is_null(), None, True)


def _doubles(column: pa.Array, _: Field) -> pa.Array:
    return column.cast(pa.float64())


def _same(column: pa.Array, _: Field) -> pa.Array:
    return column


_FORMS = {
    "double": Form(Field({"name": "double", "type": "number", "floatNumber": True}), _doubles),
    "given": Form(Field({"name": "given", "type": "boolean"}), _given),
    "items": Form(Field({"name": "items", "type": "list"}), _items),
    "json": Form(Field({"name": "json", "type": "string"}), json_elements),
}


def form_of(aggregate: Aggregate, source: Field) -> Form:
    """The form in which the values of a field travel to an aggregate."""
    if aggregate.form == "units":
        whole = pa.types.is_integer(source.arrow) and source.arrow != pa.uint64()
        kind = pa.int64() if whole else pa.decimal128(38, 0)
        return Form(Field({"name": "units", "type": "integer"}, kind), _units)
    return _FORMS.get(aggregate.form) or Form(source, _same)
