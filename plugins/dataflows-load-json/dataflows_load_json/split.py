"""The engine's split: one document, its rows as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dataflows_core import json_text
from dataflows_core.cast import missing_texts
from dataflows_core.errors import DataError, RowError, near_misses, shorten
from dataflows_core.schema import Field, Schema
from dataflows_core.tables import item_field
from dataflows_load_json.rows import Document
from dataflows_load_json.surrogates import has_half

__all__ = ["JsonSplit", "as_text", "read_schema", "rows_in", "spelled"]

Row = Mapping[str, Any]


def spelled(field: Field) -> Field:
    """The field as the split gives it: JSON as it is, the rest as texts or lists of texts, cast behind it."""
    if isinstance(field.arrow, pa.JsonType):
        return Field({"name": field.name, "type": "any"})
    return Field({"name": field.name, "type": "list" if field.type == "list" else "string"})


def read_schema(schema: Schema) -> Schema:
    """The schema of what the split gives, for the schema that it is to have."""
    return Schema(tuple(map(spelled, schema)))


@dataclass(frozen=True)
class JsonSplit:
    """One document: a `dataflows_core.stream.Split`.

    Args:
        document: The file, and where its rows are.
        schema: The schema that the rows are to have.
        header: Whether rows are lists, and the first of them the header.
        extra: What becomes of keys that no field declares: ``"error"`` or ``"ignore"``.
    """

    document: Document
    schema: Schema
    header: bool = False
    extra: str = "error"

    size: int | None = None

    @property
    def source(self) -> str:
        """What messages call the file."""
        return self.document.file.shown

    def blocks(self) -> Iterator[tuple[int, list[Any]]]:
        """Rows, or lines of NDJSON, with the number of rows before them.

        Raises:
            AccessError: The file cannot be read to its end.
            DataError: It is not JSON.
        """
        first, header = 0, self.header
        for block in self.document.blocks():
            if header:
                block, header = block[1:], False
            if block:
                yield first, block
            first += len(block)

    def decode(self, block: tuple[int, list[Any]]) -> pa.RecordBatch:
        """The rows, as texts and as JSON.

        Raises:
            RowError: One is no row, has a key that no field declares, or a text with half a character.
        """
        names = self.schema.names
        rows = [self._row(item, index) for index, item in enumerate(block[1])]
        if self.extra == "error":
            known = set(names)
            for index, row in enumerate(rows):
                if not row.keys() <= known:
                    raise _unknown(next(name for name in row if name not in known), names, index)
        missing = self.schema.properties.get("missingValues", ())
        columns = []
        for field in self.schema:
            values = [row.get(field.name) for row in rows]
            try:
                columns.append(_column(field, values, missing))
            except UnicodeEncodeError:
                index = next(index for index, value in enumerate(values) if has_half(value))
                raise RowError(_half(field.name, values[index]), index=index, field=field.name) from None
        return pa.RecordBatch.from_arrays(columns, schema=read_schema(self.schema).arrow)

    def _row(self, item: Any, index: int) -> Row:
        if self.document.shape.kind == "lines":
            item = self.document.parse(item, index)
        if self.header and isinstance(item, list):
            if len(item) != len(self.schema):
                raise RowError(
                    f"the row has {len(item)} values, and there are {len(self.schema)} fields", index=index
                )
            return dict(zip(self.schema.names, item, strict=True))
        if not isinstance(item, dict):
            raise RowError(f"a row is an object, and this is {shorten(item)}", index=index)
        return item

    def locate(self, block: tuple[int, list[Any]], index: int) -> int:
        """The row's number in the file."""
        return block[0] + index + 1


def as_text(rows: Sequence[Row], schema: Schema) -> pa.RecordBatch:
    """The fields of some rows that travel as text, as they do."""
    fields = [field for field in schema if spelled(field).type == "string"]
    return pa.RecordBatch.from_pydict(
        {field.name: _column(field, [row.get(field.name) for row in rows]) for field in fields}
    )


def _half(name: str | int, value: Any) -> str:
    return (
        f"field {name!r}: {shorten(value)} has half a character, which no text can hold: "
        "a surrogate (\\ud800 to \\udfff) stands alone\n  correct it where the file comes from"
    )


def _unknown(name: str, names: Sequence[str], index: int) -> RowError:
    close = near_misses(name, names)
    hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
    return RowError(
        f"the row has a key {name!r} that no row of the sample had{hint}\n  declare the field "
        "(override_fields), look at more rows first (sample_size), or leave such keys out (extra='ignore')",
        index=index,
        field=name,
    )


def _column(field: Field, values: list[Any], missing: Sequence[Any] = ()) -> pa.Array:
    if isinstance(field.arrow, pa.JsonType):
        texts = [None if value is None else json_text.dumps(value) for value in values]
        return pa.ExtensionArray.from_storage(field.arrow, pa.array(texts, pa.string()))
    if field.type == "list":
        item, absent = item_field(field), missing_texts(field, missing)
        lists = [None if value in absent else _items(value, field, item) for value in values]
        return pa.array(lists, pa.list_(pa.string()))
    if field.type == "geopoint":
        values = [_pair(value, field) for value in values]
    return pa.array([_text(value, field) for value in values], pa.string())


def _items(value: Any, field: Field, item: Field) -> Sequence[str | None] | None:
    """The items of a list, which is an array, or one text with a delimiter between them."""
    if value is None or isinstance(value, list):
        return None if value is None else [_text(one, item) for one in value]
    text = _text(value, item) or ""
    return text.split(field.descriptor.get("delimiter") or ",") if text else []


def _pair(value: Any, field: Field) -> Any:
    """A point of GeoJSON as a geopoint is written."""
    if not (isinstance(value, Mapping) and value.get("type") == "Point"):
        return value
    pair = value.get("coordinates")
    if not isinstance(pair, list) or len(pair) != 2:  # a geopoint has no height
        return value
    if field.format == "default":
        return ", ".join(map(json_text.dumps, pair))
    return pair if field.format == "array" else dict(zip(("lon", "lat"), pair, strict=True))


def _text(value: Any, field: Field) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{value:04}" if field.type == "year" else str(value)  # JSON numbers have no leading zeros
    if isinstance(value, bool) and field.type == "boolean":
        words = field.descriptor.get("trueValues" if value else "falseValues")
        return str(words[0]) if words else json_text.dumps(value)
    return json_text.dumps(value)


def rows_in(document: Document, wanted: int) -> list[Any]:
    """The first rows of a document, as they lie there.

    Raises:
        DataError: One is not JSON, has a key twice, or a text with half a character.
    """
    found: list[Any] = []
    with closing(document.blocks(unique=True)) as blocks:  # type: ignore[type-var] # a generator
        for block in blocks:
            for item in block[: wanted - len(found)]:
                found.append(_checked(document, item, len(found)))
            if len(found) >= wanted:
                break
    return found


def _checked(document: Document, item: Any, index: int) -> Any:
    try:
        row = document.parse(item, index) if document.shape.kind == "lines" else item
        if has_half(row):
            members = row.items() if isinstance(row, dict) else enumerate(row)
            raise RowError(_half(*next(pair for pair in members if has_half(pair))))
    except RowError as error:
        raise DataError(f"row {index + 1} of {document.file.shown}: {error}") from error
    return row
