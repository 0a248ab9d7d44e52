"""The plainest expressions by Arrow's kernels alone: a query costs DuckDB a millisecond before it begins.

Comparisons of exact numbers and of texts, truth, sums and products; whatever else is in an expression, or
numbers beyond 64 bits, is left to the engine. Nothing here can fail for a row, so that it does not matter
which rows it is computed for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.expressions.columns import SMALL, Whole
from dataflows_core.expressions.emit import parts_of
from dataflows_core.expressions.nodes import Typed
from dataflows_core.plain import integer_scalar, text_scalar

__all__ = ["Kernels", "Unsuited", "suits"]

_MOST_ITEMS = 16  # of a list to compare with, one by one
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    ">": pc.greater,
    "<=": pc.less_equal,
    ">=": pc.greater_equal,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": pc.add,
    "sub": pc.subtract,
    "mul": pc.multiply,
}
_COMPARING = frozenset({"compare", "in", "between"})
_CONNECTING = frozenset({"and", "or", "not", "is null", "is not null"})
_NUMBERS = frozenset({*_ARITHMETIC, "neg", "abs"})


class Unsuited(Exception):
    """The kernels cannot compute it, for this batch at least."""


class Columns(Protocol):
    """The columns of a batch, by the path of their field."""

    def column(self, path: tuple[str, ...]) -> pa.Array:
        """A column in the type of its field."""
        ...

    def whole(self, path: tuple[str, ...]) -> Whole:
        """A column of exact numbers."""
        ...


def suits(node: Typed) -> bool:
    """Whether an expression is made of nothing but what kernels compute as the engine does."""
    if node.op == "literal":
        return node.exact or node.type == "VARCHAR"
    if node.op == "field":
        return node.exact or node.type in ("VARCHAR", "BOOLEAN")
    if node.op in _COMPARING:
        known = all(arg.exact or arg.type == "VARCHAR" for arg in node.args)
        known = known and len(node.args) <= _MOST_ITEMS and (node.value or "=") in _COMPARE
    else:
        known = node.op in _CONNECTING or (node.op in _NUMBERS and not node.inexact)
    return known and all(map(suits, node.args))


@dataclass(frozen=True)
class Kernels:
    """Computes expressions that suit, for all rows of a batch.

    Args:
        columns: The batch.
    """

    columns: Columns

    def truth(self, nodes: Sequence[Typed]) -> pa.BooleanArray:
        """Where all conditions are true.

        Raises:
            Unsuited: Numbers are too great, or no condition looks at the rows.
        """
        result = self._values(nodes[0])
        for node in nodes[1:]:
            result = pc.and_kleene(result, self._values(node))
        return _of_rows(result)

    def result(self, node: Typed) -> pa.Array | Whole:
        """The values of an expression.

        Raises:
            Unsuited: Numbers are too great, or the expression looks at no row.
        """
        if not node.exact:
            return _of_rows(self._values(node))
        number = self._number(node)
        return Whole(_of_rows(number.column), number.scale, number.bound)

    def _values(self, node: Typed) -> Any:
        """Truth or text, for each row or for all."""
        args = node.args
        match node.op:
            case "literal":
                return text_scalar(node.value)
            case "field":
                return self.columns.column(node.value)
            case "and" | "or":
                connect = pc.and_kleene if node.op == "and" else pc.or_kleene
                result = self._values(args[0])
                for arg in args[1:]:
                    result = connect(result, self._values(arg))
                return result
            case "not":
                return pc.invert(self._values(args[0]))
            case "is null" | "is not null":
                values = self._number(args[0]).column if args[0].exact else self._values(args[0])
                return pc.is_null(values) if node.op == "is null" else pc.is_valid(values)
            case "between":
                values, least, most = self._alike(args)
                return pc.and_kleene(pc.greater_equal(values, least), pc.less_equal(values, most))
            case "in":
                values, *items = self._alike(args)
                found = pc.equal(values, items[0])
                for item in items[1:]:
                    found = pc.or_kleene(found, pc.equal(values, item))
                return found
        left, right = self._alike(args)
        return _COMPARE[node.value](left, right)

    def _alike(self, nodes: Sequence[Typed]) -> list[Any]:
        """Values that can be compared: exact numbers have one scale."""
        if nodes[0].exact:
            return [number.column for number in self._aligned(nodes)]
        return [self._values(node) for node in nodes]

    def _aligned(self, nodes: Sequence[Typed]) -> list[Whole]:
        numbers = [self._number(node) for node in nodes]
        scale = max(number.scale for number in numbers)
        return [_shifted(number, scale) for number in numbers]

    def _number(self, node: Typed) -> Whole:
        match node.op:
            case "literal":
                return _constant(node)
            case "field":
                return _small(self.columns.whole(node.value))
            case "neg" | "abs":
                number = self._number(node.args[0])
                change = pc.negate if node.op == "neg" else pc.abs
                return Whole(change(number.column), number.scale, number.bound)
            case "mul":
                left, right = (self._number(arg) for arg in node.args)
                scale, bound = left.scale + right.scale, left.bound * right.bound
            case _:
                left, right = self._aligned(node.args)
                scale, bound = left.scale, left.bound + right.bound
        if bound > SMALL:
            raise Unsuited
        return Whole(_ARITHMETIC[node.op](left.column, right.column), scale, bound)


def _of_rows(values: Any) -> pa.Array:
    if not isinstance(values, pa.Array):
        raise Unsuited
    return values


def _small(number: Whole) -> Whole:
    if number.bound > SMALL:
        raise Unsuited
    return number


def _shifted(number: Whole, scale: int) -> Whole:
    """With more decimals."""
    power = 10 ** (scale - number.scale)
    if power == 1:
        return number
    if number.bound * power > SMALL or power > SMALL:
        raise Unsuited
    return Whole(pc.multiply(number.column, integer_scalar(power)), scale, number.bound * power)


def _constant(node: Typed) -> Whole:
    if node.value is None:
        raise Unsuited
    sign, digits, exponent = parts_of(node.value)
    if exponent > 0:
        digits, exponent = digits * 10**exponent, 0
    if digits > SMALL:
        raise Unsuited
    return Whole(integer_scalar(-digits if sign else digits), -exponent, digits)
