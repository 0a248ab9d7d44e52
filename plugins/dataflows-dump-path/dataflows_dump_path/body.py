"""What a file is made of between its first byte and its last: pieces that are put together, or one whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import pyarrow as pa

from dataflows_dump_path.output import Output
from dataflows_dump_path.writer import Data, OpenFile, WholeWriter, Writer

__all__ = ["Body", "EncodedBatch", "body_of"]

_COPY_SIZE = 1 << 20


@dataclass(frozen=True)
class EncodedBatch:
    """A batch, encoded.

    Attributes:
        data: Its rows, as the writer encodes them.
        rows: Their number.
    """

    data: Data | pa.RecordBatch
    rows: int


class Body(Protocol):
    """Writes the encoded batches of one file, or of a part of it."""

    def append(self, encoded: EncodedBatch) -> None:
        """Write a batch that has rows behind those that are written."""
        ...

    def append_part(self, path: Path, rows: int) -> None:
        """Write what a worker wrote into a part."""
        ...

    def close(self) -> None:
        """Write what comes last."""
        ...

    def discard(self) -> None:
        """Let go of everything: the file is not wanted any more."""
        ...


def body_of(writer: Writer | WholeWriter, output: Output, *, part: bool = False) -> Body:
    """The body of a file in a writer's format.

    Args:
        writer: The writer.
        output: The file; what it begins with is written now.
        part: Whether it is only a part of a file, which is appended to the file later.
    """
    if not hasattr(writer, "open"):
        return Pieces(writer, output, part=part)
    if part:
        return Batches(output)
    return Whole(cast(WholeWriter, writer).open(cast(BinaryIO, output)), output)


class Pieces:
    """The body of a file that is its header, its encoded batches and its footer.

    Args:
        writer: The writer.
        output: The file.
        part: Whether header and footer are left out.
    """

    def __init__(self, writer: Writer, output: Output, *, part: bool) -> None:
        self._writer, self._output, self._part = writer, output, part
        if not part:
            output.write(writer.header())

    def append(self, encoded: EncodedBatch) -> None:
        """Write the bytes, behind a separator unless they are the first."""
        self._separate()
        self._output.write(encoded.data, encoded.rows)

    def append_part(self, path: Path, rows: int) -> None:
        """Copy the part's bytes."""
        self._separate()
        with path.open("rb") as file:
            while data := file.read(_COPY_SIZE):
                self._output.write(data)
        self._output.rows += rows

    def close(self) -> None:
        """Write the footer."""
        if not self._part:
            self._output.write(self._writer.footer())

    def discard(self) -> None:
        """Nothing is held."""

    def _separate(self) -> None:
        if self._output.rows and self._writer.separator:
            self._output.write(self._writer.separator)


class Whole:
    """The body of a file that only its writer can write.

    Args:
        file: The file, begun by its writer.
        output: What the writer writes into.
    """

    def __init__(self, file: OpenFile, output: Output) -> None:
        self._file, self._output = file, output

    def append(self, encoded: EncodedBatch) -> None:
        """Hand the batch to the writer."""
        self._file.write(encoded.data)
        self._output.rows += encoded.rows

    def append_part(self, path: Path, rows: int) -> None:
        """Hand the batches of the part to the writer."""
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as batches:
            for batch in batches:
                self._file.write(batch)
        self._output.rows += rows

    def close(self) -> None:
        """Have the writer write the end."""
        self._file.close()

    def discard(self) -> None:
        """Have the writer let go."""
        self._file.discard()


class Batches:
    """The body of a part of such a file: the encoded batches as an Arrow stream.

    Args:
        output: The part.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._stream: pa.RecordBatchStreamWriter | None = None

    def append(self, encoded: EncodedBatch) -> None:
        """Write the batch."""
        batch = cast(pa.RecordBatch, encoded.data)
        if self._stream is None:
            self._stream = pa.ipc.new_stream(self._output, batch.schema)
        self._stream.write_batch(batch)
        self._output.rows += encoded.rows

    def append_part(self, path: Path, rows: int) -> None:
        """A part has no parts."""
        raise NotImplementedError(f"{path} ({rows} rows) cannot become a part of a part")

    def close(self) -> None:
        """End the stream; a part without rows stays empty, and is not read."""
        if self._stream is not None:
            self._stream.close()

    def discard(self) -> None:
        """Nothing is held."""
