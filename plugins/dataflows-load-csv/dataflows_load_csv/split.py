"""A split: one CSV file, or a range of its bytes, as the engine reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa

from dataflows_core.errors import DataError, RowError
from dataflows_core.files import Readable, Source
from dataflows_load_csv.blocks import Block, cut
from dataflows_load_csv.decode import Decoder
from dataflows_load_csv.encoding import Encoding, to_utf8
from dataflows_load_csv.extract import Extract
from dataflows_load_csv.header import Head, Layout

__all__ = ["CsvSplit"]

BLOCK_SIZE = 2 << 20
_SMALLEST_PART = 8 << 20
_HEAD = 1 << 16


@dataclass(frozen=True)
class CsvSplit:
    """One CSV file, or a range of its bytes: a `dataflows_core.stream.Split`.

    The batches it decodes are columns of text; nulls stand where the file has a missing value.

    Args:
        file: The file.
        encoding: How it is written.
        layout: Where its header is.
        decoder: Makes columns of its records.
        columns: The names of the columns of the batches, in order; the file may have them in another order.
        extract: Adds a column with what stood where a value is missing.
        selection: The columns of the batches, if they are not all of `columns`, and what `extract` adds.
        plain: Whether the file is local and not compressed.
        block_size: Bytes of a block, about.
        limit: The most rows to read; None for all.
        begin: Offset in bytes at which the range begins, where a record begins; 0 for the whole file with
            its header.
        end: Offset at which it ends; None for the end of the file.
    """

    file: Source
    encoding: Encoding
    layout: Layout
    decoder: Decoder
    columns: tuple[str, ...]
    extract: Extract | None = None
    plain: bool = False
    block_size: int = BLOCK_SIZE
    limit: int | None = None
    begin: int = 0
    end: int | None = None
    selection: tuple[str, ...] | None = None

    @property
    def source(self) -> str:
        """What messages call the file: its path as the user wrote it."""
        return self.file.shown

    @property
    def size(self) -> int | None:
        """Length in bytes; None when it is not known, or is not that of the text (compressed files)."""
        if self.end is not None:
            return self.end - self.begin
        path = self.file.local
        if not self.plain or path is None:
            return None
        try:
            return path.stat().st_size - self.begin
        except OSError:
            return None  # opening it will say why

    def blocks(self) -> Iterator[Block]:
        """The data records, in blocks, read anew.

        Raises:
            AccessError: The file cannot be opened, or not read to its end.
            DataError: Its header is not the one that was planned with.
        """
        blocks = self._blocks()
        return blocks if self.limit is None else self._limited(blocks, self.limit)

    def _blocks(self) -> Iterator[Block]:
        grammar = self.decoder.grammar
        with closing(self.file.open()) as raw:
            if self.begin:
                raw.seek(self.begin)
                length = None if self.end is None else self.end - self.begin
                yield from cut(raw, grammar, self.block_size, length=length)
                return
            stream = to_utf8(raw, self.encoding)
            head, data = self._head(stream)
            if head.names != self.decoder.names:
                raise DataError(
                    f"the header of {self.source} has changed since the flow was planned: it was "
                    f"{', '.join(self.decoder.names)} and is {', '.join(head.names)}"
                )
            length = None if self.end is None else self.end - self.encoding.mark - len(data)
            yield from cut(stream, grammar, self.block_size, rest=head.kept + data[head.end :], length=length)

    def _head(self, stream: Readable) -> tuple[Head, bytes]:
        """What stands above the data, and the bytes that were read to see it."""
        data = b""
        while True:
            chunk = stream.read(max(len(data), _HEAD))
            data += chunk
            head = self.layout.read(data, self.decoder.grammar, self.source, complete=not chunk)
            if head is not None:
                return head, data

    def _limited(self, blocks: Iterator[Block], limit: int) -> Iterator[Block]:
        left = limit
        with closing(blocks):  # type: ignore[type-var]
            for block in blocks:
                end = 0
                for record in self.decoder.grammar.records(block.data):
                    if left == 0:
                        break
                    left -= record.kind == "data" or (record.kind == "blank" and self.decoder.keep_blank)
                    end = record.end
                if block.fault is None:
                    block.data = block.data[:end]
                yield block
                if left == 0:
                    return

    def decode(self, block: Block) -> pa.RecordBatch:
        """The rows of a block, as columns of text.

        Raises:
            RowError: A record that is no text, is ragged, or is never finished.
        """
        if block.fault is not None:
            raise RowError(str(block.fault), index=0)
        batch = self.decoder(block.data)
        block.tally[block.number] = batch.num_rows
        if self.extract is not None:
            batch = self.extract(batch.select(list(self.columns)))
            return batch if self.selection is None else batch.select(list(self.selection))
        wanted = self.columns if self.selection is None else self.selection
        return batch if wanted == self.decoder.made else batch.select(list(wanted))

    def select(self, names: Sequence[str]) -> CsvSplit:
        """The split with these columns only; no others are made, unless what they hold is extracted."""
        kept = None if self.extract else tuple(name for name in self.decoder.names if name in set(names))
        return replace(self, selection=tuple(names), decoder=replace(self.decoder, kept=kept))

    def locate(self, block: Block, index: int) -> int:
        """The number of a record in its file: 1 for the first data record.

        The header, what stands above it, comments and blank lines (unless they are rows, in a file of one
        column) do not count, and a record of several lines counts once. Rows of earlier blocks are known from
        their decoding; where they are not, in another process, they are counted by reading again.

        Args:
            block: A block of this split.
            index: Position in the decoded batch, from 0.
        """
        if self.begin and -1 not in block.tally:  # what is before this part is counted once
            whole = replace(self, begin=0, end=self.begin, limit=None)
            block.tally[-1] = sum(self.decoder(earlier.data).num_rows for earlier in whole.blocks())
        before = block.tally.get(-1, 0)
        if all(number in block.tally for number in range(block.number)):
            before += sum(block.tally[number] for number in range(block.number))
        else:
            for earlier in self.blocks():
                if earlier.number == block.number:
                    break
                before += self.decoder(earlier.data).num_rows
        return before + index + 1

    def divide(self, parts: int) -> list[CsvSplit]:
        """The split as several, which together are the same rows in the same order.

        Only a large local file that is neither compressed nor in an encoding other than UTF-8 is divided, and
        only where a record is proven to end: the file is read once for that, if there is a quote in it.

        Args:
            parts: How many splits are wanted; there may be fewer.
        """
        size = self.size
        whole = self.begin == 0 and self.end is None and self.limit is None
        # Rows that are left out behind the header are no part of any range.
        skips = max(self.layout.skip, default=0) > max(self.layout.rows, default=0)
        if size is None or not whole or skips or self.encoding.name != "utf-8":
            return [self]
        parts = min(parts, size // _SMALLEST_PART)
        if parts < 2:
            return [self]
        wanted = [size * part // parts for part in range(1, parts)]
        bounds = self._record_ends(wanted)
        starts = [0, *bounds]
        return [
            replace(self, begin=begin, end=end) for begin, end in zip(starts, [*bounds, None], strict=True)
        ]

    def _record_ends(self, wanted: list[int]) -> list[int]:
        """Offsets at which records end, one behind each of the offsets wanted, as far as there are some."""
        found: list[int] = []
        grammar = self.decoder.grammar
        with closing(self.file.open()) as stream:
            place = self.encoding.mark
            to_utf8(stream, self.encoding)
            head, data = self._head(stream)
            if len(data) > _SMALLEST_PART:
                return []
            place += head.end
            for block in cut(stream, grammar, self.block_size, rest=data[head.end :]):
                place += len(block)
                if len(found) < len(wanted) and place >= wanted[len(found)]:
                    found.append(place)
        return found
