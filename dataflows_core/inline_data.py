"""Resources of Data Packages whose data are in the descriptor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dataflows_core import json_text
from dataflows_core.cast import Cast
from dataflows_core.errors import DataError, FlowError, SchemaError, near_misses, shorten
from dataflows_core.inline import SAMPLE_ROWS, RowsSplit, rows_stream
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted

if TYPE_CHECKING:
    from dataflows_core.package import Package

__all__ = ["load_data"]

_OF_THE_DATA = ("name", "schema", "data", "dialect")
_OPTIONS = ("limit_rows", "on_error", "storage_options")


def load_data(package: Package, item: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Add a resource whose data are in the descriptor.

    Rows are objects, or lists of which the first is the header (unless the dialect says that there is
    none). Other data belong to a resource that is not tabular, and stay in its descriptor.

    Args:
        package: What it is added to.
        item: The resource's descriptor.
        options: What was given to `load`; `limit_rows` and `on_error` apply.

    Raises:
        DataError: The data are no table, and the descriptor says that they are one.
        SchemaError: They have other fields than declared.
        FlowError: An option does not apply.
    """
    name, data, schema = item["name"], item["data"], item.get("schema")
    tabular = item.get("profile") == "tabular-data-resource" or schema is not None
    if not _is_table(data):
        if tabular:
            raise DataError(
                f"the data of resource {name!r} are {shorten(data)}, which is no table: a table is a list of "
                "objects, or of lists of which the first is the header; other texts belong into a file"
            )
        package.add(Resource(name, properties={key: value for key, value in item.items() if key != "name"}))
        return
    _check(options, name)
    columns, lists = _rows(item)
    rows = [dict(zip(columns, row, strict=True)) for row in lists[: options.get("limit_rows")]]
    properties = {key: value for key, value in item.items() if key not in _OF_THE_DATA}
    source = f"the data of resource {name!r}"
    if schema is None:
        if not rows:
            raise DataError(f"{source} have no rows, and no schema says what their fields are")
        package.add(Resource(name, rows_stream(rows), properties))
        return
    declared = _matched(Schema.from_descriptor(schema), columns, source)
    texts = Schema(tuple(Field({"name": column}) for column in declared.names))
    spelled = [{field.name: _text(row[field.name], field) for field in declared} for row in rows]
    sample = {field.name: [row[field.name] for row in spelled[:SAMPLE_ROWS]] for field in declared}
    declared = fitted(declared, [pa.RecordBatch.from_pydict(sample, texts.arrow)])
    resource = package.add(Resource(name, Stream.of([RowsSplit(spelled, texts, source)], texts), properties))
    resource.map_batches(Cast(declared, on_error=options.get("on_error", "raise")), declared, reads=())


def _is_table(data: Any) -> bool:
    if not isinstance(data, list):
        return False
    return all(isinstance(row, dict) for row in data) or all(isinstance(row, list) for row in data)


def _check(options: Mapping[str, Any], name: str) -> None:
    for option in options:
        if option not in _OPTIONS:
            close = near_misses(option, _OPTIONS)
            hint = f"did you mean {' or '.join(close)}?" if close else "leave the resource out (resources=…)"
            raise FlowError(
                f"the option {option!r} does not apply to resource {name!r}, whose data "
                f"are in the descriptor; {hint}"
            )


def _rows(item: Mapping[str, Any]) -> tuple[list[str], list[Sequence[Any]]]:
    """The names of the columns, and the rows."""
    name, data, schema = item["name"], item["data"], item.get("schema")
    if not data or isinstance(data[0], dict):
        found = dict.fromkeys(key for row in data for key in row)
        columns = list(found) or [field["name"] for field in (schema or {"fields": ()})["fields"]]
        return columns, [[row.get(column) for column in columns] for row in data]
    if (item.get("dialect") or {}).get("header") is False:
        columns, rows = [field["name"] for field in (schema or {"fields": ()})["fields"]], data
        columns = columns or [f"field{number}" for number in range(1, len(data[0]) + 1)]
    else:
        columns, rows = data[0], data[1:]
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) < len(columns):
        raise DataError(f"the first row of the data of resource {name!r} is no header: {shorten(columns)}")
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise DataError(
                f"row {number} of the data of resource {name!r} has {len(row)} values, and there are "
                f"{len(columns)} fields: {shorten(row)}"
            )
    return columns, rows


def _matched(schema: Schema, columns: Sequence[str], source: str) -> Schema:
    """The schema of the columns, in their order.

    Raises:
        SchemaError: The columns are not those declared, as far as `fieldsMatch` wants them to be. Objects
            have no order, and leave out what is null.
    """
    mode = schema.properties.get("fieldsMatch", "equal")
    mode = mode[0] if isinstance(mode, list) else mode
    extra = [column for column in columns if column not in schema]
    missing = [name for name in schema.names if name not in columns]
    faults = []
    if extra and mode not in ("subset", "partial"):
        faults.append(f"have {', '.join(map(repr, extra))} besides")
    if missing and mode not in ("superset", "partial"):
        faults.append(f"lack {', '.join(map(repr, missing))}")
    if faults:
        raise SchemaError(
            f"{source} are not as its schema declares: they {' and '.join(faults)}"
            f"\n  declared: {', '.join(schema.names)}\n  found: {', '.join(columns)}"
        )
    if extra:
        raise SchemaError(
            f"{source} have the field {extra[0]!r}, whose type is not declared; declare it, for inline data "
            "are not inferred in part"
        )
    return schema.select([name for name in schema.names if name in columns])


def _text(value: Any, field: Field) -> str | None:
    """What JSON says, as a text of the field."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) and field.type == "boolean":
        words = field.descriptor.get("trueValues" if value else "falseValues")
        return str(words[0]) if words else json_text.dumps(value)
    return json_text.dumps(value)
