"""What rows are ordered by: fields, expressions, format strings and functions."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pyarrow as pa

from dataflows_core.errors import FlowError
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_stdlib.sortable import sortable

__all__ = ["Key", "SortKey", "append_keys", "check_key", "parse_key"]

Key: TypeAlias = "str | Callable[[dict[str, Any]], object] | Iterable[str]"
"""What a caller may give; see `sort_rows`."""

_DIRECTION = re.compile(r"\s+(asc|desc)\s*$", re.IGNORECASE)
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(\[{]|[)\]}]|,|[^'"()\[\]{},]+|.""", re.DOTALL)


@dataclass(frozen=True)
class SortKey:
    """One thing to order by.

    Attributes:
        field: A field's name; empty when it is none of them.
        expression: A SQL expression; empty when it is none.
        function: Gets a row, returns what is ordered by; None when it is none.
        descending: Whether the greatest comes first.
    """

    field: str = ""
    expression: str = ""
    function: Callable[[dict[str, Any]], object] | None = None
    descending: bool = False


def check_key(key: object) -> None:
    """Refuse what cannot be a key.

    Raises:
        FlowError: It is empty, or neither text, a function nor a list of texts.
    """
    if callable(key) or (isinstance(key, str) and key.strip()):
        return
    if isinstance(key, list | tuple) and key and all(isinstance(one, str) and one.strip() for one in key):
        return
    raise FlowError(
        "a key to sort by is a field, an expression, a format string such as '{name}', a list of these or a "
        f"function of a row, and not {key!r}"
    )


def parse_key(key: Key, schema: Schema) -> list[SortKey]:
    """What a key means for rows of a schema.

    Args:
        key: What the caller gave.
        schema: The fields there are; the name of one is always the field.

    Raises:
        FlowError: A format string that names nothing or cannot be read.
        SchemaError: A format string that names an unknown field.
    """
    if callable(key):
        return [SortKey(function=key)]
    texts = [key] if isinstance(key, str) else key
    return [found for text in texts for found in _parsed(text, schema)]


def append_keys(resource: Resource, keys: Iterable[SortKey]) -> list[tuple[str, bool]]:
    """Append the operations that compute what rows are ordered by, in new fields.

    Returns:
        The names of the fields to order by, and whether the greatest comes first.
    """
    names: list[tuple[str, bool]] = []
    expressions: dict[str, str] = {}
    functions: dict[str, Callable[[dict[str, Any]], object]] = {}
    for number, key in enumerate(keys, 1):
        name = key.field or _free_name(f"sort key {number}", resource.schema)
        names.append((name, key.descending))
        if key.expression:
            expressions[name] = key.expression
        elif key.function is not None:
            functions[name] = key.function
    if expressions:
        resource.map_sql(columns=expressions)
    if functions:
        fields = [Field({"name": name, "type": "any"}, pa.binary()) for name in functions]
        function = _Computed(resource.schema, tuple(functions.values()), resource.schema.add(*fields))
        resource.map_batches(function, function.after, reads=())
    return names


def _parsed(text: str, schema: Schema) -> Iterator[SortKey]:
    if text in schema:
        yield SortKey(field=text)
        return
    if "{" in text:
        yield from _of_format(text, schema)
        return
    for part in _separated(text):
        direction = _DIRECTION.search(part)
        descending = direction is not None and direction[1].lower() == "desc"
        expression = part[: direction.start()] if direction else part
        if expression.strip() in schema:
            yield SortKey(field=expression.strip(), descending=descending)
        else:
            yield SortKey(expression=expression, descending=descending)


def _separated(text: str) -> list[str]:
    """The parts between commas that are in no parentheses, text or name."""
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "," and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _of_format(text: str, schema: Schema) -> Iterator[SortKey]:
    """The fields of a format string, each as it is; those that are formatted, as that text."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise FlowError(f"the format string {text!r} cannot be read: {error}") from error
    if all(name is None for _, name, _, _ in parts):
        raise FlowError(f"the format string {text!r} names no field")
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name in schema and not spec and not conversion:
            yield SortKey(field=name)
            continue
        schema.field(re.split(r"[.\[]", name)[0] if name not in schema else name)
        yield SortKey(function=_Formatted(name, spec or "", conversion or ""))


@dataclass(frozen=True)
class _Formatted:
    """A field as a part of a format string shows it."""

    name: str
    spec: str
    conversion: str

    def __call__(self, row: dict[str, Any]) -> str | None:
        value = row[self.name] if self.name in row else string.Formatter().get_field(self.name, (), row)[0]
        if value is None:
            return None
        return format(string.Formatter().convert_field(value, self.conversion or None), self.spec)


@dataclass(frozen=True)
class _Computed:
    """Adds what functions return for each row, in bytes that order as it does."""

    before: Schema
    functions: tuple[Callable[[dict[str, Any]], object], ...]
    after: Schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = self._codec.decode(batch)
        new = [
            pa.array([sortable(function(row)) for row in rows], pa.binary()) for function in self.functions
        ]
        return pa.RecordBatch.from_arrays([*batch.columns, *new], names=list(self.after.names))

    @cached_property
    def _codec(self) -> RowCodec:
        return RowCodec(self.before)


def _free_name(name: str, schema: Schema) -> str:
    while name in schema:
        name += "_"
    return name
