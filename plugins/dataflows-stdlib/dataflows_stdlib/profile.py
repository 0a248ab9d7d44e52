"""What is in the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import typed
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import NUMBER_SCALE, Field, Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_core.text import column_to_text, value_to_text
from dataflows_stdlib.numbers import whole
from dataflows_stdlib.outofcore import Database, check_memory_limit

__all__ = ["profile"]

SCHEMA = Schema.from_descriptor(
    {
        "fields": [
            {"name": name, "type": kind, "description": description}
            for name, kind, description in (
                ("resource", "string", "The resource."),
                ("field", "string", "The field."),
                ("type", "string", "Its type."),
                ("count", "integer", "Number of rows."),
                ("nulls", "integer", "Number of rows in which it is null."),
                ("distinct", "integer", "Number of different values, null apart."),
                ("minimum", "string", "The least value, where values have an order."),
                ("maximum", "string", "The greatest value."),
                (
                    "mean",
                    "string",
                    "The average of numbers, NaN and infinities apart, rounded half-even at 12 decimals.",
                ),
                ("shortest", "integer", "Characters of the shortest text."),
                ("longest", "integer", "Characters of the longest text."),
                ("top", "array", "The most frequent values, each with its count."),
            )
        ]
    }
)
"""The fields of a resource of column statistics."""


def profile(
    target: str = "profile",
    resources: ResourceSelector = None,
    top: int = 5,
    *,
    memory_limit: str | int | None = None,
) -> Step:
    """Describe the fields: how many values, nulls and different ones, the least, the greatest, the average.

    The figures are exact. They are the rows of a new resource, one row a field, and in the stats under
    `profile`, by resource and field. The rows themselves pass as they are. Values are shown as a dump would
    write them; two are different if their texts are.

    Args:
        target: The name of the new resource.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        top: How many of the most frequent values; of those that are as frequent, the first ones.
        memory_limit: What may stay in memory, in bytes or as text such as ``"1GB"``; by default a quarter of
            the machine's memory.

    Raises:
        FlowError: There is a resource of that name; a number that makes no sense.
        AccessError: Memory or disk does not suffice.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"city": "Oslo", "n": 1}, {"city": "Oslo", "n": 2}, {"city": None, "n": 4}]
        >>> results = Flow(rows, profile(top=1)).results()
        >>> {name: results.rows[1][1][name] for name in ("field", "nulls", "distinct", "maximum", "mean")}
        {'field': 'n', 'nulls': 0, 'distinct': 3, 'maximum': '4', 'mean': '2.333333333333'}
        >>> results.stats["profile"]["res_1"]["city"]["top"]
        [{'value': 'Oslo', 'count': 2}]
    """
    most = whole(top, "top", 0)
    limit = check_memory_limit(memory_limit)

    def step(package: Package) -> None:
        tables = package.tables(resources)
        copies, stats = [], _Statistics([(one.name, one.schema) for one in tables], most, limit)
        for resource in tables:
            assert resource.stream is not None
            resource.stream, copy = resource.stream.share()
            copies.append(copy)
        stream = Stream.derive(copies, stats, SCHEMA, reads=[()] * len(copies))
        package.add(Resource(target, stream, {"title": "Statistics of fields"}))
        package.on_finish(lambda: package.stats.update(profile=stats.found))

    return step


@dataclass
class _Statistics:
    """The statistics of some streams, as rows.

    Attributes:
        tables: The name and the schema of each.
        top: How many of the most frequent values are wanted.
        memory_limit: What the database may take.
        found: The statistics by resource and field, of the last reading.
    """

    tables: Sequence[tuple[str, Schema]]
    top: int
    memory_limit: int | None
    found: dict[str, dict[str, dict[str, Any]]] = attribute(default_factory=dict)

    def __call__(self, *streams: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self.found = {}
        rows = []
        for (name, schema), batches in zip(self.tables, streams, strict=True):
            self.found[name] = _described(schema, batches, self.top, self.memory_limit)
            rows += [{"resource": name, "field": key, **stats} for key, stats in self.found[name].items()]
        yield RowCodec(SCHEMA).encode(rows)


def _described(
    schema: Schema, batches: Iterator[pa.RecordBatch], top: int, memory_limit: int | None
) -> dict[str, dict[str, Any]]:
    columns = [_Column(one) for one in schema]
    texts = Schema(tuple(Field({"name": one.name}) for one in schema))

    def as_texts() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_arrays(
                [one.add(column) for one, column in zip(columns, batch.columns, strict=True)],
                names=list(schema.names),
            )

    if not columns:
        for _ in batches:  # what is written on the way is to be whole
            pass
        return {}
    with Database(memory_limit) as database:
        database.read("input", as_texts(), texts)
        database.execute("CREATE TABLE texts AS SELECT * FROM input")
        for number, column in enumerate(columns):
            column.count_values(database, f"c{number}", top)
    return {column.field.name: column.statistics() for column in columns}


@dataclass
class _Column:
    """The statistics of one column, as far as they are known."""

    field: Field
    count: int = 0
    nulls: int = 0
    total: Fraction = Fraction(0)
    finite: int = 0
    ends: pa.Array | None = None
    lengths: pa.Array | None = None
    distinct: int = 0
    top: list[dict[str, Any]] = attribute(default_factory=list)

    def add(self, carried: pa.Array) -> pa.Array:
        """Take in a batch of values; its texts."""
        name = self.field.name
        batch = pa.RecordBatch.from_arrays([carried], names=[name])
        column = typed(batch, Schema((self.field,))).column(0)
        self.count += len(column)
        self.nulls += column.null_count
        if column.null_count < len(column):
            self._add_ends(column)
            self._add_total(column)
            if self.field.type == "string":
                self.lengths = _wider(self.lengths, pc.utf8_length(column))
        return column_to_text(column, self.field)

    def _add_ends(self, column: pa.Array) -> None:
        kind = column.type
        if isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind) or pa.types.is_interval(kind):
            return
        self.ends = _wider(self.ends, column)

    def _add_total(self, column: pa.Array) -> None:
        kind = column.type
        if self.field.type not in ("integer", "number"):
            return
        if pa.types.is_floating(kind):
            finite = column.filter(pc.fill_null(pc.is_finite(column), False)).to_pylist()
            self.total += sum(map(Fraction, finite))
            self.finite += len(finite)
            return
        scale = kind.scale if pa.types.is_decimal(kind) else 0
        # Wide enough for any number of values of 38 digits that fits into memory.
        wide = column.cast(pa.decimal256(76, scale))
        self.total += Fraction(pc.sum(wide).as_py())
        self.finite += len(column) - column.null_count

    def count_values(self, database: Database, column: str, top: int) -> None:
        """Count the different values, and find the most frequent ones."""
        counted = (
            f"SELECT {column} AS value, count(*) AS number, min(ordinal) AS first FROM texts "  # noqa: S608
            f"WHERE {column} IS NOT NULL GROUP BY {column}"
        )
        ((self.distinct,),) = database.execute(f"SELECT count(DISTINCT {column}) FROM texts")  # noqa: S608
        if top:
            found = database.execute(f"{counted} ORDER BY number DESC, first LIMIT {top}")
            self.top = [{"value": value, "count": number} for value, number, _ in found]

    def statistics(self) -> dict[str, Any]:
        """What is known in the end."""
        texts = [None, None] if self.ends is None else column_to_text(self.ends, self.field).to_pylist()
        lengths = [None, None] if self.lengths is None else self.lengths.to_pylist()
        return {
            "type": self.field.type,
            "count": self.count,
            "nulls": self.nulls,
            "distinct": self.distinct,
            "minimum": texts[0],
            "maximum": texts[1],
            "mean": _mean(self.total, self.finite),
            "shortest": lengths[0],
            "longest": lengths[1],
            "top": self.top,
        }


def _wider(ends: pa.Array | None, column: pa.Array) -> pa.Array:
    """The least and the greatest value of a column, and of what was there before."""
    found = pc.min_max(column if ends is None else pa.concat_arrays([ends, column]))
    return pa.concat_arrays([pa.repeat(found["min"], 1), pa.repeat(found["max"], 1)])


def _mean(total: Fraction, count: int) -> str | None:
    if not count:
        return None
    scaled = round(total / count * 10**NUMBER_SCALE)  # Python rounds halves to even
    exact = Decimal(scaled).scaleb(-NUMBER_SCALE, Context(prec=400))
    return value_to_text(exact, Field({"name": "mean", "type": "number"}))
