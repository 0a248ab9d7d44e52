"""Expressions computed in Python, one construct at a time, with exact numbers of any length.

This is what happens to a batch whose numbers are too great for the SQL of `emit`, or whose order of
computing that SQL cannot keep. It gives the same results, slowly. Constructs that are not about exact numbers
are still computed by DuckDB, each by a query of its own, over just the rows that need it.
"""

from __future__ import annotations

import array
import decimal
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.expressions.casting import cast_pattern, limits_of
from dataflows_core.expressions.columns import decimals_of, plain_column, whole
from dataflows_core.expressions.division import divide
from dataflows_core.expressions.engine import TABLE, EngineError, run
from dataflows_core.expressions.nodes import EXACT, CastType, Typed
from dataflows_core.expressions.render import plain, value_sql
from dataflows_core.expressions.types import arrow_of

__all__ = ["Rows", "evaluate", "indices"]

Numbers: TypeAlias = "list[Decimal | None]"
Values: TypeAlias = "Numbers | pa.Array"

_MOST_DIGITS = 1000
_CONTEXT = decimal.Context(
    prec=_MOST_DIGITS, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.Inexact]
)


@dataclass(frozen=True)
class Rows:
    """The rows that something is computed for.

    Attributes:
        columns: The typed columns, by the path of their field.
        count: Number of rows.
    """

    columns: Mapping[tuple[str, ...], pa.Array]
    count: int

    def take(self, places: Sequence[int]) -> Rows:
        """Some of the rows, in that order."""
        if len(places) == self.count:
            return self
        wanted = indices(places)
        return Rows({path: column.take(wanted) for path, column in self.columns.items()}, len(places))


def evaluate(node: Typed, rows: Rows, scale: int) -> Values:
    """The values of an expression: Decimals if it is an exact number, else a column.

    Args:
        node: The typed expression.
        rows: What it is computed for.
        scale: Decimals of quotients, and of products with quotients.

    Raises:
        EngineError: A value cannot be computed.
    """
    try:
        return _Evaluator(scale).values(node, rows)
    except decimal.Inexact:
        raise EngineError(f"a number would have more than {_MOST_DIGITS} digits") from None


def indices(places: Sequence[int]) -> pa.Array:
    """Places of rows as a column."""
    numbers = array.array("q", places)
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


@dataclass
class _Evaluator:
    scale: int

    def values(self, node: Typed, rows: Rows) -> Values:
        method = getattr(self, f"_{node.op.replace(' ', '_')}", None)
        if method is not None:
            result: Values = method(node, rows)
            return result
        return self.asked(node, rows)

    def numbers(self, node: Typed, rows: Rows) -> Numbers:
        values = self.values(node, rows)
        assert isinstance(values, list), node
        return values

    def column(self, node: Typed, rows: Rows) -> pa.Array:
        values = self.values(node, rows)
        assert not isinstance(values, list), node
        return values

    def asked(self, node: Typed, rows: Rows) -> pa.Array:
        """Let DuckDB compute one construct, whose parts are literals and columns."""
        sql: list[str] = []
        columns: list[pa.Array] = []
        for arg in node.args:
            if arg.op == "literal":
                sql.append(value_sql(arg.value))
            elif arg.op == "to whole" and arg.args[0].op == "literal":
                sql.append(value_sql(arg.args[0].value))
            else:
                sql.append(f"c{len(columns)}")
                columns.append(self.column(arg, rows))
        # A construct of literals alone has no column that says how many rows there are.
        columns.append(pa.nulls(rows.count, pa.bool_()))
        return _asked(plain(node, sql), columns)

    # Leaves.

    def _literal(self, node: Typed, rows: Rows) -> Values:
        if node.type in EXACT:
            return [None if node.value is None else Decimal(node.value)] * rows.count
        kind = arrow_of(node.type)
        assert kind is not None
        return (
            pa.nulls(rows.count, kind)
            if node.value is None
            else pa.repeat(pa.scalar(node.value, kind), rows.count)
        )

    def _field(self, node: Typed, rows: Rows) -> Values:
        column = rows.columns[node.value]
        return decimals_of(whole(column)) if node.exact else plain_column(column)

    # Truth.

    def _and(self, node: Typed, rows: Rows) -> pa.Array:
        return self.connected(node, rows, decided=False)

    def _or(self, node: Typed, rows: Rows) -> pa.Array:
        return self.connected(node, rows, decided=True)

    def connected(self, node: Typed, rows: Rows, *, decided: bool) -> pa.Array:
        """From the left, and only as far as the question is open."""
        result: list[bool | None] = [not decided] * rows.count
        places: Sequence[int] = range(rows.count)
        for arg in node.args:
            part = self.truths(arg, rows.take(places))
            for place, value in zip(places, part, strict=True):
                if value is None:
                    result[place] = None
                elif value is decided:
                    result[place] = decided
            places = [place for place, value in zip(places, part, strict=True) if value is not decided]
        return pa.array(result, pa.bool_())

    def truths(self, node: Typed, rows: Rows) -> list[bool | None]:
        values: list[bool | None] = self.column(node, rows).to_pylist()
        return values

    def _is_null(self, node: Typed, rows: Rows) -> pa.Array:
        values = self.values(node.args[0], rows)
        if isinstance(values, list):
            return pa.array([(value is None) is (node.op == "is null") for value in values], pa.bool_())
        return pc.is_null(values) if node.op == "is null" else pc.is_valid(values)

    _is_not_null = _is_null

    def _compare(self, node: Typed, rows: Rows) -> pa.Array:
        if not node.args[0].exact:
            return self.asked(node, rows)
        left, right = (self.numbers(arg, rows) for arg in node.args)
        compare = _COMPARE[node.value]
        if node.value.startswith("IS"):
            return pa.array([compare(a, b) for a, b in zip(left, right, strict=True)], pa.bool_())
        both = zip(left, right, strict=True)
        return pa.array([None if a is None or b is None else compare(a, b) for a, b in both], pa.bool_())

    def _between(self, node: Typed, rows: Rows) -> pa.Array:
        if not node.args[0].exact:
            return self.asked(node, rows)
        value, low, high = node.args
        least = Typed("compare", "BOOLEAN", (value, low), ">=")
        most = Typed("compare", "BOOLEAN", (value, high), "<=")
        return self._and(Typed("and", "BOOLEAN", (least, most)), rows)

    def _in(self, node: Typed, rows: Rows) -> pa.Array:
        if not node.args[0].exact:
            return self.asked(node, rows)
        value, *items = node.args
        found = tuple(Typed("compare", "BOOLEAN", (value, item), "=") for item in items)
        return self._or(Typed("or", "BOOLEAN", found), rows)

    # Choices.

    def _case(self, node: Typed, rows: Rows) -> Values:
        places: Sequence[int] = range(rows.count)
        chosen: list[tuple[Sequence[int], Values]] = []
        for i in range(0, len(node.args) - 1, 2):
            truth = self.truths(node.args[i], rows.take(places))
            met = [place for place, value in zip(places, truth, strict=True) if value]
            places = [place for place, value in zip(places, truth, strict=True) if not value]
            chosen.append((met, self.typed(node.args[i + 1], node, rows.take(met))))
        chosen.append((places, self.typed(node.args[-1], node, rows.take(places))))
        return _scattered(chosen, rows.count)

    def _coalesce(self, node: Typed, rows: Rows) -> Values:
        places: Sequence[int] = range(rows.count)
        chosen: list[tuple[Sequence[int], Values]] = []
        for arg in node.args:
            values = self.typed(arg, node, rows.take(places))
            missing = (
                [v is None for v in values] if isinstance(values, list) else pc.is_null(values).to_pylist()
            )
            chosen.append((places, values))
            places = [place for place, absent in zip(places, missing, strict=True) if absent]
        return _scattered(chosen, rows.count)

    def typed(self, arg: Typed, node: Typed, rows: Rows) -> Values:
        """The values of one choice, in the type of them all."""
        values = self.values(arg, rows)
        if isinstance(values, list) or arg.type == node.type:
            return values
        return _asked(f"CAST(c0 AS {node.type})", [values])

    def _greatest(self, node: Typed, rows: Rows) -> Values:
        if not node.exact:
            return self.asked(node, rows)
        best: Callable[..., Decimal] = max if node.op == "greatest" else min
        columns = [self.numbers(arg, rows) for arg in node.args]
        known = ([value for value in row if value is not None] for row in zip(*columns, strict=True))
        return [best(row) if row else None for row in known]

    _least = _greatest

    def _nullif(self, node: Typed, rows: Rows) -> Values:
        if not node.exact:
            return self.asked(node, rows)
        left, right = (self.numbers(arg, rows) for arg in node.args)
        return [None if a == b else a for a, b in zip(left, right, strict=True)]

    # Exact numbers.

    def each(self, node: Typed, rows: Rows, function: Callable[..., Decimal | None]) -> Numbers:
        columns = [self.numbers(arg, rows) for arg in node.args]
        return [None if None in row else function(*row) for row in zip(*columns, strict=True)]

    def _add(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, _CONTEXT.add)

    def _sub(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, _CONTEXT.subtract)

    def _mul(self, node: Typed, rows: Rows) -> Numbers:
        if not node.inexact:
            return self.each(node, rows, _CONTEXT.multiply)
        return self.each(node, rows, lambda a, b: divide(_CONTEXT.multiply(a, b), Decimal(1), self.scale))

    def _div(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, lambda a, b: divide(a, b, self.scale))

    def _idiv(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, lambda a, b: _CONTEXT.divide_int(a, b) if b else None)

    def _mod(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, lambda a, b: _CONTEXT.remainder(a, b) if b else None)

    def _neg(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, _CONTEXT.minus)

    def _abs(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, _CONTEXT.abs)

    def _sign(self, node: Typed, rows: Rows) -> Numbers:
        return self.each(node, rows, lambda a: Decimal((a > 0) - (a < 0)))

    def _round(self, node: Typed, rows: Rows) -> Numbers:
        unit = Decimal((0, (1,), -node.value))
        context = _CONTEXT.copy()
        context.traps[decimal.Inexact] = False
        context.rounding = _ROUNDING[node.op]
        return self.each(node, rows, lambda a: a.quantize(unit, context=context))

    _trunc = _round
    _floor = _round
    _ceil = _round

    # Conversions.

    def _to_exact(self, node: Typed, rows: Rows) -> Numbers:
        (arg,), cast = node.args, node.value
        values = self.values(arg, rows)
        if arg.type == "BOOLEAN":
            assert not isinstance(values, list)
            return [None if value is None else Decimal(value) for value in values.to_pylist()]
        if isinstance(values, list):
            return [None if value is None else _fitting(value, cast, text_of(value)) for value in values]
        texts = _asked("trim(CAST(c0 AS VARCHAR))", [values]).to_pylist()
        pattern = re.compile(cast_pattern(cast))
        return [None if text is None else _read(text, cast, pattern) for text in texts]

    def _from_duckdb(self, node: Typed, rows: Rows) -> Numbers:
        kind = node.value if node.value.startswith("DECIMAL(") else "DECIMAL(38, 0)"
        values = self.column(node.args[0], rows)
        if pa.types.is_integer(values.type):
            return [None if value is None else Decimal(value) for value in values.to_pylist()]
        numbers: Numbers = _asked(f"CAST(c0 AS {kind})", [values]).to_pylist()
        return numbers

    def _to_text(self, node: Typed, rows: Rows) -> pa.Array:
        numbers = self.numbers(node.args[0], rows)
        return pa.array([None if value is None else text_of(value) for value in numbers], pa.string())

    def _to_float(self, node: Typed, rows: Rows) -> pa.Array:
        numbers = self.numbers(node.args[0], rows)
        return pa.array([None if value is None else float(value) for value in numbers], pa.float64())

    def _to_whole(self, node: Typed, rows: Rows) -> pa.Array:
        numbers = self.numbers(node.args[0], rows)
        most = 2**31 if node.type == "INTEGER" else 2**63
        for value in numbers:
            if value is not None and not -most <= value < most:
                raise EngineError(f"the value {text_of(value)} is out of the range of {node.type}")
        integers = [None if value is None else int(value) for value in numbers]
        return pa.array(integers, pa.int32() if node.type == "INTEGER" else pa.int64())

    def _to_decimal(self, node: Typed, rows: Rows) -> pa.Array:
        numbers = self.numbers(node.args[0], rows)
        cast = CastType("DECIMAL", 38, node.value)
        fitting = [None if value is None else _fitting(value, cast, text_of(value)) for value in numbers]
        return pa.array(fitting, pa.decimal128(38, node.value))


_ROUNDING = {
    "round": decimal.ROUND_HALF_UP,
    "trunc": decimal.ROUND_DOWN,
    "floor": decimal.ROUND_FLOOR,
    "ceil": decimal.ROUND_CEILING,
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "IS DISTINCT FROM": lambda a, b: a != b,
    "IS NOT DISTINCT FROM": lambda a, b: a == b,
}


def text_of(value: Decimal) -> str:
    """A number as text: no exponent, no padding zeros.

    Examples:
        >>> text_of(Decimal("121.500")), text_of(Decimal("-0"))
        ('121.5', '0')
    """
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _asked(sql: str, columns: Sequence[pa.Array]) -> pa.Array:
    (result,) = run(f"SELECT {sql} FROM {TABLE}", columns)  # noqa: S608 - SQL of ours
    return result.combine_chunks()


def _scattered(chosen: Sequence[tuple[Sequence[int], Values]], count: int) -> Values:
    """Values that were computed for some rows each, put where those rows are; the later ones count."""
    if isinstance(chosen[0][1], list):
        result: Numbers = [None] * count
        for places, values in chosen:
            for place, value in zip(places, values, strict=True):
                result[place] = value
        return result
    sources, offset = [0] * count, 0
    for places, values in chosen:
        for i, place in enumerate(places):
            sources[place] = offset + i
        offset += len(values)
    parts: list[pa.Array] = [values for _, values in chosen]
    return pa.concat_arrays(parts).take(indices(sources)) if count else parts[0][:0]


def _fitting(value: Decimal, cast: CastType, text: str) -> Decimal | None:
    """The value if the type holds it exactly; None if only an attempt was asked for."""
    least, most, scale = limits_of(cast)
    scaled = value.scaleb(scale, context=_CONTEXT)
    if scaled == scaled.to_integral_value(context=_CONTEXT) and least <= scaled <= most:
        return value
    if cast.attempt:
        return None
    raise EngineError(f"the value '{text[:60]}' is not exactly of the type {cast}")


def _read(text: str, cast: CastType, pattern: re.Pattern[str]) -> Decimal | None:
    if pattern.fullmatch(text):
        return _fitting(Decimal(text), cast, text)
    if cast.attempt:
        return None
    raise EngineError(f"the value '{text[:60]}' is not exactly of the type {cast}")
