"""The processor: JSON into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import DataError, FlowError, shorten
from dataflows_core.files import Source, expand
from dataflows_core.files.source import stem
from dataflows_core.infer import infer_rows
from dataflows_core.loader_options import CAST, INFER, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted
from dataflows_load_json.geojson import tell_crs, tell_foreign
from dataflows_load_json.rows import Document, shape_of
from dataflows_load_json.shape import GEOMETRY, SPATIAL
from dataflows_load_json.split import JsonSplit, as_text, read_schema, rows_in

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package

__all__ = ["load_json"]

logger = logging.getLogger("dataflows.load_json")

_LINES = (".ndjson", ".jsonl", ".geojsonl")


def load_json(
    load_source: str | Path | Iterable[str | Path],
    name: str | None = None,
    limit_rows: int | None = None,
    infer_strategy: Literal["full", "strings", "pytypes"] | None = None,
    cast_strategy: Literal["schema", "strings", "nothing"] | None = None,
    override_schema: Mapping[str, Any] | None = None,
    override_fields: Mapping[str, Mapping[str, Any]] | None = None,
    on_error: OnError = "raise",
    *,
    property: str | None = None,
    keyed: str | None = None,
    lines: bool | None = None,
    extra: Literal["error", "ignore"] = "error",
    sample_size: int = 1000,
    schema: Mapping[str, Any] | Schema | None = None,
    compression: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load JSON, NDJSON (a document each line) or GeoJSON, in bounded memory.

    Rows are objects, or lists of which the first is the header. They are looked for in a list, in the one
    list that an object holds, in the features of GeoJSON (each becomes its properties and its `geometry`), or
    where `property` says. Numbers are read digit by digit; objects and lists within rows stay what they are.

    Coordinates of GeoJSON are loaded as they are; a warning tells of an old member `crs` that names another
    system than WGS 84, and of members of the sample's features that become no field (those beside `type`,
    `id`, `bbox`, `properties` and `geometry`).

    Args:
        load_source: A path, a pattern such as ``"days-*.json"`` (in order of name), a URL, or a list of
            these.
        name: The resource's name; by default made of the file's.
        limit_rows: The most rows to load; None for all.
        infer_strategy: ``"full"`` (the default) gives fields the types that their values have in the first
            rows; ``"strings"`` makes each a text, unless its type is declared.
        cast_strategy: ``"schema"`` (the default) casts; ``"strings"`` and ``"nothing"`` make all texts.
        override_schema: Table Schema properties to go over the schema, such as ``missingValues``.
        override_fields: Field properties by field name: ``{"day": {"type": "date"}}``.
        on_error: What is done with a value that is not of its field's type.
        property: The keys that lead to the rows, divided by dots: ``"data.rows"``.
        keyed: The rows are the values of an object; its keys become a field of this name.
        lines: Whether each line is a document; by default what the ending and the beginning of the file say.
        extra: What becomes of keys that the sample has not shown: ``"error"``, or ``"ignore"`` to leave them
            out.
        sample_size: How many rows are looked at for the fields and their types.
        schema: A Table Schema; fields it declares are not inferred.
        compression: ``"gzip"``, ``"zip"``, ``"bz2"``, ``"xz"``, ``"zstd"``, or ``"none"``.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.

    Raises:
        FlowError: Options that contradict each other; `property` leads nowhere.
        AccessError: A file cannot be read, or not to its end.
        UnreadableError: A file holds no rows, or several lists that could be them.
        DataError: A file is not JSON.
        RowError: A row is no object, has a key that no field declares, or a text with half a character; an
            object has a key twice (where lines are no documents, this is seen in the first 4,096 rows only,
            and the last value counts behind these).
        CastError: A value that is not of its field's type.

    Examples:
        >>> from pathlib import Path
        >>> from dataflows_core import Flow
        >>> _ = Path("x.json").write_text('{"ok": true, "rows": [{"n": 0.1}, {"n": 2}]}')
        >>> Flow(load_json("x.json")).results().rows
        [[{'n': Decimal('0.1')}, {'n': Decimal('2')}]]
    """
    check_on_error(on_error)
    one_of("extra", extra, ("error", "ignore"))
    if keyed is not None and lines:
        raise FlowError("keyed and lines=True contradict each other")
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
    path = tuple(part for part in (property or "").split(".") if part)
    load = _Load(declared, lines, path, keyed or "", extra, sample_size)

    def step(package: Package) -> None:
        files = expand(load_source, storage_options, compression, cache=cache, max_size=max_size)
        given = load_source if isinstance(load_source, str | Path) else files[0].path
        called = name or stem(str(given))
        splits, made = load.plan(files)
        resource = Resource(called, Stream.of(splits, read_schema(made)), {"path": f"{called}.json"})
        if limit is not None:
            resource.pipe_batches(Limit(limit))
        resource.map_batches(Cast(made, on_error=on_error), made, reads=())
        package.add(resource)

    return step


@dataclass(frozen=True)
class _Load:
    """How documents are read."""

    declared: Declared
    lines: bool | None
    path: tuple[str, ...]
    key: str
    extra: str
    sample: int

    def plan(self, files: Sequence[Source]) -> tuple[list[JsonSplit], Schema]:
        """The splits of some files, and the schema that their rows have."""
        documents, headed = [], []
        sample: list[dict[str, Any]] = []
        for file in files:
            lines = True if self.lines is None and file.suffix in _LINES else self.lines
            document = Document(file, shape_of(file, lines=lines, path=self.path, key=self.key))
            rows = rows_in(document, self.sample)
            if document.shape.geometry:
                document, rows = self._with_geometry(document, rows)
            tell_crs(file.shown, document.shape.crs)
            tell_foreign(file.shown, document.foreign)
            header = bool(rows) and isinstance(rows[0], list)
            sample += _headed(rows, file.shown) if header else [row for row in rows if isinstance(row, dict)]
            documents.append(document)
            headed.append(header)
        spatial = {document.shape.geometry for document in documents}
        schema = self._schema(sample, files[0].shown, spatial)
        pairs = zip(documents, headed, strict=True)
        return [JsonSplit(document, schema, header, self.extra) for document, header in pairs], schema

    def _with_geometry(self, document: Document, rows: list[Any]) -> tuple[Document, list[Any]]:
        """The document and its first rows, with the geometry under the name that the schema has for it."""
        keys = {key for row in rows if isinstance(row, dict) for key in row} - {GEOMETRY}
        fields = self.declared.descriptor.get("fields", ())
        spatial = [f["name"] for f in fields if f.get("type") in SPATIAL and f["name"] not in keys]
        if len(spatial) != 1 or any(f["name"] == GEOMETRY for f in fields):
            return document, rows
        document = replace(document, shape=replace(document.shape, geometry=spatial[0]))
        return document, rows_in(document, self.sample)

    def _schema(self, rows: Sequence[Mapping[str, Any]], source: str, spatial: set[str]) -> Schema:
        known = [item["name"] for item in self.declared.descriptor.get("fields", ())]
        # Objects leave out what is null, so that declared fields need not be among the keys, and their keys
        # have no order of their own.
        keys = dict.fromkeys(key for row in rows for key in row)
        names = tuple(dict.fromkeys([*known, *keys, *self.declared.fields]))
        wanted = self.declared.undeclared(names)
        picked = [{name: _plain(row.get(name)) for name in wanted} for row in rows]
        inferred = infer_rows(picked) if picked else Schema(tuple(Field({"name": name}) for name in wanted))
        inferred = inferred.add(*(Field({"name": n, "type": "geojson"}) for n in wanted if n in spatial))
        for field in inferred:
            if all(row.get(field.name) is None for row in rows):
                logger.warning("%s: field %r is null throughout the sample", source, field.name)
        schema = self.declared.schema(names, inferred, source)
        if "missingValues" not in schema.properties:
            schema = schema.with_properties(missingValues=[])
        declared = schema.select([name for name in names if name not in wanted])
        return fitted(schema, [as_text(rows, declared)])


def _headed(rows: Sequence[Any], source: str) -> list[dict[str, Any]]:
    header, *body = rows
    if not all(isinstance(name, str) for name in header) or len(set(header)) < len(header):
        raise DataError(f"the first row of {source} is no header: {shorten(header)}")
    blank = dict.fromkeys(header)
    return [blank, *({**blank, **dict(zip(header, row, strict=False))} for row in body)]


def _plain(value: Any) -> Any:
    """A number as the type that holds it: a decimal, unless only a double has room for it."""
    if isinstance(value, Decimal) and not -21 <= value.as_tuple().exponent <= 17:  # type: ignore[operator]
        double = float(value)
        return double if Decimal(repr(double)) == value else value
    return value
