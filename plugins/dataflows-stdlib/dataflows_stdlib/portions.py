"""Parts of a table: its first rows, a slice, a sample; and the numbers of rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_stdlib.match import free_field
from dataflows_stdlib.numbers import whole

__all__ = ["limit", "row_number", "sample", "slice"]

_WORD = 64


def limit(rows: int, resources: ResourceSelector = None) -> Step:
    """Keep the first rows.

    What is above is read no further, unless it is written to somewhere on the way.

    Args:
        rows: How many rows, at most.
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        FlowError: The number is negative.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": n} for n in range(100)], limit(2)).results().rows
        [[{'n': 0}, {'n': 1}]]
    """
    function = _Sliced(0, whole(rows, "rows", 0), 1)

    def step(package: Package) -> None:
        _pipe(package, resources, function)

    return step


def slice(  # noqa: A001 - that is what it is called
    start: int = 0, stop: int | None = None, every: int = 1, resources: ResourceSelector = None
) -> Step:
    """Keep the rows from one position to another, as Python's slices do.

    Args:
        start: The position of the first row, from 0.
        stop: The position behind the last row; None for the end of the table.
        every: 1 for every row, 2 for every second one …
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        FlowError: A number is negative: the end of a stream is not known before it is there.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": n} for n in range(100)], slice(10, 20, 4)).results().rows
        [[{'n': 10}, {'n': 14}, {'n': 18}]]
    """
    end = None if stop is None else whole(stop, "stop", 0)
    function = _Sliced(whole(start, "start", 0), end, whole(every, "every", 1))

    def step(package: Package) -> None:
        _pipe(package, resources, function)

    return step


def _pipe(
    package: Package,
    resources: ResourceSelector,
    function: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]],
) -> None:
    for resource in package.tables(resources):
        resource.pipe_batches(function)


@dataclass(frozen=True)
class _Sliced:
    """Every so many-th row between two positions."""

    start: int
    stop: int | None
    every: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        passed = 0
        if self.stop is not None and self.stop <= self.start:
            return
        for batch in batches:
            first = max(self.start - passed, 0)
            last = batch.num_rows if self.stop is None else min(self.stop - passed, batch.num_rows)
            if first == 0 and self.every > 1 and passed > self.start:
                first = -(passed - self.start) % self.every
            if first < last:
                part = batch[first:last]
                yield part if self.every == 1 else part.take(pa.array(range(0, last - first, self.every)))
            passed += batch.num_rows
            if self.stop is not None and passed >= self.stop:
                return


def sample(
    n: int | None = None,
    fraction: float | None = None,
    resources: ResourceSelector = None,
    *,
    seed: int = 0,
) -> Step:
    """Keep rows at random, in their order: so many of them, or a share.

    Which rows are drawn depends on the seed and on their positions alone; a second run draws the same.
    Every row is as likely as any other. A number of rows is held in memory, a share is not.

    Args:
        n: How many rows; all of them if there are no more.
        fraction: The probability of each row, from 0 to 1.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        seed: Another whole number draws other rows.

    Raises:
        FlowError: Neither or both are given, or a number that makes no sense.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"n": n} for n in range(1000)]
        >>> len(Flow(rows, sample(10)).results().rows[0])
        10
        >>> Flow(rows, sample(10)).results().rows == Flow(rows, sample(10)).results().rows
        True
    """
    if (n is None) == (fraction is None):
        raise FlowError("sample() takes a number of rows (n) or a share (fraction); one of the two")
    origin = whole(seed, "seed")
    function = _Share(_share(fraction), origin) if n is None else _Drawn(whole(n, "n", 0), origin)

    def step(package: Package) -> None:
        _pipe(package, resources, function)

    return step


def _share(fraction: object) -> float:
    if isinstance(fraction, int | float | Decimal) and 0 <= fraction <= 1:
        return float(fraction)
    raise FlowError(f"fraction must be from 0 to 1, and {fraction!r} is not")


def _word(number: int) -> pa.Scalar:
    return pa.scalar(number % (1 << _WORD), pa.uint64())


def _drawn_numbers(first: int, count: int, seed: int) -> pa.Array:
    """Random words of 64 bits for the rows from `first` on: SplitMix64, as good as its jump by position.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014).
    """
    start = random.Random(seed).getrandbits(_WORD)  # noqa: S311 - no secret is made of it
    steps = pc.cumulative_sum(pa.repeat(_word(0x9E3779B97F4A7C15), count))
    state = pc.add(steps, _word(start + first * 0x9E3779B97F4A7C15))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = pc.multiply(pc.bit_wise_xor(state, pc.shift_right(state, _word(shift))), _word(factor))
    return pc.bit_wise_xor(state, pc.shift_right(state, _word(31)))


@dataclass(frozen=True)
class _Share:
    """Rows whose random number is below a bound."""

    fraction: float
    seed: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        bound, passed = int(self.fraction * (1 << _WORD)), 0
        for batch in batches:
            numbers = _drawn_numbers(passed, batch.num_rows, self.seed)
            passed += batch.num_rows
            yield batch if bound >> _WORD else batch.filter(pc.less(numbers, _word(bound)))


@dataclass(frozen=True)
class _Drawn:
    """The rows with the smallest random numbers."""

    count: int
    seed: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        passed = 0
        parts: list[pa.RecordBatch] = []
        numbers = pa.array([], pa.uint64())
        for batch in batches:
            drawn = _drawn_numbers(passed, batch.num_rows, self.seed)
            passed += batch.num_rows
            if len(numbers) >= self.count > 0:
                below = pc.less(drawn, pc.max(numbers))
                batch, drawn = batch.filter(below), drawn.filter(below)
            parts.append(batch)
            numbers = pa.concat_arrays([numbers, drawn])
            if len(numbers) > 2 * self.count + 1024:
                parts, numbers = self._smallest(parts, numbers)
        if parts and self.count:
            yield from self._smallest(parts, numbers)[0]

    def _smallest(
        self, parts: list[pa.RecordBatch], numbers: pa.Array
    ) -> tuple[list[pa.RecordBatch], pa.Array]:
        kept = pc.sort_indices(numbers)[: self.count]
        kept = kept.take(pc.sort_indices(kept))  # in the order of the rows
        return [pa.concat_batches(parts).take(kept)], numbers.take(kept)


def row_number(target: str = "row_number", start: int = 1, resources: ResourceSelector = None) -> Step:
    """Add a field with the number of each row, behind the others.

    Args:
        target: The field's name.
        start: The number of the first row.
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        FlowError: A resource has a field of that name.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"city": "Lyon"}, {"city": "Graz"}], row_number("no")).results().rows
        [[{'city': 'Lyon', 'no': 1}, {'city': 'Graz', 'no': 2}]]
    """
    field = Field({"name": target, "type": "integer"})
    first = whole(start, "start")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            free_field(resource, target)
            schema = resource.schema.add(field)
            resource.pipe_batches(_Numbered(schema, first), schema)

    return step


@dataclass(frozen=True)
class _Numbered:
    """Counts the rows."""

    schema: Schema
    start: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        next_number = self.start
        for batch in batches:
            numbers = pa.array(range(next_number, next_number + batch.num_rows), pa.int64())
            next_number += batch.num_rows
            yield pa.RecordBatch.from_arrays([*batch.columns, numbers], names=list(self.schema.names))
