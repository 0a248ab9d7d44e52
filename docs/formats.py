"""What becomes of each type in each format: the page `reference/formats.md`, made by writing and loading.

Every case is a table of its own, written in every format that is installed, and loaded again: as the
descriptor beside it declares it, and as a file alone. So it is with databases, which declare it themselves.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import runpy
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import isodate
import pyarrow as pa

from dataflows_core import Flow, Package, Resource, Schema, Stream, discovery
from dataflows_core.errors import CastError, ProcessorError
from dataflows_core.inline import RowsSplit
from dataflows_core.processors import dump_to_path, dump_to_sql, load, load_sql
from dataflows_core.schema import Field
from dataflows_core.text import value_to_text

REFUSED = "refused"
GEOMETRY = Field({"name": "geometry", "type": "geojson"})
DATABASES = ("duckdb", "postgresql", "sqlite")
SERVER = Path(__file__).parents[1] / "plugins" / "dataflows-sql" / "tests" / "postgresql.py"


@dataclass(frozen=True)
class Case:
    """Values of one type, at its edges; a null is added to each.

    Attributes:
        title: What the page calls them.
        type: The Table Schema type.
        values: The values.
        more: What the field says besides.
        arrow: The physical type, where it is not the usual one.
    """

    title: str
    type: str
    values: list[Any]
    more: dict[str, Any] = field(default_factory=dict)
    arrow: pa.DataType = None

    @property
    def field(self) -> Field:
        """The field of the values."""
        return Field({"name": "value", "type": self.type, **self.more}, self.arrow)

    @property
    def rows(self) -> list[Any]:
        """The values and a null."""
        return [*self.values, None]


LONG = Decimal("-12345678901234567890.5")
WIDE = Decimal("0.003143260708814195")
DOUBLE = {"floatNumber": True}
UTC, BERLIN = pa.timestamp("us", "UTC"), pa.timestamp("us", "Europe/Berlin")
NOON = [dt.datetime(2024, month, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")) for month in (7, 1)]
MONTHS = isodate.Duration(years=1, months=2)
_at = dt.datetime.fromisoformat

CASES = (
    Case("string", "string", ["007", "å\n\"',;", "true", "=1+1"]),
    Case("string, blanks around", "string", [" x\t"]),
    Case("string, empty", "string", ["", "x"]),
    Case("integer", "integer", [0, -(10**15) + 1, 10**15 - 1]),
    Case("integer, 16 digits and more", "integer", [-(2**63), 2**63 - 1]),
    Case("integer, beyond 64 bits", "integer", [10**30], arrow=pa.decimal128(38, 0)),
    Case("number", "number", [Decimal("0.1"), Decimal(-2), Decimal("1234567890123.45")]),
    Case("number, 16 digits and more", "number", [LONG, Decimal("0.1")]),
    Case("number, more than 12 decimals", "number", [WIDE], arrow=pa.decimal128(38, 21)),
    Case("double (`floatNumber`)", "number", [0.1, -2.5], DOUBLE),
    Case("double, with an exponent", "number", [1e-300, 2.5e300], DOUBLE),
    Case("double, 16 digits and more", "number", [0.1 + 0.2, 1.7976931348623157e308], DOUBLE),
    Case("double, not finite", "number", [float("nan"), float("inf"), float("-inf")], DOUBLE),
    Case("boolean", "boolean", [True, False]),
    Case("date", "date", [dt.date(1900, 3, 1), dt.date(2024, 2, 29), dt.date(9999, 12, 31)]),
    Case("date, before March 1900", "date", [dt.date(1, 1, 1), dt.date(1899, 12, 31)]),
    Case("time", "time", [dt.time(0), dt.time(23, 59, 59)]),
    Case("time, parts of a second", "time", [dt.time(23, 59, 59, 999999)]),
    Case("datetime", "datetime", [_at("1900-03-01T00:00:00"), _at("2024-02-29T01:02:03")]),
    Case("datetime, all at midnight", "datetime", [_at("2024-02-29"), _at("2024-03-01")]),
    Case("datetime, before March 1900", "datetime", [_at("0001-01-01"), _at("1899-12-31T01:02:03")]),
    Case("datetime, parts of a second", "datetime", [_at("2024-02-29T01:02:03.000004")]),
    Case("datetime, UTC", "datetime", [_at("2024-07-01T12:00:00+00:00")], arrow=UTC),
    Case("datetime, a zone with summer time", "datetime", NOON, arrow=BERLIN),
    Case("year", "year", [1899, 2024, 9999]),
    Case("year, before 1000", "year", [1, 999]),
    Case("yearmonth", "yearmonth", [(1, 1), (2024, 2)]),
    Case("duration", "duration", [dt.timedelta(0), dt.timedelta(days=-3, microseconds=1)]),
    Case("duration, with months", "duration", [MONTHS]),
    Case("geopoint", "geopoint", [(Decimal("-0.5"), Decimal(90)), (Decimal(180), Decimal("1.25"))]),
    Case("list of strings", "list", [["a", "b"], ['"e"']]),
    Case("list of integers", "list", [[1, 2], [-1]], {"itemType": "integer"}),
    Case("list, a comma in an item", "list", [["a,b"]]),
    Case("list, a null item", "list", [["a", None], ["b"]]),
    Case("list, empty", "list", [[], ["x"]]),
    Case("object", "object", [{}, {"a": [1, {"b": None}]}]),
    Case("array", "array", [[], [1, "x", None]]),
    Case("geojson", "geojson", [{"type": "Point", "coordinates": [1, 2.5]}]),
    Case("any", "any", ["x", 1, {"a": True}]),
)

TEXT = """\
<!-- generated by docs/generate.py; renew with: nox -s docs -- --write -->

# Types and formats

Every type of Table Schema was written in every format that is installed here, at the edges of what it holds
and with a null, and loaded again. ✓ says that all values are the same, in every digit, and of the same type.
Otherwise a cell says of which type they are now, and the first value that became another one, before → now.
`refused` means that the run ends with an error instead of writing what could not be read back.

## With the descriptor

`dump_to_path("out", format="json")` writes a `datapackage.json` beside the file, and `load("out")` reads it:

{}

* Table Schema reads an empty cell as null, so that CSV and Excel have no empty texts; the others do.
* Text holds a moment with its offset from UTC, and not the name of its zone. Where the offsets of a field
  differ, the same moments come back in UTC.
* Items of a list are written with commas between them in CSV and Excel; declare another `delimiter`, or the
  type `array`, which may hold nulls as well.
* GeoJSON is JSON with a geometry: a field of type geojson or geopoint. Every other field is a property.

## The file alone

`load("out/data.json")` has only the file to go by. Parquet and Arrow files carry their schema inside:

{}

* What a cell of Excel cannot hold exactly is written as text, and comes back as text, with all of its digits.
* `string` alone means that the values are the texts that they were written as: declare their types
  (`override_fields={{"day": {{"type": "date"}}}}`), and they are what they were. Another type alone means
  that the values are the same.
* `strip=False` keeps the blanks around values of CSV.

## Databases

`dump_to_sql({{"cities": {{"resource-name": "cities"}}}}, url)` makes a table, and
`load_sql(url, table="cities")` reads it; the database itself says of which type each column is:

{}

* A moment comes back in UTC: databases do not keep the name of its zone.
* What a database has no type for is kept as text or JSON, with all that it says; another type alone in a cell
  means that the values are the same.
"""


def formats() -> list[str]:
    """The formats that are installed, each by the ending of its files."""
    return sorted({discovery.load("writer", name).extension for name in discovery.names("writer")})


Loaded = tuple[Field, list[Any]]
"""A field as it was loaded, and its values."""


@cache
def changes(format: str) -> tuple[list[str], list[str]]:
    """What becomes of each case in a format; an empty text where everything is kept.

    Returns:
        With the descriptor that was written beside the files, and of each file alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        package, single = Path(folder, "package"), Path(folder, "alone")
        refused = _written(package, format)
        single.mkdir()
        files = [
            shutil.copy(package / f"case-{number}.{format}", single)
            for number, case in enumerate(CASES)
            if case.title not in refused
        ]
        alone = [item for file in files for item in _loaded(file)]
        return _changes(_loaded(package), refused), _changes(alone, refused)


@cache
def changes_in(database: str) -> list[str]:
    """What becomes of each case in a database; an empty text where everything is kept.

    Each is a column of one table, since opening a database costs more than all the rest.
    """
    names = [f"case-{number}" for number in range(len(CASES))]
    fields = [case.field.update(name=name) for name, case in zip(names, CASES, strict=True)]
    columns = [case.rows for case in CASES]

    def step(package: Package) -> None:
        package.add(_resource("cases", fields, columns))

    with _empty(database) as url:
        Flow(step, dump_to_sql({"t": {"resource-name": "cases"}}, url)).process()
        results = Flow(load_sql(url, table="t", order_by="row")).results()
    found, rows = results.package.resources[0].schema, results.rows[0]
    return [
        _changed(case, (found.field(name), [row[name] for row in rows][: len(case.rows)]))
        for case, name in zip(CASES, names, strict=True)
    ]


@contextmanager
def _empty(database: str) -> Iterator[str]:
    """The URL of an empty database."""
    if database == "postgresql":
        postgresql = runpy.run_path(str(SERVER))
        with postgresql["running"]() as server, postgresql["database"](server) as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"{database}:///{folder}/formats.{database}"


def _changes(loaded: Iterable[Loaded], refused: set[str]) -> list[str]:
    items = iter(loaded)
    return [REFUSED if case.title in refused else _changed(case, next(items)) for case in CASES]


def _written(place: Path, format: str) -> set[str]:
    """Writes all cases, a resource each; those that the format refuses are left out, and returned."""
    refused: set[str] = set()

    def step(package: Package) -> None:
        for number, case in enumerate(CASES):
            if case.title not in refused:
                fields, columns = [case.field], [case.rows]
                if format.startswith("geojson") and case.type not in ("geojson", "geopoint"):
                    fields, columns = [*fields, GEOMETRY], [*columns, []]
                package.add(_resource(f"case-{number}", fields, columns))

    while True:
        try:
            Flow(step, dump_to_path(place, format=format)).process()
        except ProcessorError as error:
            if not isinstance(error.__cause__, CastError) or error.resource is None:
                raise
            refused.add(CASES[int(error.resource.removeprefix("case-"))].title)
        else:
            return refused


def _resource(name: str, fields: list[Field], columns: list[list[Any]]) -> Resource:
    """A table of some columns, the shorter ones filled with nulls, whose rows have numbers."""
    schema = Schema((Field({"name": "row", "type": "integer"}), *fields))
    rows = [
        dict(zip(schema.names, (number, *values), strict=True))
        for number, values in enumerate(zip_longest(*columns))
    ]
    return Resource(name, Stream.of([RowsSplit(rows, schema, "rows")], schema))


def _loaded(place: Path) -> list[Loaded]:
    results = Flow(load(place)).results()
    return [
        (field, [row[field.name] for row in rows])
        for resource, rows in zip(results.package.resources, results.rows, strict=True)
        for field in [resource.schema.field("value" if "value" in resource.schema else "geometry")]
    ]


def _changed(case: Case, loaded: Loaded) -> str:
    after, values = loaded
    before = case.field
    pairs = [
        (_shown(old, before), _shown(new, after))
        for old, new in zip(case.rows, values, strict=True)
        if _exactly(old) != _exactly(new)
    ]
    if _kind(after) == _kind(before):
        return " → ".join(pairs[0]) if pairs else ""
    others = [pair for pair in pairs if pair[0] != pair[1]]
    return f"{_kind(after)}: {' → '.join(others[0])}" if others else _kind(after)


def _kind(field: Field) -> str:
    return "double" if pa.types.is_floating(field.arrow) else field.type


def _exactly(value: Any) -> str:
    """Text that two values share if they are of one type and the same in every digit."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return repr(tuple(value) if isinstance(value, tuple) else value)


def _shown(value: Any, field: Field) -> str:
    """The value as a dump would write it; in quotes where that is not seen, or says more."""
    if value is None:
        return "null"
    text = value_to_text(value, field)
    if field.type == "any" or text != text.strip() or not text:
        text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`"


def page() -> str:
    """The page."""
    logging.disable(logging.WARNING)
    try:
        tables = [_table({name: changes(name)[part] for name in formats()}) for part in (0, 1)]
        tables.append(_table({name: changes_in(name) for name in DATABASES}))
    finally:
        logging.disable(logging.NOTSET)
    return TEXT.format(*tables)


def _table(outcomes: dict[str, list[str]]) -> str:
    """A row for each case; formats that keep and change the same share a column."""
    columns: dict[tuple[str, ...], list[str]] = {}
    for name, outcome in outcomes.items():
        columns.setdefault(tuple(outcome), []).append(name)
    heads = ["values", *(", ".join(names) for names in columns.values())]
    rows = [heads, ["---"] * len(heads)]
    for number, case in enumerate(CASES):
        rows.append([case.title, *(cells[number] or "✓" for cells in columns)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
