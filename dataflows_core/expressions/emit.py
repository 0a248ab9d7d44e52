"""SQL for an expression over one batch, in which no exact number can overflow.

Exact numbers are whole numbers with a scale that is known here, not to DuckDB: 121.5 is 1215 with one
decimal. With the bounds of the columns, every intermediate result has a bound too; while it is within 64
bits the SQL computes with BIGINT, up to 38 digits with DECIMAL(38, 0), and when it could be greater `Wide`
is raised, and the batch is computed in Python (see `exact`). So SQL never overflows, and never rounds.

What an operation needs twice is computed once, in a *stage*: a subquery that adds a column. A stage is
computed for all rows, also for those that a CASE keeps from it; what may fail must not be staged there, and
is `Wide` too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dataflows_core.expressions.casting import cast_pattern, limits_of
from dataflows_core.expressions.columns import BIG, SMALL, Whole
from dataflows_core.expressions.division import divide_sql, steps_for
from dataflows_core.expressions.engine import TABLE, literal
from dataflows_core.expressions.nodes import WHOLE, CastType, Typed, is_literal
from dataflows_core.expressions.render import plain, value_sql

__all__ = ["Emitter", "Number", "Stages", "Wide", "parts_of", "shifted"]

_MOST_SQL = 200_000
_SHORT_SQL = 2_000
_CONSTANT = re.compile(r"CAST\('?-?\d+'? AS (?:BIGINT|DECIMAL\(38, 0\))\)")


class Wide(Exception):
    """The expression needs numbers, or an order of computing, that this SQL cannot hold."""


@dataclass(frozen=True)
class Number:
    """SQL of an exact number: a whole number, to be divided by ``10 ** scale``.

    Attributes:
        sql: BIGINT if `bound` allows it, else DECIMAL(38, 0).
        scale: Decimals.
        bound: No absolute value is greater.
    """

    sql: str
    scale: int
    bound: int

    def __post_init__(self) -> None:
        if self.bound > BIG or len(self.sql) > _MOST_SQL:
            raise Wide

    @property
    def small(self) -> bool:
        """Whether it is a BIGINT."""
        return self.bound <= SMALL


@dataclass
class Stages:
    """The subqueries below the last SELECT; each sees the columns of those below it.

    Attributes:
        columns: What each stage adds, by its level: name and SQL.
        levels: The level at which a name is known; columns of the batch have none.
    """

    columns: list[list[tuple[str, str]]] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    known: dict[tuple[int, str], str] = field(default_factory=dict)
    floor: int = 0

    def add(self, sql: str) -> str:
        """The name of a column with that SQL."""
        level = max((self.levels[name] for name in _staged(sql)), default=0)
        level = max(level, self.floor)
        if name := self.known.get((level, sql)):
            return name
        name = f"s{len(self.levels)}"
        while len(self.columns) <= level:
            self.columns.append([])
        self.columns[level].append((name, sql))
        self.levels[name] = level + 1
        self.known[level, sql] = name
        return name

    def filtered(self, condition: str) -> None:
        """Keep rows from here on: what is staged later is computed for those only."""
        level = len(self.columns)
        self.columns.append([("", condition)])
        self.floor = level + 1

    def source(self) -> str:
        """What the last SELECT selects from."""
        sql = TABLE
        for stage in self.columns:
            if not stage:
                continue
            name, text = stage[0]
            if name:
                added = ", ".join(f"{text} AS {name}" for name, text in stage)
                sql = f"(SELECT *, {added} FROM {sql})"  # noqa: S608 - SQL of ours throughout
            else:
                sql = f"(SELECT * FROM {sql} WHERE {text})"  # noqa: S608
        return sql


def _staged(sql: str) -> set[str]:
    # Literals are cut out first: their text may look like a name of ours.
    return set(re.findall(r"\bs\d+\b", re.sub(r"'(?:[^']|'')*'", "", sql)))


@dataclass
class Emitter:
    """Writes SQL for typed nodes.

    Args:
        columns: By the path of a field: the name of its column, and what is known of it if it is exact.
        scale: Decimals of quotients, and of products with quotients.
        stages: Where to put what is needed twice.
    """

    columns: Mapping[tuple[str, ...], tuple[str, Whole | None]]
    scale: int
    stages: Stages
    guarded: int = 0

    def sql(self, node: Typed) -> str:
        """SQL of a node that is not an exact number."""
        if node.op == "field":
            return self.columns[node.value][0]
        method = getattr(self, f"_{node.op.replace(' ', '_')}", None)
        text: str = method(node) if method else plain(node, [self.sql(arg) for arg in node.args])
        if len(text) > _MOST_SQL:
            raise Wide
        return text

    def number(self, node: Typed) -> Number:
        """SQL of an exact number."""
        if node.op == "literal":
            return _constant(node)
        if node.op == "field":
            name, known = self.columns[node.value]
            assert known is not None
            return Number(name, known.scale, known.bound)
        method = getattr(self, f"_{node.op.replace(' ', '_')}")
        number: Number = method(node)
        return number

    def let(self, sql: str, *, safe: bool) -> str:
        """SQL that may be written twice: a name, staged if it is not one yet."""
        if sql.isidentifier() or _CONSTANT.fullmatch(sql):
            return sql
        if self.guarded and not safe:
            raise Wide
        return self.stages.add(sql)

    def named(self, node: Typed) -> Number:
        """An exact number that may be written twice."""
        number = self.number(node)
        return Number(self.let(number.sql, safe=node.safe), number.scale, number.bound)

    # Truth: what may fail is computed only where what stands before it left the question open.

    def _and(self, node: Typed) -> str:
        return self.connected(node, "FALSE")

    def _or(self, node: Typed) -> str:
        return self.connected(node, "TRUE")

    def connected(self, node: Typed, decided: str) -> str:
        """AND or OR, whose later parts are computed only where the earlier ones left the question open."""
        texts = []
        for place, arg in enumerate(node.args):
            self.guarded += place > 0
            texts.append(self.sql(arg))
            if any(not later.safe for later in node.args[place + 1 :]):
                texts[-1] = self.twice(texts[-1], safe=arg.safe)
            self.guarded -= place > 0
        result = texts.pop()
        for place in reversed(range(len(texts))):
            result = f"({texts[place]} {node.op.upper()} {result})"
            if any(not later.safe for later in node.args[place + 1 :]):
                known = f"{texts[place]} IS NOT DISTINCT FROM {decided}"
                result = f"(CASE WHEN {known} THEN {decided} ELSE {result} END)"
        return result

    def twice(self, sql: str, *, safe: bool) -> str:
        """SQL that will be written twice: staged, or as it is if it may not be staged and is short."""
        if self.guarded and not safe and len(sql) <= _SHORT_SQL:
            return sql
        return self.let(sql, safe=safe)

    def _is_null(self, node: Typed) -> str:
        (arg,) = node.args
        return plain(node, [self.number(arg).sql if arg.exact else self.sql(arg)])

    _is_not_null = _is_null

    def _compare(self, node: Typed) -> str:
        if node.args[0].exact:
            return plain(node, [number.sql for number in self.aligned(node.args)])
        return plain(node, [self.sql(arg) for arg in node.args])

    _in = _compare
    _between = _compare

    # Choices.

    def _case(self, node: Typed) -> str | Number:
        args, last = node.args, len(node.args) - 1
        places = [*range(1, last, 2), last]
        texts = [""] * len(args)
        for i in range(0, last, 2):
            self.guarded += i > 0
            texts[i] = self.sql(args[i])
            self.guarded -= i > 0
        self.guarded += 1
        values = self.values(node.exact, [args[i] for i in places])
        self.guarded -= 1
        for i, value in zip(places, values, strict=True):
            texts[i] = value.sql
        return _chosen(node, plain(node, texts), values)

    def _coalesce(self, node: Typed) -> str | Number:
        self.guarded += 1
        result = self.choice(node)
        self.guarded -= 1
        return result

    def choice(self, node: Typed) -> str | Number:
        """One of the arguments."""
        values = self.values(node.exact, node.args)
        return _chosen(node, plain(node, [value.sql for value in values]), values)

    def values(self, exact: bool, nodes: Sequence[Typed]) -> list[Number]:
        """What may stand for each other; only the SQL means something when they are not exact numbers."""
        return self.aligned(nodes) if exact else [Number(self.sql(node), 0, 0) for node in nodes]

    _greatest = choice
    _least = choice
    _nullif = choice

    # Exact numbers.

    def aligned(self, nodes: Sequence[Typed]) -> list[Number]:
        """Numbers with one scale, all BIGINT or all DECIMAL(38, 0)."""
        numbers = [self.number(node) for node in nodes]
        scale = max(number.scale for number in numbers)
        numbers = [shifted(number, scale) for number in numbers]
        if all(number.small for number in numbers):
            return numbers
        return [Number(_big(number), number.scale, number.bound) for number in numbers]

    def _add(self, node: Typed) -> Number:
        left, right = self.aligned(node.args)
        bound = left.bound + right.bound
        # The types must know before DuckDB adds that the sum may be great.
        first = _big(left) if bound > SMALL else left.sql
        return Number(f"({first} {'+' if node.op == 'add' else '-'} {right.sql})", left.scale, bound)

    _sub = _add

    def _neg(self, node: Typed) -> Number:
        number = self.number(node.args[0])
        return Number(f"(-{number.sql})", number.scale, number.bound)

    def _abs(self, node: Typed) -> Number:
        number = self.number(node.args[0])
        return Number(f"abs({number.sql})", number.scale, number.bound)

    def _sign(self, node: Typed) -> Number:
        number = self.number(node.args[0])
        return Number(f"CAST(sign({number.sql}) AS BIGINT)", 0, 1)

    def _mul(self, node: Typed) -> Number:
        left, right = (self.number(arg) for arg in node.args)
        bound = left.bound * right.bound
        first = _big(left) if bound > SMALL else left.sql
        product = Number(f"({first} * {right.sql})", left.scale + right.scale, bound)
        return self.rounded(product, self.scale, safe=node.safe) if node.inexact else product

    def rounded(self, number: Number, scale: int, *, safe: bool) -> Number:
        """Half-even, with at most `scale` decimals."""
        if number.scale <= scale:
            return number
        power = 10 ** (number.scale - scale)
        return self.quotient(number, Number(_whole(power), 0, power), 0, scale, safe=safe)

    def _div(self, node: Typed) -> Number:
        left, right = (self.number(arg) for arg in node.args)
        shift = self.scale + right.scale - left.scale
        if shift < 0:
            right, shift = shifted(right, right.scale - shift), 0
        return self.quotient(left, right, shift, self.scale, safe=node.safe)

    def quotient(self, left: Number, right: Number, shift: int, scale: int, *, safe: bool) -> Number:
        """``left * 10 ** shift / right``, half-even."""
        bound = left.bound * 10**shift + 1
        steps = steps_for(left.bound, right.bound, shift)
        if bound > BIG or steps is None:
            raise Wide
        dividend, divisor = (self.let(number.sql, safe=safe) for number in (left, right))
        sql = divide_sql(dividend, divisor, shift, steps, self.stages.add, small=bound <= SMALL)
        return Number(sql, scale, bound)

    def _idiv(self, node: Typed) -> Number:
        left, right = self.aligned(node.args)
        if left.small and right.small:
            return Number(f"({left.sql} // {right.sql})", 0, left.bound)
        sql = f"CAST(CAST({left.sql} AS HUGEINT) // CAST({right.sql} AS HUGEINT) AS DECIMAL(38, 0))"
        return _fitted(sql, 0, left.bound)

    def _mod(self, node: Typed) -> Number:
        left, right = self.aligned(node.args)
        if left.small and right.small:
            return Number(f"({left.sql} % {right.sql})", left.scale, left.bound)
        sql = f"CAST(CAST({left.sql} AS HUGEINT) % CAST({right.sql} AS HUGEINT) AS DECIMAL(38, 0))"
        return _fitted(sql, left.scale, left.bound)

    def _round(self, node: Typed) -> Number:
        """To `value` digits; for round half away from zero, as SQL does and says."""
        digits = node.value
        number = self.number(node.args[0])
        if digits >= number.scale:
            return number
        power = 10 ** (number.scale - digits)
        if power > BIG // 10:
            raise Wide
        name = self.let(number.sql, safe=node.safe)
        move, down = {
            "trunc": ("", ""),
            "round": (
                f" + CASE WHEN {name} < 0 THEN {_whole(-power // 2)} ELSE {_whole(power // 2)} END",
                "",
            ),
            "floor": ("", f" - CASE WHEN {name} % {_whole(power)} < 0 THEN {_whole(1)} ELSE {_whole(0)} END"),
            "ceil": ("", f" + CASE WHEN {name} % {_whole(power)} > 0 THEN {_whole(1)} ELSE {_whole(0)} END"),
        }[node.op]
        if number.bound + power <= SMALL:
            quotient = f"(({name}{move}) // {_whole(power)}{down})"
        else:
            huge = f"CAST({_big(number)}{move} AS HUGEINT) // CAST({power} AS HUGEINT)"
            quotient = f"(CAST({huge} AS DECIMAL(38, 0)){down})"
        result = _fitted(
            quotient, max(digits, 0), number.bound // power + 1, small=number.bound + power <= SMALL
        )
        return shifted(result, -digits, scale=0) if digits < 0 else result

    _trunc = _round
    _floor = _round
    _ceil = _round

    # Conversions.

    def _to_exact(self, node: Typed) -> Number:
        (arg,), cast = node.args, node.value
        if arg.type == "BOOLEAN":
            return Number(f"CAST({self.sql(arg)} AS BIGINT)", 0, 1)
        if arg.type == '"NULL"':
            return Number("CAST(NULL AS BIGINT)", 0, 0)
        if not arg.exact:
            return self.from_text(node)
        number = self.number(arg)
        least, most, scale = limits_of(cast)
        # Towards zero: the type's limits, in the number's decimals.
        least, most = -(-least * 10**number.scale // 10**scale), most * 10**number.scale // 10**scale
        name = self.let(number.sql, safe=arg.safe)
        wrong = [f"{name} NOT BETWEEN {_whole(least)} AND {_whole(most)}"] if number.bound > most else []
        if number.scale > scale:
            wrong.append(f"{name} % {_whole(10 ** (number.scale - scale))} <> 0")
        if not wrong:
            return number
        failed = "NULL" if cast.attempt else _error(self.to_text(number), cast)
        sql = f"(CASE WHEN {' OR '.join(wrong)} THEN {failed} ELSE {name} END)"
        return _fitted(sql, number.scale, min(number.bound, max(most, -least)), small=number.small)

    def from_text(self, node: Typed) -> Number:
        """Digits only, and no more of them than the type has: DuckDB's own cast would round."""
        (arg,), cast = node.args, node.value
        least, most, scale = limits_of(cast)
        text = self.let(f"trim(CAST({self.sql(arg)} AS VARCHAR))", safe=arg.safe)
        digits = f"CAST(CAST({text} AS DECIMAL(38, {scale})) AS VARCHAR)"
        value = f"CAST(replace({digits}, '.', '') AS DECIMAL(38, 0))"
        good = f"regexp_full_match({text}, {literal(cast_pattern(cast))})"
        if least != -most:
            good = f"CASE WHEN {good} THEN {value} BETWEEN {_whole(least)} AND {_whole(most)} ELSE false END"
        failed = "NULL" if cast.attempt else _error(text, cast)
        sql = f"(CASE WHEN {text} IS NULL THEN NULL WHEN {good} THEN {value} ELSE {failed} END)"
        number = _fitted(sql, scale, max(most, -least))
        if scale or not number.small:
            return number
        # Most texts are digits alone, and few of them.
        few = f"regexp_full_match({text}, '[+-]?[0-9]{{1,{len(str(most)) - 1}}}')"
        return Number(f"(CASE WHEN {few} THEN CAST({text} AS BIGINT) ELSE {number.sql} END)", 0, number.bound)

    def _from_duckdb(self, node: Typed) -> Number:
        sql, kind = self.sql(node.args[0]), node.value
        if kind.startswith("DECIMAL("):
            scale = int(kind.split(",")[1].rstrip(")"))
            sql = f"CAST(replace(CAST({sql} AS VARCHAR), '.', '') AS DECIMAL(38, 0))"
            return Number(sql, scale, BIG)
        if kind in {"HUGEINT", "UBIGINT"}:
            return Number(f"CAST({sql} AS DECIMAL(38, 0))", 0, BIG)
        return Number(f"CAST({sql} AS BIGINT)", 0, SMALL)

    def _to_text(self, node: Typed) -> str:
        (arg,) = node.args
        return self.to_text(self.number(arg) if arg.type in WHOLE else self.named(arg))

    def to_text(self, number: Number) -> str:
        """Without padding zeros, as everywhere; most numbers of a batch have none, and looking is cheap."""
        if number.scale == 0:
            return f"CAST({number.sql} AS VARCHAR)"
        text = f"CAST({_decimal(number)} AS VARCHAR)"
        padded = f"{number.sql} % {_whole(10)} = 0"
        return f"(CASE WHEN {padded} THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END)"

    def _to_float(self, node: Typed) -> str:
        number = self.number(node.args[0])
        if number.bound < 2**53 and number.scale <= 22:
            # Both are exact as DOUBLE, so that the quotient is the nearest one.
            return f"(CAST({number.sql} AS DOUBLE) / CAST('1e{number.scale}' AS DOUBLE))"
        return f"CAST(CAST({_decimal(number)} AS VARCHAR) AS DOUBLE)"

    def _to_whole(self, node: Typed) -> str:
        (arg,) = node.args
        if is_literal(arg, int):
            return value_sql(arg.value)
        return f"CAST({self.number(arg).sql} AS {node.type})"

    def _to_decimal(self, node: Typed) -> str:
        number = self.number(node.args[0])
        if number.scale > node.value:
            raise Wide
        return f"CAST({_decimal(shifted(number, node.value))} AS {node.type})"


def shifted(number: Number, wanted: int, scale: int | None = None) -> Number:
    """With more decimals; or multiplied, when `scale` says what the decimals are called afterwards."""
    power = 10 ** (wanted - (number.scale if scale is None else 0))
    if power == 1:
        return number
    bound = number.bound * power
    if bound > BIG:
        raise Wide
    first = _big(number) if bound > SMALL else number.sql
    return Number(f"({first} * {_whole(power)})", wanted if scale is None else scale, bound)


def _chosen(node: Typed, sql: str, values: Sequence[Number]) -> str | Number:
    """One of several values, with what is known of them all."""
    return Number(sql, values[0].scale, max(value.bound for value in values)) if node.exact else sql


def _constant(node: Typed) -> Number:
    if node.value is None:
        return Number("CAST(NULL AS BIGINT)", 0, 0)
    sign, digits, exponent = parts_of(node.value)
    if exponent > 0:
        digits, exponent = digits * 10**exponent, 0
    return Number(_whole(-digits if sign else digits), -exponent, digits)


def parts_of(value: object) -> tuple[int, int, int]:
    """Sign, digits and exponent of a number, without trailing zeros."""
    assert isinstance(value, int | Decimal)
    sign, digits, exponent = Decimal(value).normalize().as_tuple()
    assert isinstance(exponent, int)
    return sign, int("".join(map(str, digits))), exponent


def _whole(number: int) -> str:
    if abs(number) <= SMALL:
        return f"CAST({number} AS BIGINT)"
    return f"CAST('{number}' AS DECIMAL(38, 0))"


def _big(number: Number) -> str:
    return f"CAST({number.sql} AS DECIMAL(38, 0))" if number.small else number.sql


def _fitted(sql: str, scale: int, bound: int, *, small: bool = False) -> Number:
    """A number whose SQL is a DECIMAL(38, 0), unless `small`, brought to the type that its bound asks for."""
    if bound <= SMALL and not small:
        sql = f"CAST({sql} AS BIGINT)"
    return Number(sql, scale, bound)


def _decimal(number: Number) -> str:
    """A DECIMAL with the number's value and scale; DuckDB is faster with one of at most 18 digits."""
    if number.scale == 0:
        return _big(number)
    digits = len(str(number.bound))
    first = f"CAST({number.sql} AS DECIMAL({digits if digits + number.scale <= 18 else 38}, 0))"
    unit = "0." + "1".rjust(number.scale, "0")
    return f"({first} * CAST('{unit}' AS DECIMAL({number.scale}, {number.scale})))"


def _error(text: str, cast: CastType) -> str:
    said = literal(f"' is not exactly of the type {cast}")
    return f"CAST(error('the value ''' || left({text}, 60) || {said}) AS BIGINT)"
