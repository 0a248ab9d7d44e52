"""The engine's split: one document, its records as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dataflows_core import json_text
from dataflows_core.errors import RowError, near_misses
from dataflows_core.schema import Field, Schema
from dataflows_load_xml.parse import Document
from dataflows_load_xml.path import Path
from dataflows_load_xml.shape import DeviationError, Shape
from dataflows_load_xml.survey import Alone
from dataflows_load_xml.values import Empty, Fault, Raw, Values

__all__ = ["Records", "Table", "XmlSplit"]

_BLOCK_ROWS = 1 << 12
_BLOCK_SIZE = 1 << 20

Record = dict[str, Raw] | Fault


@dataclass(frozen=True)
class Records:
    """The records of a document.

    Args:
        document: The file.
        path: The path of the records.
        values: How they are read.
        alone: Whether anything else that repeats is an error.
    """

    document: Document
    path: Path
    values: Values
    alone: bool = False

    def __iter__(self) -> Iterator[Record]:
        """The records, as `blocks` reads them."""
        for block in self.blocks():
            yield from block

    def blocks(self) -> Iterator[list[Record]]:
        """The records in bounded memory, some thousands at a time, or those of a megabyte.

        Raises:
            AccessError: The file cannot be read to its end.
            DataError: It is not well-formed.
        """
        is_record, convert = self.path.matcher(), self.values.converter()
        watch = Alone(self.document.file.shown, self.path.text, is_record) if self.alone else None
        block: list[Record] = []
        lengths: list[int] = []
        for event, element in self.document.events(self.path.tags, is_record, watch, lengths.append):
            if event == "end" and is_record(element):
                block.append(convert(element))
                if len(block) >= _BLOCK_ROWS or sum(lengths) >= _BLOCK_SIZE:
                    yield block
                    block = []
                    lengths.clear()
        if block:
            yield block


@dataclass(frozen=True)
class Table:
    """What records become.

    Args:
        schema: The schema that the rows are to have.
        shape: What is known of the records.
        separator: What stands between names when elements within elements become fields; None keeps them
            together.
        extra: What becomes of fields that the sample has not shown: ``"error"`` or ``"ignore"``.
    """

    schema: Schema
    shape: Shape
    separator: str | None = None
    extra: str = "error"
    nested: frozenset[str] = field(default=frozenset())

    @property
    def travelling(self) -> Schema:
        """The schema of what the split gives: JSON as it is, all else as text, which is cast behind it."""
        return Schema(
            tuple(
                Field({"name": one.name, "type": "any" if one.name in self.nested else "string"})
                for one in self.schema
            )
        )

    def row(self, record: Record) -> Mapping[str, Any]:
        """A record as a row: texts, and nested values.

        Raises:
            RowError: It cannot be one.
        """
        if isinstance(record, Fault):
            raise RowError(record.message, field=record.field)
        if isinstance(record, Empty):
            return {record.name: ""} if record.name in self._names else {}
        try:
            row: dict[str, Any] = self.shape.fit(record, "", strict=self.extra == "error")
        except DeviationError as error:
            raise RowError(str(error), field=error.name) from error
        if self.separator is not None:
            row = dict(self.shape.flat(row, self.separator))
        if self.extra == "error" and not row.keys() <= self._names:
            raise self._unknown(next(name for name in row if name not in self._names))
        return row

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(self.schema.names)

    def _unknown(self, name: str) -> RowError:
        close = near_misses(name, self.schema.names)
        hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
        return RowError(
            f"the record has {name!r}, which none of the sample had{hint}\n  declare the field "
            "(override_fields), look "
            "at more records first (sample_size), or leave such things out (extra='ignore')",
            field=name,
        )

    def columns(self, rows: list[Mapping[str, Any]]) -> pa.RecordBatch:
        """Rows as texts and JSON."""
        arrow = self.travelling.arrow
        columns = []
        for one, place in zip(self.schema, arrow, strict=True):
            values = [row.get(one.name) for row in rows]
            if one.name in self.nested:
                texts = [None if value is None else json_text.dumps(_nulled(value)) for value in values]
                columns.append(pa.ExtensionArray.from_storage(place.type, pa.array(texts, pa.string())))
            else:
                columns.append(pa.array([as_text(value, one) for value in values], pa.string()))
        return pa.RecordBatch.from_arrays(columns, schema=arrow)


def _nulled(value: Any) -> Any:
    """A nested value; JSON has null for what is empty."""
    if isinstance(value, dict):
        return {name: _nulled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_nulled(one) for one in value]
    return value or None


def as_text(value: Any, one: Field) -> str | None:
    """A value as the text that a field of another type than JSON is cast from."""
    if value is None or isinstance(value, str):
        return value
    if one.type == "list" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        delimiter = one.descriptor.get("delimiter", ",")
        if not any(delimiter in item for item in value):
            return str(delimiter.join(value))
    return json_text.dumps(_nulled(value))


@dataclass(frozen=True)
class XmlSplit:
    """One document: a `dataflows_core.stream.Split`.

    Args:
        records: Its records.
        table: What they become.
    """

    records: Records
    table: Table

    size: int | None = None

    @property
    def source(self) -> str:
        """What messages call the file."""
        return self.records.document.file.shown

    def blocks(self) -> Iterator[tuple[int, list[Record]]]:
        """Records, with the number of records before them.

        Raises:
            AccessError: The file cannot be read to its end.
            DataError: It is not well-formed.
        """
        first = 0
        for block in self.records.blocks():
            yield first, block
            first += len(block)

    def decode(self, block: tuple[int, list[Record]]) -> pa.RecordBatch:
        """The records, as texts and as JSON.

        Raises:
            RowError: One is no row, or has what the sample has not shown.
        """
        rows = []
        for index, record in enumerate(block[1]):
            try:
                rows.append(self.table.row(record))
            except RowError as error:
                error.index = index
                raise
        return self.table.columns(rows)

    def locate(self, block: tuple[int, list[Record]], index: int) -> int:
        """The record's number in the file."""
        return block[0] + index + 1
