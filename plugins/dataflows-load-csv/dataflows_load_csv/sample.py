"""Sampling a file: its head, and blocks spread over the rest."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa

from dataflows_core.errors import DataError
from dataflows_core.files import Readable, Source
from dataflows_load_csv.decode import Decoder

__all__ = [
    "HEAD_BYTES",
    "LONG_HEAD_BYTES",
    "SHORT_HEAD_BYTES",
    "has_lines",
    "read_head",
    "read_places",
    "records_in",
]

HEAD_BYTES = 1 << 18
"""Bytes of the head, of a file in which any place can be gone to."""
LONG_HEAD_BYTES = 1 << 21
"""Bytes of the head of any other: it is all there is to sample."""
SHORT_HEAD_BYTES = 1 << 14
"""Bytes of the head of one of very many files."""
PLACES = 12
PLACE_BYTES = 1 << 15


def read_head(stream: Readable, size: int) -> tuple[bytes, bool]:
    """The first bytes of a stream, and whether they are all."""
    parts: list[bytes] = []
    left = size
    while left > 0:
        part = stream.read(left)
        if not part:
            return b"".join(parts), True
        parts.append(part)
        left -= len(part)
    return b"".join(parts), False


def read_places(source: Source, begin: int, size: int) -> list[bytes]:
    """Lines from all over a file, its end among them; the first and the last of a place whole.

    Args:
        source: A file in which any place can be gone to, in an encoding whose line ends are those of ASCII.
        begin: Offset behind which to read.
        size: Length of the file in bytes.
    """
    places = []
    with closing(source.open()) as stream:
        step = max((size - PLACE_BYTES - begin) // PLACES, PLACE_BYTES)
        for place in range(begin + step, size, step):
            stream.seek(place)
            data = stream.read(PLACE_BYTES)
            if place + PLACE_BYTES >= size and not data.endswith((b"\n", b"\r")):
                data += b"\n"
            end = b"\n" if b"\n" in data else b"\r"
            places.append(data[data.find(end) + 1 : data.rfind(end) + 1])
    return [data for data in places if data]


def records_in(data: bytes, decoder: Decoder, *, multiline: bool) -> pa.RecordBatch | None:
    """The records of some lines from the midst of a file; None when they cannot be told.

    The lines may begin inside a quoted cell. They are taken for records only if that reading is well formed
    and gives every row its number of cells, and the opposite reading is and does not.

    Args:
        data: Whole lines, in UTF-8.
        decoder: Makes columns of records; raises on ragged ones.
        multiline: Whether cells of several lines are known to occur; then lines without any quote prove
            nothing.
    """
    grammar = decoder.grammar
    body = data[: grammar.last_end(data)]
    if not grammar.has_quotes(body):
        return None if multiline else _decoded(body, decoder)
    # In a file of one column every reading gives every row one cell.
    if len(decoder.names) == 1 or grammar.dialect.escapechar or not grammar.well_formed(body):
        return None
    opposite = str(grammar.dialect.quotechar).encode() + data
    return _decoded(body, decoder) if _is_refuted(opposite, decoder) else None


def _is_refuted(data: bytes, decoder: Decoder) -> bool:
    """Whether the data cannot be the end of a record and further records."""
    grammar = decoder.grammar
    body = data[: grammar.last_end(data)]
    if not body:
        return False
    if not grammar.well_formed(body):
        return True
    # The end of a record may have any number of cells.
    rest = body[next(grammar.records(body)).end :]
    return bool(rest) and _decoded(rest, decoder) is None


def _decoded(data: bytes, decoder: Decoder) -> pa.RecordBatch | None:
    if not data:
        return None
    try:
        return decoder(data)
    except DataError:
        return None


def has_lines(batch: pa.RecordBatch) -> bool:
    """Whether some value has several lines."""
    contents = [text for column in batch.columns if (text := column.buffers()[2]) is not None]
    return any(char in text.to_pybytes() for text in contents for char in (b"\n", b"\r"))
