"""Lists to rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.cast import cast_column
from dataflows_core.constraints import violations
from dataflows_core.errors import CastError, FlowError, RowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.tables import item_field
from dataflows_stdlib.match import free_field
from dataflows_stdlib.properties import check_properties
from dataflows_stdlib.repeated import repeated

__all__ = ["explode"]

_JSON = ("array", "any")


def explode(
    field: str,
    delimiter: str | None = None,
    resources: ResourceSelector = None,
    *,
    index: str | None = None,
    keep_empty: bool = True,
    strip: bool = True,
    **options: Any,
) -> Step:
    """Make a row of every item of a list, or of every part of a delimited text.

    The other fields are repeated. What was unique before is no longer declared to be.

    Args:
        field: The field: of the type list or array, or text with a delimiter.
        delimiter: What is between the parts of a text; an empty part is null.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        index: The name of a new field with the item's number in its list, from 1.
        keep_empty: Whether a row without items stays, with null in the field; it goes otherwise.
        strip: Whether blanks around the parts of a text are left out.
        **options: Properties of the field as it will be: `type`, `format`, `title` …; its items are cast to
            that. By default a list gives its item type, an array ``any``, a text ``string``.

    Raises:
        SchemaError: A field that a resource has not.
        FlowError: A field that holds no list, or text without a delimiter.
        CastError: An item is not of its type.

    Examples:
        >>> from dataflows_core import Flow
        >>> flow = Flow([{"id": 1, "tags": "a; b"}, {"id": 2, "tags": None}], explode("tags", ";"))
        >>> flow.results().rows
        [[{'id': 1, 'tags': 'a'}, {'id': 1, 'tags': 'b'}, {'id': 2, 'tags': None}]]
    """
    if delimiter == "":
        raise FlowError("explode() needs a delimiter of at least one character")

    check_properties(options, ("resources", "index", "keep_empty", "strip"))

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            before = resource.schema.field(field)
            item = _item(before, delimiter, options)
            if index is not None:
                free_field(resource, index)
            added = [] if index is None else [Field({"name": index, "type": "integer"})]
            after = repeated(resource.schema.add(item)).add(item, *added)
            function = _Exploded(before, item, after, delimiter, index is not None, keep_empty, strip)
            resource.map_batches(function, after, reads=[field])

    return step


def _item(field: Field, delimiter: str | None, options: Mapping[str, Any]) -> Field:
    name = {"name": field.name}
    told = {key: field.descriptor[key] for key in ("title", "description") if key in field.descriptor}
    if delimiter is not None:
        if field.type != "string":
            raise FlowError(f"the field {field.name!r} is of the type {field.type}: it has no delimiter")
        return Field({**told, **name, **options})
    if field.type == "list":
        natural = item_field(field)
        if not options:
            return natural.update(**told, **name)
        return Field({"type": natural.type, **told, **options, **name})
    if field.type not in _JSON:
        remedy = ": name a delimiter" if field.type == "string" else ""
        raise FlowError(f"the field {field.name!r} is of the type {field.type}, and holds no list{remedy}")
    return Field({"type": "any", **told, **options, **name})


@dataclass(frozen=True)
class _Exploded:
    """Repeats rows for the items of one column."""

    field: Field
    item: Field
    after: Schema
    delimiter: str | None
    numbered: bool
    keep_empty: bool
    strip: bool

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        items, lengths = self._items(batch.column(self.field.name))
        rows, places, numbers = _spread(lengths, self.keep_empty)
        position = batch.schema.get_field_index(self.field.name)
        values = self._cast(items, lengths).take(places)
        repeats = batch.take(rows).set_column(position, self.field.name, values)
        columns = [*repeats.columns, *([numbers] if self.numbered else [])]
        return pa.RecordBatch.from_arrays(columns, names=list(self.after.names))

    def _items(self, column: pa.Array) -> tuple[pa.Array, pa.Array]:
        """All items, and how many of them each row has."""
        if self.delimiter is not None:
            lists = pc.split_pattern(column, pattern=self.delimiter)
        elif self.field.type == "list":
            lists = column
        else:
            return _json_items(column, self.item)
        items = lists.flatten()
        if self.delimiter is not None and self.strip:
            items = pc.utf8_trim_whitespace(items)
        return items, pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int64())

    def _cast(self, items: pa.Array, lengths: pa.Array) -> pa.Array:
        values, errors = cast_column(items, self.item, missing_values=("",) if self.delimiter else ())
        errors += violations(values, self.item)
        if errors:
            first = min(errors, key=lambda error: error.index)
            raise CastError(
                first.field,
                first.value,
                first.expected,
                index=_row_of(first.index, lengths),
                remedy=first.remedy,
                constraint=first.constraint,
            )
        return values


def _row_of(item: int, lengths: pa.Array) -> int:
    ends = pc.cumulative_sum(lengths)
    return int(pc.index(pc.greater(ends, item), True).as_py())


def _json_items(column: pa.Array, item: Field) -> tuple[pa.Array, pa.Array]:
    values: list[Any] = []
    lengths: list[int] = []
    for index, text in enumerate(column.storage.to_pylist()):
        found = [] if text is None else json_text.loads(text)
        if not isinstance(found, list):
            raise CastError(item.name, found, "a JSON array", index=index)
        values += found
        lengths.append(len(found))
    counts = pa.array(lengths, pa.int64())
    any_field = Field({"name": item.name, "type": "any"})
    try:
        if item.type == "any" or not all(isinstance(value, str | None) for value in values):
            codec = RowCodec(Schema((any_field if item.type != "string" else item,)))
            return codec.encode([{item.name: value} for value in values]).column(0), counts
        return pa.array(values, pa.string()), counts
    except RowError as error:
        raise RowError(
            str(error), index=_row_of(error.index, counts), field=error.field, value=error.value
        ) from error


def _spread(lengths: pa.Array, keep_empty: bool) -> tuple[pa.Array, pa.Array, pa.Array]:
    """For each row to be: the row it is made of; its item, null for none; the item's number in its list."""
    widths = pc.max_element_wise(lengths, pa.scalar(1, pa.int64())) if keep_empty else lengths
    total = pc.sum(widths, min_count=0).as_py() or 0
    starts = _starts(widths)
    # Row numbers of a list column are made by one kernel, which is what is wanted here.
    offsets = pa.concat_arrays([starts, pa.array([total], pa.int64())])
    lists = pa.LargeListArray.from_arrays(offsets, pa.nulls(total))
    rows = pc.list_parent_indices(lists)
    ordinals = pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), total)), 1)
    within = pc.subtract(ordinals, starts.take(rows))
    filled = pc.less(within, lengths.take(rows))
    places = pc.if_else(filled, pc.add(_starts(lengths).take(rows), within), None)
    numbers = pc.if_else(filled, pc.add(within, 1), None)
    return rows, places, numbers


def _starts(lengths: pa.Array) -> pa.Array:
    return pc.subtract(pc.cumulative_sum(lengths), lengths)
