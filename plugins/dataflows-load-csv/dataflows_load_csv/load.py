"""The processor: CSV and TSV into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import FlowError
from dataflows_core.files.compression import normalize_compression
from dataflows_core.files.source import Source, expand, stem
from dataflows_core.loader_options import CAST, INFER, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.resource import Resource
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_load_csv.decode import RAGGED
from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.encoding import normalize_encoding
from dataflows_load_csv.extract import Extract
from dataflows_load_csv.header import Layout
from dataflows_load_csv.options import known
from dataflows_load_csv.plan import Options, plan

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package
    from dataflows_core.schema import Schema

__all__ = ["load_csv"]

logger = logging.getLogger("dataflows.load_csv")


def load_csv(
    load_source: str | Path | Iterable[str | Path],
    name: str | None = None,
    strip: bool = True,
    limit_rows: int | None = None,
    infer_strategy: Literal["full", "strings", "pytypes"] | None = None,
    cast_strategy: Literal["schema", "strings", "nothing"] | None = None,
    override_schema: Mapping[str, Any] | None = None,
    override_fields: Mapping[str, Mapping[str, Any]] | None = None,
    extract_missing_values: bool | Mapping[str, Any] | None = None,
    deduplicate_headers: bool = False,
    deduplicate_headers_case_sensitive: bool = True,
    deduplicate_headers_format: str = " (%s)",
    on_error: OnError = "raise",
    *,
    many: bool = False,
    encoding: str | None = None,
    compression: str | None = None,
    member: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    dialect: Mapping[str, Any] | None = None,
    delimiter: str | None = None,
    quotechar: str | None = "auto",
    escapechar: str | None = "auto",
    doublequote: bool | None = None,
    skipinitialspace: bool | None = None,
    comment_char: str | None = None,
    headers: int | Sequence[int] | Sequence[str] | None = 1,
    multiline_headers_joiner: str | None = None,
    multiline_headers_duplicates: bool = False,
    skip_rows: Sequence[int | str] = (),
    ragged: Literal["raise", "fill", "truncate"] = "raise",
    schema: Mapping[str, Any] | Schema | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    r"""Load CSV or TSV: files, patterns, URLs, archives, in any encoding and any dialect.

    What is not given is found out: the compression by the first bytes, the encoding by byte order mark,
    validity and statistics, the dialect by sniffing, the types of the fields from the head of the file and
    from places all over it. Then every value is cast; one that does not fit fails the run, with the number of
    its record. Records are counted from 1, after the header; comments and blank lines do not count (in a
    file of one column a blank line is a row). Nothing is replaced, rounded or left out in silence.

    Args:
        load_source: A path, a pattern such as ``"sales-*.csv"`` (in order of name), a URL (HTTP, or any that
            fsspec knows), or a list of these.
        name: The resource's name; by default made of the file's.
        strip: Whether blanks around values and names are left out, inside quotes as well.
        limit_rows: The most rows to load; None for all.
        infer_strategy: ``"full"`` (the default) infers types; ``"strings"`` and ``"pytypes"`` leave every
            field a text, unless its type is declared.
        cast_strategy: ``"schema"`` (the default) casts; ``"strings"`` and ``"nothing"`` make every field a
            text.
        override_schema: Table Schema properties to go over the inferred schema, such as ``missingValues``.
        override_fields: Field properties by field name, to go over the inferred ones:
            ``{"code": {"type": "string"}}``.
        extract_missing_values: True adds a field `missingValues` of objects that say which missing value of
            a row stood there as which text; a mapping with `source` (fields), `target` (its name) and
            `values` says more.
        deduplicate_headers: Whether names that occur twice get a number, and blank ones become ``field3``;
            otherwise they are an error.
        deduplicate_headers_case_sensitive: Whether names that differ in case only are different.
        deduplicate_headers_format: What is appended to names that occur twice; ``%s`` is the number.
        on_error: What is done with a value that is not of its field's type: ``"raise"``, ``"drop"`` the row,
            ``"clear"`` the value, ``"ignore"``, or a function from the error to one of these names.
        many: Whether several files become a resource each, and not one together.
        encoding: The encoding, as Python calls it.
        compression: ``"gzip"``, ``"zip"``, ``"bz2"``, ``"xz"``, ``"zstd"``, or ``"none"``.
        member: The file to read within a zip file; needed when it holds several.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        dialect: A Data Package dialect (`delimiter`, `quoteChar`, `commentChar`, `headerRows` …), version 1
            or 2.
        delimiter: The character between cells.
        quotechar: The character around cells; None for none; ``"auto"`` to sniff it.
        escapechar: The character that takes the meaning from the next one; None for none; ``"auto"`` to
            sniff it.
        doublequote: Whether two quote characters inside a quoted cell stand for one.
        skipinitialspace: Whether spaces at the beginning of a cell are left out, before a quote as well.
        comment_char: What a line that is a comment begins with.
        headers: The row that is the header, from 1; several rows, which are joined; the names themselves,
            when the file has no header; or None, then fields are named as `schema` says, or ``field1``,
            ``field2``, ….
        multiline_headers_joiner: What is put between the cells of a header of several rows; by default what
            the dialect says, or a space.
        multiline_headers_duplicates: Whether a cell of such a header that repeats the one above is kept.
        skip_rows: Rows to leave out, from 1, and beginnings of lines that are comments.
        ragged: What is done with rows that have fewer or more cells than the header: ``"raise"``; ``"fill"``
            missing cells with null, and leave surplus ones out that are empty; ``"truncate"``: leave surplus
            ones out whatever they hold.
        schema: A Table Schema; fields it declares are not inferred. `fieldsMatch` says how strictly they
            must be those of the header; by default the names must be the same, in any order.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.

    Returns:
        A step that adds one resource, or with `many` one per file.

    Raises:
        FlowError: Options that contradict each other, or have impossible values.
        AccessError: A file cannot be read, or not to its end.
        UnreadableError: A file is no CSV, or is empty.
        DataError: A faulty header, a ragged row, bytes that are no text.
        CastError: A value that is not of its field's type.

    Examples:
        >>> from pathlib import Path
        >>> from dataflows_core import Flow
        >>> _ = Path("prices.csv").write_text("item;price\ntea;2.25\ncake;3.75\n")
        >>> Flow(load_csv("prices.csv")).results().rows
        [[{'item': 'tea', 'price': Decimal('2.25')}, {'item': 'cake', 'price': Decimal('3.75')}]]
    """
    if many and name is not None:
        raise FlowError("with many=True each file names its resource; leave name out")
    check_on_error(on_error)
    described = dialect or {}
    comments = [
        *([] if comment_char is None else [comment_char]),
        *(row for row in skip_rows if isinstance(row, str)),
    ]
    known_dialect = known(
        described,
        delimiter=delimiter,
        quotechar=quotechar,
        escapechar=escapechar,
        doublequote=doublequote,
        skipinitialspace=skipinitialspace,
        comments=tuple(comments) or None,
    )
    layout = Layout.of(
        headers,
        described,
        joiner=multiline_headers_joiner,
        skip=tuple(row for row in skip_rows if not isinstance(row, str)),
        repeat=multiline_headers_duplicates,
        strip=strip,
        deduplicate=deduplicate_headers,
        case_sensitive=deduplicate_headers_case_sensitive,
        suffix=deduplicate_headers_format,
    )
    declared = Declared.of(
        schema,
        override_schema,
        override_fields,
        text=one_of("infer_strategy", infer_strategy, INFER) == "strings",
        untyped=one_of("cast_strategy", cast_strategy, CAST) == "strings",
        null_sequence=known_dialect.get("null_sequence"),
    )
    if not layout.rows and layout.names is None:
        # Without a header the schema is what names the columns, in its order.
        names = tuple(item["name"] for item in declared.descriptor.get("fields", ()))
        layout = replace(layout, names=names or None)
    extract = Extract.of(extract_missing_values, declared.missing_values)
    if extract is not None:
        declared = declared.with_missing(extract.values)
    options = Options(
        encoding=None if encoding is None else normalize_encoding(encoding),
        dialect=known_dialect,
        layout=layout,
        declared=declared,
        extract=extract,
        strip=strip,
        ragged=one_of("ragged", ragged, RAGGED),
        limit=checked_limit(limit_rows),
    )
    packed = normalize_compression(compression)

    def step(package: Package) -> None:
        for note in Dialect.unheeded(described):
            logger.warning(note)
        files = expand(load_source, storage_options, packed, member, cache=cache, max_size=max_size)
        if many:
            for file in files:
                _add(package, [file], file.stem, options, on_error)
        else:
            first = load_source if isinstance(load_source, str | Path) else files[0].path
            _add(package, files, name or stem(member or str(first)), options, on_error)

    return step


def _add(package: Package, files: Sequence[Source], name: str, options: Options, on_error: OnError) -> None:
    made = plan(files, options)
    for note in made.notes:
        logger.warning(note)
    resource = Resource(name, Stream.of(made.splits, made.text), {"path": f"{name}.csv", **made.properties})
    if options.limit is not None and len(files) > 1:
        resource.pipe_batches(Limit(options.limit))
    resource.map_batches(Cast(made.schema, on_error=on_error), made.schema, reads=())
    package.add(resource)
