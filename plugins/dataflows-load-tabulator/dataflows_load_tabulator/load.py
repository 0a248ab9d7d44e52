"""The processor: whatever tabulator opens into a package."""

from __future__ import annotations

import codecs
import inspect
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import FlowError, RowError
from dataflows_core.files.compression import normalize_compression
from dataflows_core.loader_options import CAST, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted
from dataflows_load_tabulator.columns import Spelling, guess, only_texts
from dataflows_load_tabulator.header import Header, Naming
from dataflows_load_tabulator.options import checked_classes
from dataflows_load_tabulator.place import Place, places
from dataflows_load_tabulator.reader import Reader
from dataflows_load_tabulator.split import RAGGED, Shape, TabulatorSplit

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package

__all__ = ["load_tabulator"]

logger = logging.getLogger("dataflows.load_tabulator")

_INFER = {None: "full", "full": "full", "strings": "strings", "pytypes": "pytypes"}


def load_tabulator(
    load_source: Any,
    name: str | None = None,
    strip: bool = True,
    limit_rows: int | None = None,
    infer_strategy: Literal["full", "strings", "pytypes"] | None = None,
    cast_strategy: Literal["schema", "strings", "nothing"] | None = None,
    override_schema: Mapping[str, Any] | None = None,
    override_fields: Mapping[str, Mapping[str, Any]] | None = None,
    deduplicate_headers: bool = False,
    deduplicate_headers_case_sensitive: bool = True,
    deduplicate_headers_format: str = " (%s)",
    on_error: OnError = "raise",
    *,
    format: str | None = None,
    scheme: str | None = None,
    headers: int | Sequence[int] | Sequence[str] | None = 1,
    encoding: str | None = None,
    compression: str | None = None,
    member: str | None = None,
    custom_parsers: Mapping[str, Any] | None = None,
    custom_loaders: Mapping[str, Any] | None = None,
    ragged: Literal["raise", "fill", "truncate"] = "raise",
    sample_size: int = 1000,
    schema: Mapping[str, Any] | Schema | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
    **options: Any,
) -> SourceStep:
    r"""Load what no other loader covers, by tabulator: formats with a parser of your own, Google Sheets.

    `load` turns to it when no dedicated loader knows a source. Files, URLs and stores are opened by
    dataflows; only a scheme that it does not know is left to a loader in `custom_loaders`. Nothing that
    tabulator would leave out in silence is left out: late keys, long rows and unknown options are errors.

    Args:
        load_source: A path, a pattern, a URL, a list of these; a stream of bytes that can go back; or
            whatever a parser of yours takes.
        name: The resource's name; by default made of the source's.
        strip: Whether blanks around texts are left out.
        limit_rows: The most rows to load; None for all.
        infer_strategy: ``"full"`` (the default) gives fields the types of their values, and when a source
            has nothing but texts, the types that the texts say; ``"pytypes"`` leaves texts texts;
            ``"strings"`` makes each field a text, unless its type is declared.
        cast_strategy: ``"schema"`` (the default) casts; ``"strings"`` and ``"nothing"`` make all texts.
        override_schema: Table Schema properties to go over the schema, such as ``missingValues``.
        override_fields: Field properties by field name: ``{"day": {"type": "date"}}``.
        deduplicate_headers: Whether names that occur twice get a number, and blank ones become ``field3``;
            otherwise they are an error.
        deduplicate_headers_case_sensitive: Whether names that differ in case only are different.
        deduplicate_headers_format: What is appended to names that occur twice; ``%s`` is the number.
        on_error: What is done with a value that is not of its field's type.
        format: The name of the parser, such as ``"html"``; by default the ending of the path.
        scheme: The name of the loader; by default what stands before ``://``.
        headers: The row that is the header, from 1; two numbers, for the first and the last of several; the
            names themselves; or None, for ``field1``, ``field2`` …
        encoding: The encoding, as Python calls it; by default UTF-8 or a guess, which is told.
        compression: ``"gzip"``, ``"zip"``, ``"bz2"``, ``"xz"``, ``"zstd"``, or ``"none"``; by default what
            the ending of the path says.
        member: The file to read within a zip file.
        custom_parsers: Parser classes as tabulator has them, by format; they go before those of tabulator.
        custom_loaders: Loader classes as tabulator has them, by scheme; they go before all others.
        ragged: What is done with rows that have fewer or more cells than the header: ``"raise"``; ``"fill"``
            missing cells with null, and leave surplus ones out that are empty; ``"truncate"``: leave surplus
            ones out whatever they hold.
        sample_size: How many rows are looked at for the header, the keys and the types.
        schema: A Table Schema; fields it declares are not inferred.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.
        **options: What `tabulator.Stream` takes besides (`skip_rows`, `pick_rows`, `offset_rows`,
            `pick_fields`, `skip_fields`, `limit_fields`, `offset_fields`, `ignore_blank_headers`,
            `multiline_headers_joiner`, `multiline_headers_duplicates`, `allow_html`, `post_parse`,
            `force_parse` …), and what the parser takes (`sheet`, `fill_merged_cells`, `selector` …).

    Raises:
        FlowError: An option nobody knows, a source that is none, a library that is not installed.
        AccessError: A source cannot be read, or not to its end.
        UnreadableError: Nobody knows its format, or it is not of it.
        DataError: A faulty header; the parser failed; a late key.
        RowError: A row has fewer or more cells than the header.
        CastError: A value that is not of its field's type.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow(load_tabulator("text://city,size\nLyon,47.87", format="csv")).results().rows
        [[{'city': 'Lyon', 'size': Decimal('47.87')}]]
    """
    check_on_error(on_error)
    strategy = one_of("infer_strategy", infer_strategy, _INFER)
    declared = Declared.of(
        schema,
        override_schema,
        override_fields,
        text=strategy == "strings",
        untyped=one_of("cast_strategy", cast_strategy, CAST) == "strings",
        null_sequence=None,
    )
    limit = checked_limit(limit_rows)
    if sample_size < 1:
        raise FlowError(f"sample_size={sample_size!r} must be a number from 1")
    reader = Reader(
        headers=_checked_headers(headers),
        options=options if encoding is None else {"encoding": _checked_encoding(encoding), **options},
        parsers=checked_classes("custom_parsers", custom_parsers, "extended_rows"),
        loaders=checked_classes("custom_loaders", custom_loaders, "load"),
        naming=Naming(deduplicate_headers, deduplicate_headers_case_sensitive, deduplicate_headers_format),
        declared=tuple(item["name"] for item in declared.descriptor.get("fields", ())),
        sample=sample_size,
        own=tuple(inspect.signature(load_tabulator).parameters)[:-1],
    )
    shape = Shape(one_of("ragged", ragged, RAGGED), strip, bool(options.get("force_parse")))
    load = _Load(declared, reader, shape, strategy == "full")
    opening = {
        "storage_options": storage_options or {},
        "compression": normalize_compression(compression),
        "member": member,
        "cache": cache,
        "max_size": max_size,
    }

    def step(package: Package) -> None:
        found = places(
            load_source,
            scheme=scheme,
            format=format,
            parsers=reader.parsers,
            loaders=reader.loaders,
            opening=opening,
        )
        called = name or found[0].stem
        splits, made = load.plan(found)
        resource = Resource(
            called, Stream.of(splits, splits[0].schema), {"path": f"{called}.{found[0].format}"}
        )
        if limit is not None:
            resource.pipe_batches(Limit(limit))
        resource.map_batches(Cast(made, on_error=on_error), made, reads=())
        package.add(resource)

    return step


def _checked_headers(headers: Any) -> Any:
    numbers = [headers] if isinstance(headers, int) else headers
    if numbers is None:
        return None
    if isinstance(numbers, Sequence) and not isinstance(numbers, str) and numbers:
        if all(isinstance(item, str) for item in numbers):
            return list(numbers)
        whole = all(isinstance(item, int) and not isinstance(item, bool) and item >= 1 for item in numbers)
        if whole and len(numbers) <= 2 and list(numbers) == sorted(numbers):
            return numbers[0] if len(numbers) == 1 else list(numbers)
    raise FlowError(
        f"headers={headers!r} must be the number of a row from 1, those of the first and the last row, "
        "names, or None"
    )


def _checked_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise FlowError(f"encoding={name!r} is no encoding that Python knows") from None


@dataclass(frozen=True)
class _Load:
    """How sources become one resource."""

    declared: Declared
    reader: Reader
    shape: Shape
    understand: bool  # what texts say

    def plan(self, found: Sequence[Place]) -> tuple[list[TabulatorSplit], Schema]:
        """The splits of some sources, and the schema that their rows have."""
        headers, sample = [], []
        for place in found:
            header, rows = self._sample(place)
            headers.append(header)
            sample += rows
            if header.names != headers[0].names:
                raise FlowError(
                    f"{place.shown} has other columns than {found[0].shown}: there "
                    f"{', '.join(headers[0].names)}, here {', '.join(header.names)}"
                )
        names = headers[0].names
        columns = {name: [row[index] for row in sample] for index, name in enumerate(names)}
        texts = only_texts(sample)
        schema = self._schema(columns, texts, found[0].shown)
        spellings = tuple(Spelling.of(field, columns[field.name]) for field in schema)
        schema = fitted(schema, [self._spelled(spellings, sample)])
        spellings = tuple(Spelling.of(field, columns[field.name]) for field in schema)
        splits = [
            TabulatorSplit(place, self.reader, self.shape, header, spellings)
            for place, header in zip(found, headers, strict=True)
        ]
        return splits, schema

    def _sample(self, place: Place) -> tuple[Header, list[list[Any]]]:
        rows = []
        with closing(self.reader.open(place)) as table:
            for row in islice(filter(self.shape.wanted, table.rows()), self.reader.sample):
                try:
                    rows.append(self.shape.row(row, table.header))
                except RowError:
                    continue  # the run comes to it again, and says where it is
        return table.header, rows

    def _schema(self, columns: Mapping[str, Sequence[Any]], texts: bool, source: str) -> Schema:
        names = tuple(columns)
        fields = []
        for name in self.declared.undeclared(names):
            field, note = guess(
                name, columns[name], texts=texts and self.understand, missing=self.declared.missing_values
            )
            if note:
                logger.warning("%s: %s", source, note)
            fields.append(field)
        schema = self.declared.schema(names, Schema(tuple(fields)), source)
        if not texts and "missingValues" not in schema.properties:
            schema = schema.with_properties(missingValues=[])  # who has nulls means empty texts
        return schema

    @staticmethod
    def _spelled(spellings: Sequence[Spelling], sample: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """The texts of the sample, which say how wide values are."""
        plain = [(index, spelling) for index, spelling in enumerate(spellings) if not spelling.json]
        return pa.RecordBatch.from_pydict(
            {
                spelling.field.name: spelling.column([row[index] for row in sample])
                for index, spelling in plain
            }
        )
