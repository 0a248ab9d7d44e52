"""Texts in other words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.constraints import violations
from dataflows_core.errors import FlowError, SchemaError, near_misses
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.patterns import to_re2
from dataflows_core.report import Report
from dataflows_core.schema import Schema
from dataflows_core.steps import Step
from dataflows_core.text import column_to_text, text_field

__all__ = ["find_replace"]

Replacement = str | Callable[[re.Match[str]], str]


def find_replace(
    fields: Iterable[Mapping[str, Any]],
    resources: ResourceSelector = None,
    *,
    on_error: OnError = "raise",
) -> Step:
    r"""Replace what regular expressions find in the values of fields.

    They are Python's, searched for anywhere in the value, one after the other. A value that is null stays
    null. A field that is no text is searched as it would be written, and what comes out is cast to the
    field's type again.

    Args:
        fields: Mappings with `name` and `patterns`, a list of mappings with `find` and `replace`: a text that
            may hold groups (``\1``), or a function as `re.sub` takes it.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        on_error: What becomes of a row whose new value is not of the field's type: ``"raise"``,
            ``"drop"``, ``"clear"``, or a function that gets the `CastError` and returns one of these.

    Raises:
        SchemaError: A field that none of the resources has.
        FlowError: A regular expression or a replacement that makes no sense; a key that is not known.
        CastError: A new value is not of the field's type.

    Examples:
        >>> from dataflows_core import Flow
        >>> swap = {"name": "city", "patterns": [{"find": r"(\w+), (\w+)", "replace": r"\2 \1"}]}
        >>> Flow([{"city": "York, New"}, {"city": None}], find_replace([swap])).results().rows
        [[{'city': 'New York'}, {'city': None}]]
    """
    wanted = [_read(field) for field in ([fields] if isinstance(fields, Mapping) else fields)]
    check_on_error(on_error)

    def step(package: Package) -> None:
        tables = package.tables(resources)
        for name, substitutions in wanted:
            having = [resource for resource in tables if name in resource.schema]
            if not having:
                known = dict.fromkeys(known for resource in tables for known in resource.schema.names)
                raise SchemaError.unknown_field(name, known)
            for resource in having:
                function = _Replaced(resource.schema, name, tuple(substitutions), on_error)
                resource.map_batches(function, reads=[name])

    return step


def _read(given: Mapping[str, Any]) -> tuple[str, list[_Substitution]]:
    _only(given, ("name", "patterns"), "a field of find_replace")
    substitutions = []
    patterns = given["patterns"]
    for pattern in [patterns] if isinstance(patterns, Mapping) else patterns:
        _only(pattern, ("find", "replace"), "a pattern of find_replace")
        find, replace = str(pattern["find"]), pattern["replace"]
        substitutions.append(_Substitution(find, replace if callable(replace) else str(replace)))
    return given["name"], substitutions


def _only(given: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    if not isinstance(given, Mapping):
        raise FlowError(f"{what} is a mapping with {' and '.join(map(repr, keys))}, and not {given!r}")
    for key in given:
        if key not in keys:
            hint = "".join(f"; did you mean {close!r}?" for close in near_misses(str(key), keys, 1))
            raise FlowError(f"{what} has no {key!r}{hint}\n  known keys: {', '.join(keys)}")
    for key in keys:
        if key not in given:
            raise FlowError(f"{what} needs {key!r}, and this one has only {', '.join(map(repr, given))}")


@dataclass(frozen=True)
class _Substitution:
    """`re.sub` on a column of texts."""

    find: str
    replace: Replacement

    def __post_init__(self) -> None:
        try:
            re.compile(self.find)
            if isinstance(self.replace, str):
                # `re` looks at a template only when something is found; the empty branch always is.
                re.sub(f"{self.find}|", self.replace, "")
        except (re.error, IndexError) as error:
            raise FlowError(f"{self.find!r} cannot be replaced by {self.replace!r}: {error}") from error

    def __call__(self, column: pa.Array) -> pa.Array:
        template = _re2_template(self.find, self.replace)
        if template is not None:
            return pc.replace_substring_regex(column, pattern=to_re2(self.find), replacement=template)
        coded = column.dictionary_encode()
        find, replace = re.compile(self.find), self.replace
        texts = [find.sub(replace, text) for text in coded.dictionary.to_pylist()]
        return pa.array(texts, pa.string()).take(coded.indices)


def _re2_template(find: str, replace: Replacement) -> str | None:
    """The replacement as RE2 takes it; None where RE2 and `re` may differ."""
    if callable(replace) or (pattern := to_re2(find)) is None:
        return None
    # `$` is before a last line feed, too; and an empty match behind another match counts in `re` alone.
    if "$" in find or re.fullmatch(find, "") is not None:
        return None
    groups = re.compile(find).groups
    template, position = "", 0
    for reference in re.finditer(r"\\(.?)", replace):
        if not "1" <= reference[1] <= "9" or int(reference[1]) > groups:
            return None
        template += replace[position : reference.end()]
        position = reference.end()
        if replace[position : position + 1].isdigit():
            return None
    # What a repeated group holds in the end is another question.
    if position and re.search(r"\)[*+?{]", find):
        return None
    try:
        pc.replace_substring_regex(pa.array([""]), pattern=pattern, replacement="")
    except pa.ArrowInvalid:  # too large for RE2
        return None
    return template + replace[position:]


@dataclass(frozen=True)
class _Replaced:
    """Searches one column, and casts what comes out to its field again."""

    schema: Schema
    name: str
    substitutions: tuple[_Substitution, ...]
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        position, field = batch.schema.get_field_index(self.name), self.schema.field(self.name)
        before = column_to_text(batch.column(position), field)
        after = before
        for substitution in self.substitutions:
            after = substitution(after)
        column, errors = after, violations(after, field) if field.type == "string" else []
        if field.type != "string":
            column, errors = cast_column(after, text_field(field).with_arrow(field.arrow), missing_values=())
            errors += violations(column, field)
        return settle(batch, batch.set_column(position, self.name, column), errors, self.on_error)
