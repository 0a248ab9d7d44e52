"""What a file is by its content, told from its first bytes.

Looked at where neither a format, nor a scheme, nor an ending says it; and where a loader cannot read what an
ending promised. Of a remote file only the beginning is asked for.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from dataflows_core.files import Source
from dataflows_core.files.compression import compression_of

__all__ = ["Content", "content_of", "look", "signature_of"]

_HEAD = 1 << 14
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_MEMBER = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
_DELIMITERS = ",;\t|"
_CONSISTENT = 0.8


@dataclass(frozen=True)
class Content:
    """What a file looks like.

    Attributes:
        looks: What messages call it: ``"an HTML page"``.
        formats: The names of loaders that read it, the closest first; none when it is no table of any kind.
        certain: Whether it cannot be anything else.
        members: The files in it, or the first of them, if it is a zip file.
    """

    looks: str
    formats: tuple[str, ...] = ()
    certain: bool = True
    members: tuple[str, ...] = ()


_BYTES = (
    (rb"PAR1[\0-\x08\x0e-\x1f]", Content("a Parquet file", ("parquet",))),
    (rb"ARROW1\0\0", Content("an Arrow file", ("arrow", "feather"))),
    (rb"\xff{4}.{3}\0\x10\0\0\0", Content("an Arrow stream", ("arrows", "arrow"))),
    (rb"SQLite format 3\0", Content("a SQLite database", ("sqlite",))),
    (rb".{8}DUCK..\0{6}", Content("a DuckDB database", ("duckdb",))),
    (
        rb"\xd0\xcf\x11\xe0",
        Content("an Excel workbook (xls, or one with a password)", ("xls",)),
    ),
    (rb"Obj\x01", Content("an Avro file", ("avro",))),
    (rb"ORC[\0-\x08\x0e-\x1f\x80-\xff]", Content("an ORC file", ("orc",))),
    (rb"\x89HDF\r\n", Content("an HDF5 file", ("hdf5",))),
    (rb"%PDF-", Content("a PDF document")),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF.{4}WEBP", Content("a picture")),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", Content("an archive (7z, RAR), which has to be unpacked first")),
    (rb".{257}ustar[\0 ]", Content("a tar archive, which has to be unpacked first")),
)
"""Of formats that begin with a signature."""

_ODF = r"application/vnd\.oasis\.opendocument\."
_MEMBERS = (
    (r"xl/workbook\.bin", Content("an Excel workbook (xlsb)", ("xlsb",))),
    (r"xl/.*", Content("an Excel workbook (xlsx)", ("xlsx",))),
    (r"(word|ppt|visio)/.*", Content("an Office document, and no workbook")),
    (r"datapackage\.json", Content("a Data Package", ("datapackage",))),
    (r"content\.xml", Content("an OpenDocument workbook (ods)", ("ods",))),
)
"""Of zip files, by what is in them."""

_SPREADSHEET = "urn:schemas-microsoft-com:office:spreadsheet"
_BEFORE = r"(?>\s|<\?.*?\?>|<!--.*?-->)*+"  # never gone back into: that takes forever
_FRAGMENT = r"(?>\s|<!--.*?-->)*+<(?:head|body|meta|table|div)\b"
_FEATURES = r'"type"\s*:\s*"FeatureCollection"'
_TEXTS = (
    (rf"{_BEFORE}<(?:!doctype\s+html|html)\b|{_FRAGMENT}", Content("an HTML page", ("html",))),
    (rf"{_BEFORE}<.*?{_SPREADSHEET}", Content("an Excel 2003 workbook in XML", ("excel-xml", "xml"))),
    (r"\s*<(?:\?xml\s|!--|!doctype\s)", Content("XML", ("xml",))),
    (rf'\s*\{{\s*(?=").*?{_FEATURES}', Content("GeoJSON", ("geojson", "json"))),
    (r'\s*(?:\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}\s*$)|\[\s*\{\s*["}])', Content("JSON", ("json",))),
    (r"\s*\[\s*[\[\]]", Content("JSON", ("json",), certain=False)),
)
"""Of texts, by their beginning."""

_TAG = re.compile(r"\s*<[a-z_][\w.:-]*[\s/>]", re.IGNORECASE)


def look(file: Source) -> Content:
    """What a file looks like.

    Args:
        file: The file; where it is packed, what is inside counts.

    Raises:
        AccessError: It cannot be read.
        FlowError: No file system knows its scheme.
    """
    head, seekable = _head(replace(file, compression="none", member=None))
    packed = compression_of(head) if file.compression is None else file.compression
    if packed == "zip" and file.member is None:
        names = (file.members() if seekable else None) or _first_members(head)
        found = _container(names, head)
        if found.formats or not seekable or len(names) != 1:
            return found
    if packed not in (None, "none") or file.member is not None:
        head, _ = _head(file)
    return content_of(head, complete=len(head) < _HEAD)


def _head(file: Source) -> tuple[bytes, bool]:
    """The first bytes, and whether others can be gone to without those between."""
    head = b""
    with closing(file.open()) as stream:
        while len(head) < _HEAD and (data := stream.read(_HEAD - len(head))):
            head += data
        return head, stream.seekable()


def _first_members(head: bytes) -> list[str]:
    """The files in a zip file whose beginning is known; the list of all of them is at its end."""
    places = [(found.end(), int.from_bytes(found[1], "little")) for found in _MEMBER.finditer(head)]
    names = [head[start : start + length].decode("utf-8", "replace") for start, length in places]
    return [name for name in names if not name.endswith("/")]


def _container(names: Sequence[str], head: bytes) -> Content:
    if re.search(rf"mimetype{_ODF}(?!spreadsheet)".encode(), head[:256]):
        return Content("an OpenDocument file, and no workbook")
    for pattern, content in _MEMBERS:
        if any(re.fullmatch(pattern, name) for name in names):
            return content
    listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return Content(f"a zip file that holds {listed or 'nothing'}", members=tuple(names))


def content_of(head: bytes, *, complete: bool = False) -> Content:
    r"""What the first bytes of a file say that it is.

    Args:
        head: The bytes, unpacked.
        complete: Whether there are no more of them.

    Examples:
        >>> content_of(b"<!DOCTYPE html>\n<html>").looks
        'an HTML page'
        >>> content_of(b"city;people\nLyon;522250\n", complete=True).formats
        ('csv',)
    """
    if not head.strip():
        return Content("empty")
    text = _text(head)
    if found := _by_signature(head, text):
        return found
    if text is None:
        return Content(f"binary, and begins with the bytes {head[:8].hex(' ')}", certain=False)
    if _is_table(text, complete):
        return Content("a delimited table", ("csv",), certain=False)  # whose header may be <DATE>,<OPEN>
    if _TAG.match(text):
        return Content("XML", ("xml", "html"), certain=False)
    return Content("text in which no columns are seen; format='csv' reads it all the same", certain=False)


def signature_of(head: bytes) -> Content | None:
    r"""What the first bytes of a file say beyond doubt; None when they leave some.

    Args:
        head: The bytes, unpacked.

    Examples:
        >>> signature_of(b'{"error": "not found"}').looks
        'JSON'
        >>> signature_of(b"city;people\nLyon;522250\n")
    """
    found = _by_signature(head, _text(head))
    return found if found and found.certain else None


def _by_signature(head: bytes, text: str | None) -> Content | None:
    for pattern, content in _BYTES:
        if re.match(pattern, head, re.DOTALL):
            return content
    if text is None:
        return None
    if _is_document_a_line(text):
        return Content("NDJSON", ("ndjson", "jsonl", "json"))
    for sign, content in _TEXTS:
        if re.match(sign, text, re.DOTALL | re.IGNORECASE):
            return content
    return None


def _text(head: bytes) -> str | None:
    """The bytes as text; None when they are none."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "ignore")
    if not _CONTROL.search(head.rstrip(b"\x1a")):  # which ended files of MS-DOS
        try:
            return codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            return head.decode("latin-1")
    for encoding, zeros, others in (
        ("utf-16-le", head[1::2], head[::2]),
        ("utf-16-be", head[::2], head[1::2]),
    ):
        if others and zeros.count(0) * 3 > len(zeros) and not _CONTROL.search(others):
            return head.decode(encoding, "ignore")
    return None


def _is_document_a_line(text: str) -> bool:
    first, _, rest = text.strip().partition("\n")
    if not (first.startswith(("{", "[")) and rest.lstrip().startswith(("{", "["))):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _is_table(text: str, complete: bool) -> bool:
    """Whether some delimiter cuts nearly all lines into as many cells as the first, and more than one."""
    for delimiter in _DELIMITERS:
        rows = [row for row in csv.reader(io.StringIO(text, newline=None), delimiter=delimiter) if row]
        if not complete:
            rows = rows[:-1]  # the last one may be cut off
        wide = sum(len(row) == len(rows[0]) for row in rows)
        if len(rows) > 1 and len(rows[0]) > 1 and wide >= _CONSISTENT * len(rows):
            return True
    return False
