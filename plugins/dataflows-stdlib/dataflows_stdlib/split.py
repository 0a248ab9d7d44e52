"""One field to several, and several to one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import CastError, FlowError, SchemaError
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.report import Report
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.text import column_to_text
from dataflows_stdlib.match import free_field
from dataflows_stdlib.texts import joined

__all__ = ["merge_fields", "split_field"]


def split_field(
    field: str,
    into: Iterable[str],
    delimiter: str | None = None,
    resources: ResourceSelector = None,
    *,
    pattern: str | None = None,
    keep: bool = False,
    strip: bool = True,
    on_error: OnError = "raise",
) -> Step:
    r"""Split a text into several fields.

    With a delimiter, the last field gets all that is left, and fields for which nothing is left are null.
    With a pattern, each field gets a group; a text that does not match as a whole is an error.

    Args:
        field: The field.
        into: The names of the new fields, which take its place; they are texts.
        delimiter: What is between the parts.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        pattern: Instead of a delimiter, a regular expression (Python's) with one group per new field.
        keep: Whether the field itself stays.
        strip: Whether blanks around the parts are left out.
        on_error: What becomes of a row whose text does not match the pattern: ``"raise"``, ``"drop"``,
            ``"clear"`` (the parts are null), or a function that gets the `CastError` and returns one of
            these.

    Raises:
        SchemaError: A field that a resource has not; a field that is no text.
        FlowError: A new field whose name another has; a pattern that makes no sense, or has other groups.
        CastError: A text does not match the pattern.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"name": "Ada King Noel"}], split_field("name", ["first", "rest"], " ")).results().rows
        [[{'first': 'Ada', 'rest': 'King Noel'}]]
        >>> flow = Flow([{"size": "3x4"}], split_field("size", ["w", "h"], pattern=r"(\d+)x(\d+)"))
        >>> flow.results().rows
        [[{'w': '3', 'h': '4'}]]
    """
    names = [into] if isinstance(into, str) else list(into)
    _check(names, delimiter, pattern)
    check_on_error(on_error)

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            schema = resource.schema
            if schema.field(field).type != "string":
                raise SchemaError(
                    f"the field {field!r} is of the type {schema.field(field).type}, and no text"
                )
            for name in names:
                if keep or name != field:
                    free_field(resource, name)
            order = [
                one
                for name in schema.names
                for one in (([name] if keep else []) + names if name == field else [name])
            ]
            parts = (
                schema.add(*(Field({"name": name}) for name in names))
                if keep
                else _replaced(schema, field, names)
            )
            after = parts.select(order)
            resource.map_batches(
                _Split(field, tuple(names), after, delimiter, pattern, strip, on_error), after, reads=[field]
            )

    return step


def _replaced(schema: Schema, field: str, names: Sequence[str]) -> Schema:
    return schema.drop([field]).add(*(Field({"name": name}) for name in names))


def _check(names: Sequence[str], delimiter: str | None, pattern: str | None) -> None:
    if not names or len(set(names)) < len(names):
        raise FlowError("split_field() needs the names of the new fields, each of them once (into=…)")
    if (delimiter is None) == (pattern is None) or delimiter == "":
        raise FlowError("split_field() needs a delimiter or a pattern; one of the two")
    if pattern is None:
        return
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise FlowError(f"{pattern!r} is no regular expression: {error}") from error
    if groups != len(names):
        raise FlowError(f"the pattern {pattern!r} has {groups} groups, and there are {len(names)} new fields")


@dataclass(frozen=True)
class _Split:
    """Splits one column."""

    field: str
    names: tuple[str, ...]
    after: Schema
    delimiter: str | None
    pattern: str | None
    strip: bool
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        column = batch.column(self.field)
        parts, errors = self._parts(column)
        if self.strip:
            parts = [pc.utf8_trim_whitespace(part) for part in parts]
        made = dict(zip(self.names, parts, strict=True))
        columns = [made[name] if name in made else batch.column(name) for name in self.after.names]
        result = pa.RecordBatch.from_arrays(columns, names=list(self.after.names))
        return settle(batch, result, errors, self.on_error)

    def _parts(self, column: pa.Array) -> tuple[list[pa.Array], list[CastError]]:
        count = len(self.names)
        if self.delimiter is not None:
            lists = pc.split_pattern(column, pattern=self.delimiter, max_splits=count - 1)
            fixed = pc.list_slice(
                pc.if_else(lists.is_valid(), lists, pa.scalar([], lists.type)),
                0,
                count,
                return_fixed_size_list=True,
            )
            return _columns(fixed.flatten(), count), []
        assert self.pattern is not None
        coded = column.dictionary_encode()
        pattern = re.compile(self.pattern)
        matches = [pattern.fullmatch(text) for text in coded.dictionary.to_pylist()]
        parts = [
            pa.array([None if match is None else match[group + 1] for match in matches], pa.string()).take(
                coded.indices
            )
            for group in range(count)
        ]
        failed = pa.array([match is None for match in matches], pa.bool_()).take(coded.indices)
        errors = [
            CastError(
                self.field,
                column[index].as_py(),
                f"a text that matches {self.pattern!r} as a whole",
                index=index,
            )
            for index in pc.indices_nonzero(pc.fill_null(failed, False)).to_pylist()
        ]
        return parts, errors


def _columns(flat: pa.Array, count: int) -> list[pa.Array]:
    """The columns of values that lie row by row."""
    rows = pa.array(range(0, len(flat), count), pa.int64())
    return [flat.take(pc.add(rows, position)) for position in range(count)]


def merge_fields(
    fields: Iterable[str],
    target: str,
    separator: str = " ",
    resources: ResourceSelector = None,
    *,
    keep: bool = False,
) -> Step:
    """Join several fields into one text, in the place of the first.

    Each is the text that a dump would write. Nulls are left out; of nothing but nulls comes null.

    Args:
        fields: The fields, in their order.
        target: The name of the new field; it may be that of one of the fields.
        separator: What stands between them.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        keep: Whether the fields themselves stay; the new one then stands behind all others.

    Raises:
        SchemaError: A field that a resource has not.
        FlowError: A new field whose name another has.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"y": 2024, "m": 2, "n": 7}], merge_fields(["y", "m"], "month", "/")).results().rows
        [[{'month': '2024/2', 'n': 7}]]
    """
    names = [fields] if isinstance(fields, str) else list(fields)
    if not names or not isinstance(separator, str):
        raise FlowError("merge_fields() needs at least one field, and a separator of text")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            schema = resource.schema
            sources = tuple(schema.field(name) for name in names)
            if keep or target not in names:
                free_field(resource, target)
            made = Field({"name": target})
            if keep:
                after = schema.add(made)
            else:
                order = [target if name == names[0] else name for name in schema.names]
                rest = [name for name in order if name == target or name not in names]
                after = schema.drop(names).add(made).select(dict.fromkeys(rest))
            resource.map_batches(_Merged(sources, target, separator, after), after, reads=names)

    return step


@dataclass(frozen=True)
class _Merged:
    """Joins columns."""

    sources: tuple[Field, ...]
    target: str
    separator: str
    after: Schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = [column_to_text(batch.column(field.name), field) for field in self.sources]
        merged, some = joined(texts, self.separator)
        merged = pc.if_else(some, merged, None)
        columns = [merged if name == self.target else batch.column(name) for name in self.after.names]
        return pa.RecordBatch.from_arrays(columns, names=list(self.after.names))
