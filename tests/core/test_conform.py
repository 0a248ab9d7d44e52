"""What a function of batches, a derivation or a loader returns is what was announced, or an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Field, Flow, Package, ProcessorError, Resource, Schema, Stream

VALUES: dict[str, Any] = {
    "integer": 1,
    "number": Decimal("1.5"),
    "float": 1.5,
    "string": "a",
    "boolean": True,
    "date": dt.date(2020, 1, 1),
    "datetime": dt.datetime(2020, 1, 1),
    "object": {"a": 1},
}


def returned(kind: str, column: pa.Array) -> list[Any]:
    """What comes of a column that a function returned for a field of some type."""
    link = lambda batch: pa.RecordBatch.from_arrays([column], names=["x"])  # noqa: E731
    return [row["x"] for row in Flow([{"x": VALUES[kind]}] * len(column), link).results().rows[0]]


@pytest.mark.parametrize(
    ("kind", "column", "expected"),
    [
        ("integer", pa.array([7], pa.int8()), 7),
        ("integer", pa.array([7.0]), 7),
        ("integer", pa.nulls(1), None),
        ("integer", pa.array([7], pa.uint64()).dictionary_encode(), 7),
        ("number", pa.array([7]), Decimal(7)),
        ("number", pa.array([0.1]), Decimal("0.1")),
        ("number", pa.array([Decimal("0.10")]), Decimal("0.1")),
        ("float", pa.array([1.5], pa.float32()), 1.5),
        ("string", pa.array(["b"], pa.large_string()), "b"),
        ("string", pa.array(["b"], pa.string_view()), "b"),
        ("string", pa.array(["b"]).dictionary_encode(), "b"),
        ("date", pa.array([dt.date(2021, 1, 1)], pa.date64()), dt.date(2021, 1, 1)),
        ("datetime", pa.array([dt.datetime(2021, 1, 1)], pa.timestamp("s")), dt.datetime(2021, 1, 1)),
        ("object", pa.array([{"b": 2}]), {"b": 2}),
        ("object", pa.array(['{"b": 2}']), {"b": 2}),
    ],
)
def test_another_type_of_the_same_meaning_is_converted(kind: str, column: pa.Array, expected: Any) -> None:
    assert returned(kind, column) == [expected]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("integer", pa.array(["16"])),
        ("integer", pa.array(["0x10"])),
        ("integer", pa.array([True])),
        ("integer", pa.array([1.5])),
        ("integer", pa.array([float("nan")])),
        ("integer", pa.array([2**63], pa.uint64())),
        ("number", pa.array([0.1 + 0.2])),
        ("number", pa.array([1 / 3])),
        ("number", pa.array([Decimal("0.12345678901234567")])),
        ("number", pa.array(["1.5"])),
        ("string", pa.array([1])),
        ("string", pa.array([b"a"])),
        ("boolean", pa.array([7])),
        ("date", pa.array([1])),
        ("date", pa.array([dt.datetime(2020, 1, 1)])),
        ("datetime", pa.array([1], pa.timestamp("ns"))),
        ("datetime", pa.array([1], pa.timestamp("us", "UTC"))),
        ("object", pa.array(["{"])),
    ],
)
def test_a_type_of_another_meaning_and_a_value_that_would_change_are_errors(
    kind: str, column: pa.Array
) -> None:
    with pytest.raises(ProcessorError, match="'x'") as caught:
        returned(kind, column)
    assert caught.value.position == "2"


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (lambda batch: pa.Table.from_batches([batch]), "not Table"),
        (lambda batch: [1], "not list"),
        (lambda batch: batch.append_column("c", batch.column(0)), "'c' is declared by no field"),
        (lambda batch: batch.select(["a"]), "the field 'b' is missing"),
        (lambda batch: pa.RecordBatch.from_arrays([batch["a"], *batch.columns], names=list("aab")), "two"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_not_the_announced_batch_is_refused(link: Any, message: str, mapped: bool) -> None:
    used = (lambda package: package[0].map_batches(link)) if mapped else link
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow([{"a": 1, "b": "x"}], used).process()
    assert caught.value.position == "2"


def test_columns_of_a_derivation_are_known_by_name() -> None:
    def derive(package: Package) -> None:
        stream = package[0].stream
        assert stream is not None

        def turned(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return (batch.select(["b", "a"]) for batch in batches)

        package[0].stream = Stream.derive([stream], turned, stream.schema)

    assert Flow([{"a": 1, "b": "x"}], derive).results().rows == [[{"a": 1, "b": "x"}]]


class Turned:
    """A split whose batches have their columns in another order than was announced."""

    source, size, portable = "turned", None, False

    def blocks(self) -> Iterator[int]:
        yield 1

    def decode(self, block: int) -> pa.RecordBatch:
        return pa.record_batch({"b": ["x"], "a": [block]})

    def locate(self, block: int, index: int) -> int:
        return 1


def test_columns_of_a_loader_are_known_by_name_and_must_be_there() -> None:
    def load(*names: str) -> Any:
        fields = (Field({"name": name, "type": "integer" if name == "a" else "string"}) for name in names)
        return lambda package: (
            package.add(Resource("turned", Stream.of([Turned()], Schema(tuple(fields))))) and None
        )

    assert Flow(load("a", "b")).results().rows == [[{"a": 1, "b": "x"}]]
    with pytest.raises(ProcessorError, match="'c' is missing"):
        Flow(load("a", "b", "c")).process()
