"""Dates and times in the forms that people write."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.constraints import violations
from dataflows_core.errors import CastError, FlowError
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.rejects import keep_rejects
from dataflows_core.report import Report
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step, current_step
from dataflows_core.text import column_to_text
from dataflows_stdlib.match import matching_fields

__all__ = ["format_date", "parse_date"]

_DATE = "aAwdbBmyYjUWGuVxDF"
_TIME = "HIpMSfX"
_ZONE = "zZ"
_KINDS = {"date": _DATE, "time": _TIME, "datetime": _DATE + _TIME + _ZONE + "c"}
_UTC = pa.timestamp("us", "UTC")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


def parse_date(
    fields: str | Iterable[str],
    format: str | Iterable[str] = "%Y-%m-%d",
    resources: ResourceSelector = None,
    regex: bool = True,
    *,
    type: str | None = None,
    on_error: OnError = "raise",
    rejects: str | None = None,
) -> Step:
    """Read dates, times, or both, from texts in one format or in several.

    Args:
        fields: Names, or regular expressions that names match as a whole.
        format: A format of Python's `strptime`, such as ``"%d.%m.%Y %H:%M"``, or several: the first that fits
            counts.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether `fields` are regular expressions.
        type: ``"date"``, ``"time"`` or ``"datetime"``; what the formats say by default.
        on_error: What becomes of a row with a text in none of the formats: ``"raise"``, ``"drop"``,
            ``"clear"``, or a function that gets the `CastError` and returns one of these.
        rejects: The name of a new resource with the rows that are dropped or lose a value.

    Raises:
        SchemaError: A field that none of the resources has.
        FlowError: A format that says too little, or what does not exist; a field that holds no texts.
        CastError: A text is in none of the formats, or is no day of the calendar.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"day": "29.02.2024"}, {"day": "3/1/24"}]
        >>> Flow(rows, parse_date("day", ["%d.%m.%Y", "%m/%d/%y"])).results().rows[0]
        [{'day': datetime.date(2024, 2, 29)}, {'day': datetime.date(2024, 3, 1)}]
    """
    formats = (format,) if isinstance(format, str) else tuple(format)
    kind = _kind(formats) if type is None else type
    if kind not in _KINDS:
        raise FlowError(f"parse_date() makes a date, a time or a datetime, and no {kind!r}")
    for one in formats:
        _check(one, kind)
    check_on_error(on_error)
    zoned = any("z" in _directives(one) for one in formats)

    def step(package: Package) -> None:
        for resource, names in matching_fields(package, resources, fields, regex):
            for name in names:
                before = resource.schema.field(name)
                if before.type not in ("string", "integer", "year", "any"):
                    raise FlowError(
                        f"the field {name!r} is of the type {before.type} already; format_date writes it"
                    )
                arrow = _UTC if kind == "datetime" and zoned else None
                after = Field({**_told(before.descriptor), "type": kind}, arrow)
                schema = resource.schema.add(after)
                function = _Parsed(before, schema.field(name), formats, on_error)
                resource.map_batches(function, schema, reads=[name])
        if rejects is not None:
            keep_rejects(package, current_step(), rejects)

    return step


def _directives(format: str) -> list[str]:
    return [match[1] for match in _DIRECTIVE.finditer(format) if match[1] != "%"]


def _kind(formats: Iterable[str]) -> str:
    used = {directive for one in formats for directive in _directives(one)}
    if used & set(_TIME + _ZONE + "c"):
        return "datetime" if used & set(_DATE + "c") else "time"
    return "date"


def _check(format: str, kind: str) -> None:
    """Refuse a format that cannot be read, or that leaves out what the kind needs."""
    used = _directives(format)
    for directive in used:
        if directive not in _KINDS["datetime"] or directive in "DF":
            raise FlowError(
                f"the format {format!r} has %{directive}, which strptime does not know"
                "\n  https://docs.python.org/3/library/datetime.html#format-codes lists what it knows"
            )
        if directive not in _KINDS[kind]:
            raise FlowError(f"the format {format!r} has %{directive}, which says nothing of a {kind}")
    have = set(used)
    if kind != "time" and not have & set("cx"):
        month_and_day = (have & set("mbB") and "d" in have) or "j" in have
        if not (have & set("yY") and month_and_day) and not {"G", "V"} <= have:
            raise FlowError(f"the format {format!r} leaves out the year, the month or the day of a {kind}")
    if kind == "time" and not have & set("HIX"):
        raise FlowError(f"the format {format!r} leaves out the hour")
    try:
        again = dt.datetime(2004, 2, 3, 4, 5, 6, 7, dt.UTC).strftime(format)
        dt.datetime.strptime(again, format)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error) as error:
        raise FlowError(f"the format {format!r} cannot be read: {error}") from error


@dataclass(frozen=True)
class _Parsed:
    """Reads one column."""

    before: Field
    field: Field
    formats: tuple[str, ...]
    on_error: OnError

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        position = batch.schema.get_field_index(self.field.name)
        texts = column_to_text(batch.column(position), self.before)
        column, errors = self._first(texts)
        errors += violations(column, self.field)
        return settle(batch, batch.set_column(position, self.field.name, column), errors, self.on_error)

    def _first(self, texts: pa.Array) -> tuple[pa.Array, list[CastError]]:
        column = pa.nulls(len(texts), self.field.arrow)
        rest = texts
        for one in self.formats:
            found, errors = cast_column(rest, self.field.update(format=one))
            column = pc.coalesce(column, found)
            if not errors:
                return column, []
            rest = pc.if_else(column.is_null(), texts, None)
        if len(self.formats) == 1:
            return column, errors
        expected = f"a {self.field.type} in one of the formats {', '.join(self.formats)}"
        return column, [CastError(error.field, error.value, expected, index=error.index) for error in errors]


def format_date(
    fields: str | Iterable[str],
    format: str,
    resources: ResourceSelector = None,
    regex: bool = True,
) -> Step:
    """Write dates and times as texts in a format; the fields become texts.

    Args:
        fields: Names, or regular expressions that names match as a whole.
        format: A format of Python's `strftime`, such as ``"%d.%m.%Y"``. Names of months and days are English.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether `fields` are regular expressions.

    Raises:
        SchemaError: A field that none of the resources has.
        FlowError: A format that asks for what does not exist, or what the field has not; a field that holds
            no dates.

    Examples:
        >>> from dataflows_core import Flow
        >>> import datetime
        >>> Flow([{"day": datetime.date(2024, 2, 29)}], format_date("day", "%d %b %Y")).results().rows
        [[{'day': '29 Feb 2024'}]]
    """
    used = _directives(format)
    if not used:
        raise FlowError(f"the format {format!r} says nothing of a date: it has no directive such as %Y")
    for directive in used:
        if directive not in _KINDS["datetime"] or directive in "cxX":
            raise FlowError(
                f"the format {format!r} has %{directive}, which is not the same on every machine"
                "\n  write out what is wanted, as in %Y-%m-%d %H:%M:%S"
            )

    def step(package: Package) -> None:
        for resource, names in matching_fields(package, resources, fields, regex):
            for name in names:
                field = resource.schema.field(name)
                if field.type not in _KINDS:
                    raise FlowError(
                        f"the field {name!r} is of the type {field.type}, which has no dates; "
                        f"parse_date({name!r}, …) reads them"
                    )
                for directive in used:
                    if directive not in _KINDS[field.type]:
                        raise FlowError(
                            f"the format {format!r} has %{directive}, "
                            f"and the field {name!r} is a {field.type}"
                        )
                schema = resource.schema.add(Field({**_told(field.descriptor), "type": "string"}))
                resource.map_batches(_Formatted(field, format), schema, reads=[name])

    return step


def _told(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    return {key: descriptor[key] for key in ("name", "title", "description") if key in descriptor}


# fmt: off
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
# fmt: on
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class _Formatted:
    """Writes one column; each value once."""

    field: Field
    format: str

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        position = batch.schema.get_field_index(self.field.name)
        coded = batch.column(position).dictionary_encode()
        codec = RowCodec(Schema((self.field,)))
        values = codec.decode(pa.RecordBatch.from_arrays([coded.dictionary], names=[self.field.name]))
        # Only days come again and again; and moments of two zones may be equal, and are written differently.
        text = _day_text if self.field.type == "date" else _text
        texts = pa.array([text(row[self.field.name], self.format) for row in values], pa.string())
        return batch.set_column(position, self.field.name, texts.take(coded.indices))


def _text(value: dt.date | dt.time, format: str) -> str:
    # What Python leaves to the platform is written here: four digits of a year, English names.
    def own(match: re.Match[str]) -> str:
        if isinstance(value, dt.date):
            month, day = _MONTHS[value.month - 1], _DAYS[value.weekday()]
            named = {"Y": f"{value.year:04d}", "B": month, "b": month[:3], "A": day, "a": day[:3]}
            if match[1] in named:
                return named[match[1]]
        if isinstance(value, dt.datetime | dt.time) and match[1] == "p":
            return "AM" if value.hour < 12 else "PM"
        return match[0]

    return value.strftime(_DIRECTIVE.sub(own, format))


_day_text = lru_cache(maxsize=65_536)(_text)  # all days of 180 years
