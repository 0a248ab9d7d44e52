"""Planning a load: from paths and options to splits and a schema. Reads only samples."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from dataflows_core.content import signature_of
from dataflows_core.declared import Declared
from dataflows_core.errors import DataError, UnreadableError
from dataflows_core.files import Source
from dataflows_core.infer import infer_schema
from dataflows_core.schema import Schema
from dataflows_core.widths import fitted
from dataflows_load_csv.decode import Decoder
from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.encoding import Encoding, detect_elsewhere, detect_encoding, to_utf8
from dataflows_load_csv.extract import Extract
from dataflows_load_csv.grammar import Grammar
from dataflows_load_csv.header import Layout
from dataflows_load_csv.sample import (
    HEAD_BYTES,
    LONG_HEAD_BYTES,
    SHORT_HEAD_BYTES,
    has_lines,
    read_head,
    read_places,
    records_in,
)
from dataflows_load_csv.sniff import sniff_dialect
from dataflows_load_csv.split import BLOCK_SIZE, CsvSplit

__all__ = ["FilePlan", "Options", "Plan", "plan", "plan_file"]

_THOROUGH = 16
_ROWS_PER_BLOCK = 16_384
_LARGEST_BLOCK = 8 << 20
_SIGNATURE_BYTES = 1 << 12


@dataclass(frozen=True)
class Options:
    """What is known of the files, and wanted of them.

    Args:
        encoding: The encoding; None to detect it.
        dialect: What is known of the dialect, by argument of `Dialect`; the rest is sniffed.
        layout: Where the header is.
        declared: What is known of the schema; the rest is inferred.
        extract: Keeps what stood where a value is missing.
        strip: Whether blanks around values are left out.
        ragged: One of `decode.RAGGED`.
        limit: The most rows to read.
    """

    encoding: str | None = None
    dialect: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    declared: Declared = field(default_factory=Declared)
    extract: Extract | None = None
    strip: bool = True
    ragged: str = "raise"
    limit: int | None = None


@dataclass(frozen=True)
class FilePlan:
    """How one file is read.

    Attributes:
        split: What reads it.
        samples: Batches of text columns, from its head and from elsewhere.
        notes: What the user should know.
    """

    split: CsvSplit
    samples: list[pa.RecordBatch]
    notes: list[str]


@dataclass(frozen=True)
class Plan:
    """How one resource is read.

    Attributes:
        splits: What reads it, in order.
        text: The schema of what the splits decode: columns of text.
        schema: The schema the text is to be cast to.
        properties: What the resource's descriptor says of the source: `format`, `mediatype`, `encoding`,
            `dialect`.
        notes: What the user should know.
    """

    splits: list[CsvSplit]
    text: Schema
    schema: Schema
    properties: dict[str, Any]
    notes: list[str]


def plan(sources: Sequence[Source], options: Options) -> Plan:
    """Plan to read files as one resource, one after the other.

    Args:
        sources: The files, in order. All must have the columns of the first; their order may differ.
        options: What is known of them.

    Raises:
        AccessError: A file cannot be read, or is no CSV.
        DataError: A header that is faulty, or not that of the first file.
        FlowError: An option does not fit the files.
    """
    # Of very many files, some are sampled all over, and of the others only the first rows are read.
    step = max(1, len(sources) // _THOROUGH)
    files = [
        plan_file(source, options, thorough=number % step == 0 or number == len(sources) - 1)
        for number, source in enumerate(sources)
    ]
    columns = files[0].split.columns
    splits = [_aligned(file.split, columns, files[0].split.source) for file in files]
    names = columns
    if options.extract is not None:
        options.extract.check(columns)
        names = (*columns, options.extract.target)
    schema, notes = _schema(files, columns, options)
    split = splits[0]
    properties: dict[str, Any] = {
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": _iana(split.encoding.name),
    }
    dialect = {**split.decoder.grammar.dialect.descriptor, **split.layout.descriptor}
    if dialect:
        properties["dialect"] = dialect
    all_notes = [note for file in files for note in file.notes] + notes
    text = Schema.from_descriptor({"fields": [{"name": name, "type": "string"} for name in names]})
    return Plan(splits, text, schema, properties, list(dict.fromkeys(all_notes)))


def _schema(
    files: Sequence[FilePlan], columns: tuple[str, ...], options: Options
) -> tuple[Schema, list[str]]:
    declared = options.declared
    unknown = declared.undeclared(columns)
    inferred, notes = Schema(), list[str]()
    samples = [batch for file in files for batch in file.samples if batch.num_rows]
    if unknown and samples:
        inferred, notes = infer_schema(
            [batch.select(unknown) for batch in samples], missing_values=declared.missing_values
        )
    schema = declared.schema(columns, inferred, files[0].split.source)
    if known := [name for name in columns if name not in unknown]:
        schema = fitted(schema, [batch.select(known) for batch in samples])
    if options.extract is not None:
        schema = schema.add(*Schema.from_descriptor({"fields": [options.extract.field]}).fields)
    return schema, notes


def _aligned(split: CsvSplit, columns: tuple[str, ...], first: str) -> CsvSplit:
    names = split.decoder.names
    if set(names) != set(columns) or len(names) != len(columns):
        missing = [name for name in columns if name not in names]
        extra = [name for name in names if name not in columns]
        faults = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        faults += [f"has {', '.join(map(repr, extra))} besides"] if extra else []
        raise DataError(
            f"{split.source} has another header than {first}: it {' and '.join(faults)}"
            "\n  load it as a resource of its own (many=True), or correct the header"
        )
    return replace(split, columns=columns)


def plan_file(source: Source, options: Options, *, thorough: bool = True) -> FilePlan:
    """Plan to read one file; its head is read, and places all over it if that costs nothing.

    Args:
        source: The file.
        options: What is known of it.
        thorough: Whether to read more than the first rows.

    Raises:
        AccessError: It cannot be read, or is no CSV.
        DataError: Its header is faulty, or no encoding fits it.
    """
    with closing(source.open()) as raw:
        most = HEAD_BYTES if raw.seekable() else LONG_HEAD_BYTES
        head, complete = read_head(raw, most if thorough else SHORT_HEAD_BYTES)
        size = raw.seek(0, os.SEEK_END) if raw.seekable() else None
    _check_text(head, source, options.dialect)
    encoding = detect_encoding(head, options.encoding, complete=complete)
    places: list[bytes] = []
    if size is not None and thorough and not complete and encoding.name == "utf-8":
        places = read_places(source, len(head), size)
        if options.encoding is None and not encoding.mark:
            encoding = detect_elsewhere(places) or encoding
    plain = size is not None and source.local is not None
    split, samples = _begun(source, options, encoding, head, complete=complete, plain=plain)
    if encoding.name == "utf-8":
        strict = replace(split.decoder, ragged="raise")
        multiline = any(has_lines(batch) for batch in samples)
        found = (records_in(lines, strict, multiline=multiline) for lines in places)
        samples += [batch for batch in found if batch is not None]
    return FilePlan(split, samples, [f"{source.shown}: {encoding.note}"] if encoding.note else [])


def _begun(
    source: Source, options: Options, encoding: Encoding, head: bytes, *, complete: bool, plain: bool
) -> tuple[CsvSplit, list[pa.RecordBatch]]:
    """The split, and the rows of the head."""
    text = _as_utf8(head, encoding)
    grammar = Grammar(_dialect(text, source, options))
    while (found := options.layout.read(text, grammar, source.shown, complete=complete)) is None:
        # A header longer than the head: rare enough to begin again.
        with closing(source.open()) as again:
            head, complete = read_head(again, 4 * len(head))
        text = _as_utf8(head, encoding)
    if not found.names:
        raise UnreadableError(f"{source.shown} is empty: without a header and rows its columns are unknown")
    decoder = Decoder(
        names=found.names,
        grammar=grammar,
        missing_values=()
        if options.extract or options.declared.by_field
        else options.declared.missing_values,
        strip=options.strip,
        ragged=options.ragged,
        keep_blank=len(found.names) == 1,
    )
    rows = _head_rows(decoder, found.kept + text[found.end :])
    size = BLOCK_SIZE
    if rows is not None and rows.num_rows:
        # A file whose rows are long gets longer blocks, so that there are enough rows in each.
        size = min(max(size, (len(text) - found.end) // rows.num_rows * _ROWS_PER_BLOCK), _LARGEST_BLOCK)
    split = CsvSplit(
        source,
        encoding,
        options.layout,
        decoder,
        found.names,
        extract=options.extract,
        plain=plain,
        block_size=size,
        limit=options.limit,
    )
    return split, [] if rows is None else [rows]


def _check_text(head: bytes, source: Source, dialect: Mapping[str, Any]) -> None:
    found = signature_of(head[:_SIGNATURE_BYTES])
    if found is None or ("json" in found.formats and "delimiter" in dialect):
        return  # with a delimiter that does not occur, lines of JSON are a table of one column
    hint = "; perhaps the address is that of the web page that links to it" if "html" in found.formats else ""
    raise UnreadableError(f"{source.shown} is {found.looks}, not CSV{hint}")


def _as_utf8(head: bytes, encoding: Encoding) -> bytes:
    """The part of the head that is text; whatever is wrong behind it is told when it is read."""
    stream = to_utf8(io.BytesIO(head), encoding)
    if encoding.name == "utf-8":
        return stream.read() or b""
    try:
        return stream.read(len(head) or 1) or b""
    except DataError:
        return b""


def _dialect(text: bytes, source: Source, options: Options) -> Dialect:
    given = dict(options.dialect)
    if "delimiter" not in given and source.suffix in (".tsv", ".tab") and (b"\t" in text or not text.strip()):
        given["delimiter"] = "\t"
    first = min(options.layout.rows, default=1)
    return sniff_dialect(text, given, first=first)


def _head_rows(decoder: Decoder, data: bytes) -> pa.RecordBatch | None:
    """The rows of the head; a broken record among them does not matter yet."""
    end = decoder.grammar.last_end(data)
    if not end:
        # One record without a line end, or one that is longer than the head.
        data = data + b"\n" if data else data
        end = len(data)
    for attempt in (decoder, replace(decoder, ragged="truncate")):
        try:
            return attempt(data[:end])
        except DataError:
            continue
    return None


def _iana(encoding: str) -> str:
    return {"iso8859-1": "iso-8859-1", "cp1252": "windows-1252"}.get(encoding, encoding)
