"""JSON and NDJSON: one object per row, numbers digit for digit.

Each column becomes a column of JSON texts, and the rows are joined from those; no row is ever a Python
object. What JSON has no number for (``NaN``, ``INF``) is a text, which Table Schema reads as a number. A list
is an array of its items.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.guards import raw_bytes
from dataflows_core.nested import quoted
from dataflows_core.schema import Field, Schema
from dataflows_core.tables import item_field
from dataflows_core.text import column_to_text
from dataflows_dump_path.describe import written_schema
from dataflows_dump_path.writer import Data

__all__ = ["JsonWriter", "NdjsonWriter", "json_column", "json_objects"]

_TEXT_LIMIT = 1 << 28  # bytes; names and quotes make texts longer, and an Arrow text array holds 2 ** 31


@dataclass(frozen=True)
class JsonWriter:
    """Writes an array of objects, one object a line; the keys are the fields, in their order.

    Args:
        schema: The schema of the batches.
    """

    schema: Schema

    extension: ClassVar[str] = "json"
    mediatype: ClassVar[str] = "application/json"
    separator: ClassVar[bytes] = b",\n"
    _format: ClassVar[str] = "json"

    def header(self) -> bytes:
        """The array's beginning."""
        return b"[\n"

    def footer(self) -> bytes:
        """The array's end."""
        return b"\n]\n"

    def encode(self, batch: pa.RecordBatch) -> Data:
        """One object per row, divided by the separator."""
        return self._rows(batch)

    def _rows(self, batch: pa.RecordBatch) -> bytes:
        if batch.num_rows == 0:
            return b""
        if batch.num_rows > 1 and batch.nbytes > _TEXT_LIMIT:
            half = batch.num_rows // 2
            return self._rows(batch[:half]) + self._between.encode() + self._rows(batch[half:])
        rows = self._texts(batch)
        whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
        return raw_bytes(pc.binary_join(whole, self._between))

    def _texts(self, batch: pa.RecordBatch) -> pa.Array:
        return json_objects(self.schema.fields, batch.columns, batch.num_rows)

    def describe(self) -> dict[str, Any]:
        """Format, encoding and schema. Null is JSON's own, so no text means null."""
        return {
            "format": self._format,
            "mediatype": self.mediatype,
            "encoding": "utf-8",
            "schema": written_schema(self.schema, missing_values=[]),
        }

    @property
    def _between(self) -> str:
        return ",\n"


@dataclass(frozen=True)
class NdjsonWriter(JsonWriter):
    """Writes one JSON object per line, and nothing else.

    Args:
        schema: The schema of the batches.
    """

    extension: ClassVar[str] = "ndjson"
    mediatype: ClassVar[str] = "application/x-ndjson"
    separator: ClassVar[bytes] = b""
    _format: ClassVar[str] = "ndjson"

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def footer(self) -> bytes:
        """Nothing."""
        return b""

    def encode(self, batch: pa.RecordBatch) -> Data:
        """One line per row."""
        rows = self._rows(batch)
        return rows + b"\n" if rows else rows

    @property
    def _between(self) -> str:
        return "\n"


def json_objects(fields: Sequence[Field], columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """Each row as a JSON object, on one line.

    Args:
        fields: Its members, by name and in order.
        columns: Their values.
        rows: How many rows there are.
    """
    parts: list[Any] = []
    for number, (field, column) in enumerate(zip(fields, columns, strict=True)):
        opening = "{" if number == 0 else ", "
        parts += [f"{opening}{json.dumps(field.name, ensure_ascii=False)}: ", json_column(column, field)]
    if not parts:
        return pa.array(["{}"] * rows, pa.string())
    return pc.binary_join_element_wise(*parts, "}", "", null_handling="replace", null_replacement="null")


def json_column(column: pa.Array, field: Field) -> pa.Array:
    """A column as JSON texts; nulls stay null.

    Args:
        column: The column; its physical type is what counts.
        field: The field that it belongs to.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _one_line(column.storage.cast(pa.string()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _arrays(column, field)
    if field.type == "boolean":
        return column_to_text(column, field)
    if field.type == "year":
        return column.cast(pa.int32()).cast(pa.string())  # JSON numbers have no leading zeros
    text = column_to_text(column, field)
    if field.type == "integer" or (field.type == "number" and not pa.types.is_floating(kind)):
        return text
    if field.type == "number":
        return pc.if_else(pc.is_finite(column), text, quoted(text))
    return quoted(text)


def _arrays(column: pa.Array, field: Field) -> pa.Array:
    items = pc.fill_null(json_column(column.flatten(), item_field(field)), "null")
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(column), 0)).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ", ")
    arrays = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(column.is_valid(), arrays, pa.scalar(None, pa.string()))


def _one_line(text: pa.Array) -> pa.Array:
    """JSON without line ends: outside of texts they are but space, and within texts they are not allowed."""
    found = raw_bytes(text)
    for end in ("\n", "\r"):
        if end.encode() in found:
            text = pc.replace_substring(text, end, " ")
    return text
