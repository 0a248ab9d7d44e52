"""Cutting a stream into blocks of whole records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dataflows_core.errors import DataError
from dataflows_core.files import Readable
from dataflows_load_csv.encoding import BadBytes
from dataflows_load_csv.grammar import Grammar

__all__ = ["Block", "cut"]

LONGEST_RECORD = 256 << 20
"""A record of more bytes than this is refused, before memory runs out."""


@dataclass(slots=True)
class Block:
    """Some whole records of a file.

    Attributes:
        data: Their bytes, in UTF-8, with line ends.
        number: How many blocks of this reading come before it.
        tally: The number of rows of each decoded block of this reading, by `number`; shared by its blocks, so
            that a row can be located without reading again. At -1, those before a part of a file.
        fault: What is wrong with the one record that the block holds then.
    """

    data: bytes
    number: int
    tally: dict[int, int] = field(default_factory=dict, repr=False)
    fault: DataError | None = None

    def __len__(self) -> int:
        return len(self.data)


def cut(
    stream: Readable, grammar: Grammar, size: int, *, rest: bytes = b"", length: int | None = None
) -> Iterator[Block]:
    """The blocks of a stream, in order.

    A fault does not lose what comes before it: whole records first, then one block that holds the broken
    record and says what is wrong with it.

    Args:
        stream: UTF-8, where a record begins, `rest` apart.
        grammar: Where records end.
        size: Bytes of a block, about. A record that is longer makes a longer block.
        rest: Bytes that were read before.
        length: How many bytes to read; None for all. Must end where a record ends.

    Raises:
        AccessError: The stream cannot be read to its end.
    """
    tally: dict[int, int] = {}
    number = 0
    left = length
    while True:
        want = max(size - len(rest), len(rest))
        if left is not None:
            want = min(want, left)
        fault: DataError | None = None
        try:
            chunk = stream.read(want) if want else b""
        except BadBytes as error:
            chunk, fault = b"", error
        left = None if left is None else left - len(chunk)
        data = rest + chunk
        if not chunk:
            break
        end = grammar.last_end(data)
        if not end and len(data) > LONGEST_RECORD:
            fault = _endless(grammar, data)
            break
        rest = data[end:]
        if end:
            yield Block(data[:end], number, tally)
            number += 1
    for block in _last(data, grammar, fault):
        block.number, block.tally = number, tally
        yield block
        number += 1


def _last(data: bytes, grammar: Grammar, fault: DataError | None) -> Iterator[Block]:
    """What is left at the end: records without a line end, or broken ones."""
    if not data and fault is None:
        return
    if fault is None:
        data = data if data.endswith((b"\n", b"\r")) else data + b"\n"
        if not grammar.open_at_end(data):
            yield Block(data, 0)
            return
        fault = _unclosed(grammar, len(data))
    end = grammar.last_end(data)
    if end:
        yield Block(data[:end], 0)
    yield Block(data[end:], 0, fault=fault)


def _endless(grammar: Grammar, data: bytes) -> DataError:
    if grammar.has_quotes(data):
        return _unclosed(grammar, len(data))
    return DataError(
        f"this record has no end in {len(data):,} bytes: there is no line end\n"
        "  is it CSV? one that has no line ends, or ends lines in another way, has to get them first"
    )


def _unclosed(grammar: Grammar, size: int) -> DataError:
    quote = grammar.dialect.quotechar
    return DataError(
        f"a quoted cell begins in this record and is never closed, in {size:,} bytes\n"
        f"  close it with {quote}, or say that {quote} is a character like any other (quotechar=None)"
    )
