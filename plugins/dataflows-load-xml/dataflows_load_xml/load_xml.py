"""The processor: the records of XML documents into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import FlowError, UnreadableError
from dataflows_core.files import Source, expand
from dataflows_core.files.source import stem
from dataflows_core.infer import infer_schema
from dataflows_core.loader_options import CAST, INFER, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted
from dataflows_load_xml.parse import Document, checked_encoding
from dataflows_load_xml.path import Path
from dataflows_load_xml.shape import Shape
from dataflows_load_xml.split import Records, Table, XmlSplit, as_text
from dataflows_load_xml.survey import find_records, outline
from dataflows_load_xml.values import Fault, Values

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package

__all__ = ["load_xml"]

logger = logging.getLogger("dataflows.load_xml")

_HEAD = 1 << 16


def load_xml(
    load_source: str | FilePath | Iterable[str | FilePath],
    name: str | None = None,
    limit_rows: int | None = None,
    infer_strategy: Literal["full", "strings", "pytypes"] | None = None,
    cast_strategy: Literal["schema", "strings", "nothing"] | None = None,
    override_schema: Mapping[str, Any] | None = None,
    override_fields: Mapping[str, Mapping[str, Any]] | None = None,
    on_error: OnError = "raise",
    *,
    record: str | None = None,
    namespaces: Mapping[str, str] | None = None,
    flatten: bool | str = False,
    attribute_prefix: str = "",
    mixed: Literal["error", "text", "markup"] = "error",
    strip: bool = True,
    encoding: str | None = None,
    huge: bool = False,
    extra: Literal["error", "ignore"] = "error",
    sample_size: int = 1000,
    schema: Mapping[str, Any] | Schema | None = None,
    compression: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load the records of XML documents, in bounded memory.

    A record is an element; its attributes, the elements in it, and its own text (under its own name) are
    fields. An element with attributes or elements of its own becomes an object, its text ``#text``; elements
    of one name become an array. Types are told from the texts, as with CSV; within objects and arrays texts
    stay texts. An empty element is null like an empty cell (``missingValues``), and so is ``xsi:nil``.

    Nothing outside of a document is ever read: no DTD, no external entity, no XInclude. A document that needs
    them, is not well-formed, nests too deeply or grows without end by its entities is an error.

    Args:
        load_source: A path, a pattern such as ``"days-*.xml"`` (in order of name), a URL, or a list of these.
        name: The resource's name; by default made of the file's.
        limit_rows: The most rows to load; None for all.
        infer_strategy: ``"full"`` (the default) gives fields the types that their texts have in the first
            records; ``"strings"`` makes each a text, unless its type is declared.
        cast_strategy: ``"schema"`` (the default) casts; ``"strings"`` and ``"nothing"`` make all texts.
        override_schema: Table Schema properties to go over the schema, such as ``missingValues``.
        override_fields: Field properties by field name: ``{"author": {"type": "array"}}``.
        on_error: What is done with a value that is not of its field's type.
        record: The path of the records: ``"channel/item"`` below the root, ``"/rss/channel/item"`` with the
            root, ``"//item"`` anywhere; ``*`` stands for any name. By default the one element that repeats.
        namespaces: Namespaces by prefix, for the names in `record` and in fields. By default names in
            `record` are found in every namespace, and fields of another namespace than their record have the
            document's prefix.
        flatten: Whether elements within elements become fields of their own, ``address.city``; or what stands
            between the names.
        attribute_prefix: What is put before the names of attributes, such as ``"@"``.
        mixed: What becomes of an element in which text and elements are mixed: ``"error"``, its ``"text"``,
            or all of its ``"markup"``.
        strip: Whether blanks around texts are left out.
        encoding: The encoding, if the one that the document declares is wrong.
        huge: Whether the parser's limits are lifted (texts of 10 MB, 256 levels) and records may have more
            than 64 MB; for documents that you trust.
        extra: What becomes of fields that the sample has not shown: ``"error"``, or ``"ignore"`` to leave
            them out.
        sample_size: How many records are looked at for the fields and their types.
        schema: A Table Schema; fields it declares are not inferred.
        compression: ``"gzip"``, ``"zip"``, ``"bz2"``, ``"xz"``, ``"zstd"``, or ``"none"``.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.

    Raises:
        FlowError: Options that contradict each other; `record` is no path, or leads nowhere.
        AccessError: A file cannot be read, or not to its end.
        UnreadableError: A file is no XML, or does not show which elements are the records.
        DataError: A document is not well-formed, or hostile.
        RowError: A record has what the sample has not shown, or mixes text and elements.
        CastError: A value that is not of its field's type.

    Examples:
        >>> from pathlib import Path
        >>> from dataflows_core import Flow
        >>> book = '<book id="7"><title>A</title><price>9.90</price></book>'
        >>> _ = Path("x.xml").write_text(f"<shop><books>{book}</books></shop>")
        >>> Flow(load_xml("x.xml", record="books/book")).results().rows
        [[{'id': 7, 'title': 'A', 'price': Decimal('9.9')}]]
    """
    check_on_error(on_error)
    one_of("extra", extra, ("error", "ignore"))
    one_of("mixed", mixed, ("error", "text", "markup"))
    declared = Declared.of(
        schema,
        override_schema,
        override_fields,
        text=one_of("infer_strategy", infer_strategy, INFER) == "strings",
        untyped=one_of("cast_strategy", cast_strategy, CAST) == "strings",
        null_sequence=None,
    )
    limit = checked_limit(limit_rows)
    if sample_size < 1:
        raise FlowError(f"sample_size={sample_size!r} must be a number from 1")
    if flatten == "":
        raise FlowError("flatten='' would put nothing between names; flatten=True puts a point")
    prefixes = dict(namespaces or {})
    load = _Load(
        declared,
        None if record is None else Path(record, prefixes),
        Values(prefixes, attribute_prefix, strip, mixed),
        "." if flatten is True else flatten or None,
        extra,
        sample_size,
        None if encoding is None else checked_encoding(encoding),
        huge,
    )

    def step(package: Package) -> None:
        files = expand(load_source, storage_options or {}, compression, cache=cache, max_size=max_size)
        given = load_source if isinstance(load_source, str | FilePath) else files[0].path
        called = name or stem(str(given))
        splits, table = load.plan(files)
        resource = Resource(called, Stream.of(splits, table.travelling), {"path": f"{called}.xml"})
        if limit is not None:
            resource.pipe_batches(Limit(limit))
        resource.map_batches(Cast(table.schema, on_error=on_error), table.schema, reads=())
        package.add(resource)

    return step


@dataclass(frozen=True)
class _Load:
    """How documents are read."""

    declared: Declared
    path: Path | None
    values: Values
    separator: str | None
    extra: str
    sample: int
    encoding: str | None
    huge: bool

    def plan(self, files: Sequence[Source]) -> tuple[list[XmlSplit], Table]:
        """The splits of some files, and what their records become."""
        documents = [Document(file, self.encoding, self.huge) for file in files]
        path, found = (self.path, False) if self.path is not None else find_records(documents[0])
        assert path is not None
        if self.path is None:
            logger.info("%s: the records are %s", files[0].shown, path.text)
        records = [Records(document, path, self.values, found) for document in documents]
        sample = [record for one in records for record in islice(one, self.sample)]
        if not sample and not self.declared.descriptor.get("fields"):
            raise self._nothing(documents[0], path)
        shape = Shape.of(record for record in sample if not isinstance(record, Fault))
        if whole := frozenset(shape.whole()):
            # Elements in which some mix text and elements are texts throughout.
            records = [replace(one, values=replace(self.values, whole=whole)) for one in records]
            sample = [record for one in records for record in islice(one, self.sample)]
            shape = Shape.of(record for record in sample if not isinstance(record, Fault))
        table = self._table(
            shape, [record for record in sample if not isinstance(record, Fault)], files[0].shown
        )
        return [XmlSplit(one, table) for one in records], table

    def _nothing(self, document: Document, path: Path) -> Exception:
        return FlowError(
            f"record={path.text!r} finds nothing in {document.file.shown}; it "
            f"has:{outline(document.head(_HEAD))}\n"
            "  (a file that may have no records needs a schema)"
        )

    def _table(self, shape: Shape, sample: Sequence[dict[str, Any]], source: str) -> Table:
        self._apply_declared(shape)
        columns = _named_once(shape.columns(self.separator), source)
        # What is null is often left out, so that declared fields need not be among those of the sample.
        known = [item["name"] for item in self.declared.descriptor.get("fields", ())]
        names = (
            *columns,
            *(name for name in dict.fromkeys([*known, *self.declared.fields]) if name not in columns),
        )
        shapes = {name: columns.get(name, Shape()) for name in names}
        open_schema = Schema(tuple(Field({"name": name}) for name in names))
        raw = Table(open_schema, shape, self.separator, "ignore")
        rows = [raw.row(record) for record in sample]
        wanted = self.declared.undeclared(names)
        inferred = Schema(tuple(_inferred(rows, shapes, wanted, self.declared.missing_values, source)))
        schema = self.declared.schema(names, inferred, source)
        texts = [one for one in schema if one.name not in wanted and shapes[one.name].is_text]
        batch = pa.RecordBatch.from_pydict(
            {
                one.name: pa.array([as_text(row.get(one.name), one) for row in rows], pa.string())
                for one in texts
            }
        )
        schema = fitted(schema, [batch])
        nested = frozenset(
            one.name for one in schema if isinstance(one.arrow, pa.JsonType) and not shapes[one.name].is_text
        )
        return Table(schema, shape, self.separator, self.extra, nested)

    def _apply_declared(self, shape: Shape) -> None:
        """What is declared to be an array or an object is one, whatever the sample shows."""
        fields = {item["name"]: item for item in self.declared.descriptor.get("fields", ())}
        for name in {*fields, *self.declared.fields}:
            kind = self.declared.fields.get(name, {}).get("type") or fields.get(name, {}).get("type")
            if kind in ("array", "list"):
                shape.members.setdefault(name, Shape()).repeated = True
            elif kind == "object" and name not in shape.members:
                shape.members[name] = Shape(structured=True)


def _named_once(columns: Iterator[tuple[str, Shape]], source: str) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    for name, shape in columns:
        if name in found:
            raise UnreadableError(
                f"{source} has two things that would be the field {name!r}; flatten='__' puts something else "
                "between names"
            )
        found[name] = shape
    return found


def _inferred(
    rows: Sequence[Mapping[str, Any]],
    shapes: Mapping[str, Shape],
    wanted: Sequence[str],
    missing: Sequence[str],
    source: str,
) -> Iterator[Field]:
    for name in wanted:
        shape = shapes[name]
        if not shape.is_text:
            yield Field({"name": name, "type": "array" if shape.repeated else "object"})
            continue
        texts = pa.RecordBatch.from_pydict({name: pa.array([row.get(name) for row in rows], pa.string())})
        schema, notes = infer_schema([texts], missing_values=missing)
        for note in notes:
            logger.warning("%s: %s", source, note)
        one = schema.field(name)
        # Text that looks like JSON is text: arrays and objects are made of elements.
        yield Field({"name": name, "type": "string"}) if one.type in ("array", "object") else one
