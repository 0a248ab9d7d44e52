"""The rows of a document, one after the other, in bounded memory; numbers digit by digit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

import ijson

from dataflows_core.errors import DataError, RowError, UnreadableError, shorten
from dataflows_core.files import Readable, Source
from dataflows_load_json.depth import DepthGuard
from dataflows_load_json.geojson import MEMBERS, crs_behind, tell_crs
from dataflows_load_json.shape import GEOMETRY, Shape, find_shape
from dataflows_load_json.surrogates import HalfCharacterError, SurrogateGuard

__all__ = ["Document", "Line", "shape_of"]

_BLOCK_ROWS = 1 << 12
_BLOCK_SIZE = 1 << 20
_MOST_FOREIGN = 20
_LONGEST_LINE = 256 << 20
_PIECE = 1 << 13  # what a parser gets between two looks at how deeply it nests
_END = 1 << 10  # where a member behind the rows would be
_MARK = b"\xef\xbb\xbf"

Line = bytes
"""One line of an NDJSON file."""


class _Checked:
    """The bytes of a file, in UTF-8 and without the byte order mark.

    Args:
        stream: The bytes.
        file: The file they are of.
        nested: Whether they are one document, which must not nest too deeply.
    """

    def __init__(self, stream: Readable, file: Source, *, nested: bool = True) -> None:
        self._stream = stream
        self._head = stream.read(4) or b""
        if self._head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in self._head:
            raise UnreadableError(f"{file.shown} is not in UTF-8, as JSON has to be")
        self._head = self._head.removeprefix(_MARK)
        self._guard = DepthGuard(file.shown, partial(_again, file)) if nested else None
        self.surrogates: SurrogateGuard | None = None
        self.end = b""

    def read(self, size: int = -1) -> bytes:
        if size == 0:  # somebody wants to know whether bytes come, or text
            return b""
        data, self._head = self._head, b""
        if self._guard is None:
            return data or self._stream.read(size) or b""
        data = data or self._stream.read(_PIECE if size < 0 else min(size, _PIECE)) or b""
        self._guard.see(data)
        self.end = (self.end + data)[-_END:]
        if self.surrogates is not None:
            self.surrogates.see(data)
        return data


def _again(file: Source) -> Iterator[bytes]:
    with closing(file.open()) as raw:
        stream = _Checked(raw, file, nested=False)
        while data := stream.read(_PIECE):
            yield data


@contextmanager
def _json_errors(source: str) -> Iterator[None]:
    try:
        yield
    except ijson.JSONError as error:
        raise DataError(f"{source} is not JSON, or is cut short: {_first_line(error)}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{source} is not JSON that can be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return str(text).strip().split("\n")[0]


def shape_of(file: Source, *, lines: bool | None, path: tuple[str, ...], key: str) -> Shape:
    """The shape of a file.

    Args:
        file: The file.
        lines: Whether each line is a document; None to find it out.
        path: The keys that lead to the rows.
        key: The field that keys become.

    Raises:
        AccessError: It cannot be read.
        DataError: It is not JSON.
        UnreadableError: It holds no rows, or one does not know which.
    """
    if lines:
        return Shape("lines", path, geometry=GEOMETRY if file.suffix == ".geojsonl" else "")
    with closing(file.open()) as raw, _json_errors(file.shown):
        checked = _Checked(raw, file)
        if lines is None and not path and not key and (found := _by_line(checked, file.shown)):
            return found
    with closing(file.open()) as raw, _json_errors(file.shown):
        return find_shape(ijson.basic_parse(_Checked(raw, file)), file.shown, path, key)


def _by_line(stream: _Checked, source: str) -> Shape | None:
    """That each line is a document, when the first one is one, and there is a second."""
    head = b""
    while b"\n" not in head.strip() and len(head) < _BLOCK_SIZE and (data := stream.read(1 << 16)):
        head += data
    first, _, rest = head.strip().partition(b"\n")
    if not first:
        raise UnreadableError(f"{source} is empty")
    if not (first.startswith((b"{", b"[")) and rest.strip()):
        return None
    try:
        found = json.loads(first)
    except ValueError:
        return None
    return Shape("lines", geometry=GEOMETRY if _is_feature(found) else "")


@dataclass(frozen=True)
class Document:
    """A file, and where the rows are in it.

    Args:
        file: The file.
        shape: Where the rows are.
        foreign: Members of features that no field is made of, as far as rows were read.
    """

    file: Source
    shape: Shape
    foreign: set[str] = field(default_factory=set, compare=False)

    def blocks(self, *, unique: bool = False) -> Iterator[list[Any]]:
        """The rows, some thousands at a time; as they lie there, or of NDJSON as lines.

        Args:
            unique: Whether keys that an object has twice are an error, which takes its time.

        Raises:
            AccessError: The file cannot be read to its end.
            DataError: It is not JSON.
        """
        with closing(self.file.open()) as raw, _json_errors(self.file.shown):
            if self.shape.kind == "lines":
                yield from _line_blocks(_Checked(raw, self.file, nested=False), self.file.shown)
                return
            stream = _Checked(raw, self.file)
            block: list[Any] = []
            for item in self._items(stream, unique):
                block.append(item)
                if len(block) >= _BLOCK_ROWS:
                    yield block
                    block = []
            if block:
                yield block
            if self.shape.kind == "features" and self.shape.crs is None and not unique:
                tell_crs(self.file.shown, crs_behind(stream.end))

    def parse(self, line: Line, index: int) -> Any:
        """The row that a line of NDJSON says.

        Args:
            line: The line.
            index: Its index, for errors.

        Raises:
            RowError: It is not JSON, or an object in it has a key twice.
        """
        try:
            item = _DECODER.decode(line.decode("utf-8-sig"))
            return self._row(item) if self.shape.geometry else item
        except (ValueError, RecursionError) as error:
            raise RowError(f"the line is not JSON: {error}", index=index) from error
        except RowError as error:
            error.index = index
            raise

    def _items(self, stream: _Checked, unique: bool) -> Iterator[Any]:
        stream.surrogates = SurrogateGuard()
        count = 0
        try:
            for item in self._parsed(stream, ijson, _Unique if unique else None):
                yield item
                count += 1
        except RowError as error:
            raise DataError(f"row {count + 1} of {self.file.shown}: {error}") from error
        except HalfCharacterError:
            with closing(self.file.open()) as raw:  # once more, with a parser that keeps it, to be told of
                kept = self._parsed(_Checked(raw, self.file), ijson.get_backend("python"), None)
                yield from islice(kept, count, None)

    def _parsed(self, stream: _Checked, parser: Any, map_type: type | None) -> Iterator[Any]:
        shape = self.shape
        if shape.kind == "keyed":
            for key, value in parser.kvitems(stream, shape.prefix, use_float=False, map_type=map_type):
                _once(value)
                if not isinstance(value, dict):
                    raise DataError(f"{self.file.shown}: the value of {key!r} is no row: {shorten(value)}")
                if shape.key in value:
                    raise DataError(
                        f"{self.file.shown}: the row of {key!r} has a field {shape.key!r} already"
                    )
                yield {shape.key: key, **value}
            return
        prefix = f"{shape.prefix}.item" if shape.path else "item"
        items: Iterable[Any] = parser.items(stream, prefix, use_float=False, map_type=map_type)
        items = items if map_type is None else map(_once, items)
        yield from (map(self._row, items) if shape.geometry else items)

    def _row(self, item: Any) -> Any:
        """A feature as a row: its properties, its id, its geometry.

        Raises:
            RowError: One of its properties has the name of the others, and another value.
        """
        if not isinstance(item, dict) or item.get("type") != "Feature":
            return item  # no row: whoever makes columns says so, with its number
        if not item.keys() <= MEMBERS and len(self.foreign) < _MOST_FOREIGN:
            self.foreign.update(item.keys() - MEMBERS)
        row = dict(item.get("properties") or {})
        for member, name in (("id", "id"), ("geometry", self.shape.geometry)):
            if member in item and row.setdefault(name, item[member]) != (said := item[member]) is not None:
                raise RowError(
                    f"the feature has the {member} {shorten(said)} and a property {name!r} of another value, "
                    f"and only one can become the field {name!r}\n"
                    "  correct it where the file comes from; of a collection, property='features' loads the "
                    "features as they are"
                )
        return row


def _is_feature(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "Feature" and "geometry" in item


def _line_blocks(stream: _Checked, source: str) -> Iterator[list[Line]]:
    rest = b""
    while data := stream.read(_BLOCK_SIZE):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise DataError(f"{source} has a line of more than {_LONGEST_LINE:,} bytes; is it NDJSON?")
        if found := [line for line in lines if line.strip()]:
            yield found
    if rest.strip():
        yield [rest]


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise RowError(_twice(next(name for name in names if names.count(name) > 1)))
    return found


class _Unique(dict[str, Any]):
    """An object that remembers a key that it got twice; the parser takes no error from it."""

    twice: str | None = None

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            self.twice = key
        super().__setitem__(key, value)


def _once(item: Any) -> Any:
    """The row, in which no object has a key twice."""
    left: list[Any] = [item] if isinstance(item, _Unique) else []
    while left:
        value = left.pop()
        if isinstance(value, _Unique):
            if value.twice is not None:
                raise RowError(_twice(value.twice))
            left += value.values()
        elif isinstance(value, list):
            left += value
    return item


def _twice(key: str) -> str:
    return f"an object has the key {key!r} twice, and one of the values would be lost"


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
