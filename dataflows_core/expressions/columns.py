"""Columns as the engine gets them: exact numbers as whole numbers, with a scale and a bound.

A decimal128(38, 12) that holds 121.5 and 3 travels as 1215 and 30 with one decimal. That is what keeps
products within 38 digits, and mostly within 64 bits. What is computed never depends on it.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import typed
from dataflows_core.errors import DataError
from dataflows_core.expressions.nodes import EXACT
from dataflows_core.expressions.types import duckdb_type
from dataflows_core.plain import float_scalar
from dataflows_core.schema import Schema

__all__ = ["BIG", "SMALL", "Source", "Whole", "ordinals", "plain_column", "read", "rescaled", "whole"]

SMALL = 2**63 - 1
"""The greatest absolute value that travels as an int64."""
BIG = 10**38 - 1
"""The greatest absolute value that travels as a decimal128(38, 0)."""

_SAMPLE = 64
_DIGITS_OF_DOUBLE = 15


@dataclass(frozen=True)
class Whole:
    """A column of exact numbers: each is the whole number in `column` divided by ``10 ** scale``.

    Attributes:
        column: int64 if `bound` allows it, else decimal128(38, 0).
        scale: Decimals.
        bound: No absolute value in `column` is greater.
    """

    column: pa.Array
    scale: int
    bound: int


def reinterpreted(column: pa.Array, scale: int) -> pa.Array:
    """A decimal128 column with the same digits and another place of the point."""
    kind = pa.decimal128(38, scale)
    if column.type == kind:
        return column
    return pa.Array.from_buffers(kind, len(column), column.buffers(), column.null_count, column.offset)


def whole(column: pa.Array, hint: int = 0) -> Whole:
    """A column of exact numbers as whole numbers, with as few decimals as its values have, about.

    Args:
        column: A column of integers or decimals.
        hint: The decimals that an earlier batch had; fewer are not looked for.

    Raises:
        DataError: A decimal256 column has more than 38 digits.
    """
    if pa.types.is_integer(column.type):
        if column.type != pa.uint64():
            column = column.cast(pa.int64())
            return _bounded(column, 0)
        column = column.cast(pa.decimal128(20, 0))
    scale = column.type.scale
    if not pa.types.is_decimal128(column.type) or scale < 0:
        scale = max(scale, 0)
        try:
            column = column.cast(pa.decimal128(38, scale))
        except pa.ArrowInvalid as error:
            raise DataError(
                f"a number has more than the 38 digits that expressions compute with: {error}"
            ) from error
    digits = reinterpreted(column, 0)
    found = _bounded(digits, scale)
    if scale == 0 or found.bound == 0:
        return found
    return _narrowed(found, min(scale, max(hint, _sampled(column))))


def read(column: pa.Array, hint: int = 0) -> Whole | None:
    """Decimals that are carried as text, by way of doubles; None when some have too many digits for that.

    No two numbers of at most 15 digits have one double. So where a quotient of such numbers gives the double
    of a text, it is what the text says.

    Args:
        column: Canonical texts of decimals.
        hint: The decimals that an earlier batch had; fewer are not looked for.
    """
    if (pc.max(pc.binary_length(column)).as_py() or 0) > _DIGITS_OF_DOUBLE:
        return None
    doubles = column.cast(pa.float64())
    texts = (text.partition(".")[2] for text in column[:_SAMPLE].to_pylist() if text)
    wanted = max(hint, *map(len, texts), 0)
    for scale in (wanted, wanted + 2, wanted + 5):
        power = float_scalar(10.0**scale)
        digits = pc.floor(pc.add(pc.multiply(doubles, power), float_scalar(0.5)))
        if pc.divide(digits, power).equals(doubles):
            least, most = (value.as_py() for value in pc.min_max(digits).values())
            bound = 0 if least is None else int(max(abs(least), abs(most)))
            fits = bound < 10**_DIGITS_OF_DOUBLE
            return Whole(digits.cast(pa.int64()), scale, bound) if fits else None
    return None


def _bounded(column: pa.Array, scale: int) -> Whole:
    least, most = (value.as_py() for value in pc.min_max(column).values())
    bound = 0 if least is None else int(max(abs(least), abs(most)))
    if bound <= SMALL and not pa.types.is_int64(column.type):
        column = column.cast(pa.int64())
    elif bound > SMALL and pa.types.is_int64(column.type):
        column = reinterpreted(column.cast(pa.decimal128(19, 0)), 0)
    return Whole(column, scale, bound)


def _sampled(column: pa.Array) -> int:
    """The decimals that the first values have."""
    values = (value.normalize().as_tuple().exponent for value in column[:_SAMPLE].to_pylist() if value)
    return max((-exponent for exponent in values if isinstance(exponent, int)), default=0)


def _narrowed(found: Whole, wanted: int) -> Whole:
    """With fewer decimals, if no value needs more; a few more are tried before giving up."""
    for scale in sorted({wanted, wanted + 2, wanted + 5}):
        if scale >= found.scale:
            break
        if (column := rescaled(found.column, found.scale, scale)) is not None:
            if found.bound <= SMALL:
                return Whole(column, scale, found.bound // 10 ** (found.scale - scale) + 1)
            return _bounded(column, scale)
    return found


def rescaled(column: pa.Array, scale: int, wanted: int) -> pa.Array | None:
    """Whole numbers with fewer decimals, or None when that would lose some.

    Args:
        column: int64 or decimal128(38, 0).
        scale: Its decimals.
        wanted: Fewer decimals.
    """
    if pa.types.is_int64(column.type):
        if scale - wanted > 18:
            return None if pc.any(pc.not_equal(column, 0)).as_py() else column
        power = pa.scalar(10 ** (scale - wanted), pa.int64())
        quotient = pc.divide(column, power)
        return quotient if pc.multiply(quotient, power).equals(column) else None
    decimals = reinterpreted(column, scale)
    # A safe cast builds an error for every value that does not fit, and takes ten times as long.
    short = decimals.cast(pa.decimal128(38, wanted), safe=False)
    return reinterpreted(short, 0) if short.cast(pa.decimal128(38, scale)).equals(decimals) else None


def plain_column(column: pa.Array) -> pa.Array:
    """A column that holds no exact numbers, in a type that the engine takes and gives back unchanged.

    Raises:
        DataError: A time with nanoseconds, which the engine would cut off.
    """
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        column, kind = column.storage, column.storage.type
    target = kind
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        target = pa.string()
    elif pa.types.is_floating(kind):
        target = pa.float64()
    elif pa.types.is_date(kind):
        target = pa.date32()
    elif pa.types.is_time(kind):
        target = pa.time64("us")
    elif pa.types.is_timestamp(kind) and (kind.tz is not None or kind.unit != "ns"):
        target = pa.timestamp("us", tz="UTC" if kind.tz is not None else None)
    elif pa.types.is_large_list(kind):
        target = pa.list_(kind.value_type)
    elif pa.types.is_duration(kind):
        target = pa.duration("us")
    try:
        return column if target == kind else column.cast(target)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"expressions compute with microseconds, and a value has nanoseconds: {error}"
        ) from error


_ordinals = pa.nulls(0, pa.int64())


def ordinals(count: int) -> pa.Array:
    """The numbers from 0 to `count` - 1, made once and cut to length."""
    global _ordinals  # noqa: PLW0603 - a cache; two threads that fill it at once fill it alike
    known = _ordinals
    if len(known) < count:
        numbers = array.array("q", range(max(count, 2 * len(known))))
        known = _ordinals = pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
    return known[:count]


def member(column: pa.Array, path: Iterable[str]) -> pa.Array:
    """A member of a struct column."""
    for name in path:
        column = pc.struct_field(column, name)
    return column


def decimals_of(found: Whole) -> list[Decimal | None]:
    """The numbers that a `Whole` stands for, as Python's."""
    values = (
        reinterpreted(found.column.cast(pa.decimal128(38, 0)), 0) if found.bound <= SMALL else found.column
    )
    return [
        None if value is None else Decimal(value) for value in reinterpreted(values, found.scale).to_pylist()
    ]


class Source:
    """The columns of a batch as expressions want them, each made when it is asked for.

    Args:
        batch: The batch; may hold carried text.
        schema: Its schema.
        paths: The fields that are wanted.
        hints: The decimals that the numbers of each field had in earlier batches; is kept up to date.
    """

    def __init__(
        self,
        batch: pa.RecordBatch,
        schema: Schema,
        paths: Sequence[tuple[str, ...]],
        hints: dict[tuple[str, ...], int],
    ) -> None:
        self.paths, self.count = paths, batch.num_rows
        self._schema, self._hints = schema, hints
        names = batch.schema.names
        self._batch = batch.select([names.index(name) for name in dict.fromkeys(path[0] for path in paths)])
        self._typed: dict[tuple[str, ...], pa.Array] = {}
        self._wholes: dict[tuple[str, ...], Whole] = {}

    def values(self, path: tuple[str, ...]) -> pa.Array:
        """A column of the type of its field."""
        if path not in self._typed:
            field = self._schema.field(path[0])
            alone = self._batch.select([field.name])
            column = member(typed(alone, Schema((field,))).column(0), path[1:])
            # As DuckDB would: what is a dictionary in memory is a plain column in an expression.
            plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            self._typed[path] = plain
        return self._typed[path]

    def column(self, path: tuple[str, ...]) -> pa.Array:
        """A column that holds no exact numbers, as the engine takes it."""
        return plain_column(self.values(path))

    def exact(self, path: tuple[str, ...]) -> bool:
        """Whether a column holds exact numbers."""
        kind = self._schema.field(path[0]).arrow if len(path) == 1 else self.values(path).type
        return duckdb_type(kind) in EXACT

    def whole(self, path: tuple[str, ...]) -> Whole:
        """A column of exact numbers."""
        if path not in self._wholes:
            hint = self._hints.get(path, 0)
            carried = self._batch.column(path[0])
            found = None
            if len(path) == 1 and pa.types.is_decimal(self._schema.field(path[0]).arrow):
                if pa.types.is_string(carried.type):
                    found = read(carried, hint)
                elif pa.types.is_decimal128(carried.type):
                    found = whole(carried, hint)
            self._wholes[path] = found or whole(self.values(path), hint)
            self._hints[path] = max(hint, self._wholes[path].scale)
        return self._wholes[path]
