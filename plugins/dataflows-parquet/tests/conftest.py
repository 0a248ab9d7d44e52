"""A table with every type, at its edges, and files written by the writers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_parquet.write import ArrowWriter, ParquetWriter

EVERY_TYPE: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "string": ({}, ["", "å\n\"',", "007"]),
    "integer": ({}, [0, -(2**63), 2**63 - 1]),
    "number": ({}, [Decimal("0.1"), Decimal("-12345678901234567890.5"), Decimal(0)]),
    "float": ({"type": "number", "floatNumber": True}, [0.1, float("inf"), -0.0]),
    "boolean": ({}, [True, False, True]),
    "date": ({}, [dt.date(1, 1, 1), dt.date(1899, 12, 31), dt.date(9999, 12, 31)]),
    "time": ({}, [dt.time(0), dt.time(23, 59, 59, 999999), dt.time(12)]),
    "datetime": ({}, [dt.datetime(1, 1, 1), dt.datetime(2024, 2, 29, 1, 2, 3, 4), dt.datetime(9999, 12, 31)]),
    "year": ({}, [1, 1899, 9999]),
    "yearmonth": ({}, [(1, 1), (2024, 2), (9999, 12)]),
    "duration": ({}, [dt.timedelta(0), dt.timedelta(days=1, microseconds=1), dt.timedelta(days=-3)]),
    "geopoint": ({}, [(Decimal(-180), Decimal(90)), (Decimal("0.5"), Decimal(0)), (Decimal(1), Decimal(2))]),
    "list": ({"itemType": "integer"}, [[], [1, 2], [-1]]),
    "object": ({}, [{}, {"a": [1, {"b": None}]}, {"å": "x"}]),
    "array": ({}, [[], [1, "x", None], [[]]]),
    "geojson": ({}, [{"type": "Point", "coordinates": [1, 2]}] * 3),
    "any": ({}, ["x", 1, {"a": True}]),
}


@pytest.fixture
def every_type() -> tuple[Schema, list[dict[str, Any]]]:
    """A schema with a field of each type, and rows: values at the edges, and one with nothing."""
    fields = tuple(Field({"name": name, "type": name, **more}) for name, (more, _) in EVERY_TYPE.items())
    fields = tuple(f.update(title=f"The {f.name}") for f in fields)
    rows = [{name: values[index] for name, (_, values) in EVERY_TYPE.items()} for index in range(3)]
    return Schema(fields, {"primaryKey": ["integer"]}), [*rows, dict.fromkeys(EVERY_TYPE)]


Rows = list[dict[str, Any]]


@pytest.fixture(params=["parquet", "arrow"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each format."""
    return str(request.param)


@pytest.fixture
def write(kind: str, tmp_path: Path) -> Callable[..., Path]:
    """Writes rows with the writer of the format, in batches of so many rows."""

    def written(
        schema: Schema,
        rows: Rows,
        *,
        batch: int = 1000,
        name: str = "data",
        properties: dict[str, Any] | None = None,
        **options: Any,
    ) -> Path:
        made = {"parquet": ParquetWriter, "arrow": ArrowWriter}[kind](schema, **options)
        writer = made.with_properties(properties or {})
        path = tmp_path / f"{name}.{writer.extension}"
        codec = RowCodec(schema)
        with path.open("wb") as file:
            opened = writer.open(file)
            for start in range(0, len(rows), batch):
                opened.write(writer.encode(codec.encode(rows[start : start + batch])))
            opened.close()
        return path

    return written
