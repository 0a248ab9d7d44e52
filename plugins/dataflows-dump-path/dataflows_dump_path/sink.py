"""The sink of one tabular resource: encodes batches anywhere, writes them to a staged file in order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.commit import access_errors
from dataflows_core.schema import Schema
from dataflows_core.sink import Receipt
from dataflows_dump_path.output import HASH, Output, Written
from dataflows_dump_path.writer import Data, Writer

__all__ = ["EncodedBatch", "ResourceSink"]

_COPY_SIZE = 1 << 20


@dataclass(frozen=True)
class EncodedBatch:
    """The bytes of a batch.

    Attributes:
        data: Its rows, as the writer encodes them.
        rows: Their number.
    """

    data: Data
    rows: int


@dataclass(eq=False)
class ResourceSink:
    """Writes one resource of a dump.

    Args:
        target: Where it is written in the end, as the user calls it.
        schema: The schema of the batches.
        writer: The writer of the format.
        prepare: Called in the driver before anything is written; returns the folder for this resource's
            files, which exists then.
        take_back: Called in the driver when the run failed.
        formats: Python `strftime` formats by name of the temporal fields that are not written canonically.
    """

    target: str
    schema: Schema
    writer: Writer
    prepare: Callable[[], Path] | None
    take_back: Callable[[], None] | None
    formats: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    written: Written | None = None
    _output: Output | None = None

    def begin(self) -> None:
        """Open the staged file."""
        assert self.prepare is not None
        self.folder = self.prepare()
        self._output = Output(self.folder / "whole", self.target)
        self._output.write(self.writer.header())

    def encode(self, batch: pa.RecordBatch) -> EncodedBatch:
        """The rows as the writer encodes them."""
        if self.formats:
            batch = _formatted(batch, self.schema, self.formats)
        return EncodedBatch(self.writer.encode(batch), batch.num_rows)

    def append(self, encoded: EncodedBatch) -> None:
        """Write the rows behind those that are written."""
        assert self._output is not None
        if encoded.rows:
            _separate(self._output, self.writer)
            self._output.write(encoded.data, encoded.rows)

    def open_part(self, part: int) -> Part:
        """A file for one part, without header and footer."""
        assert self.folder is not None
        return Part(self.folder / f"{part:06}", part, self.target, self.writer)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Put the parts together, and close the staged file."""
        assert self._output is not None
        for receipt in sorted(receipts, key=lambda receipt: receipt.part):
            if receipt.rows:
                _separate(self._output, self.writer)
                self._append_file(Path(receipt.path), receipt.rows)
        self._output.write(self.writer.footer())
        self.written = self._output.close()

    def abort(self) -> None:
        """Close the staged file, and remove everything that was staged."""
        if self._output is not None:
            self._output.discard()
        if self.take_back is not None:
            self.take_back()

    def _append_file(self, path: Path, rows: int) -> None:
        assert self._output is not None
        with access_errors(f"write {self.target}"):
            with path.open("rb") as file:
                while data := file.read(_COPY_SIZE):
                    self._output.write(data)
            path.unlink()
        self._output.rows += rows

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens parts of its own; the file, the lock and the dump stay with the driver.
        return {**self.__dict__, "prepare": None, "take_back": None, "_output": None}


class Part:
    """One part of a resource; it gets its name when it is finished.

    Args:
        path: What it is to be called.
        part: Its number.
        name: What messages call the file.
        writer: The writer of the format.
    """

    def __init__(self, path: Path, part: int, name: str, writer: Writer) -> None:
        self._path, self._part, self._writer = path, part, writer
        # Two workers may write the same part at once, when one was taken for lost.
        self._output = Output(path.with_name(f"{path.name}.{uuid.uuid4().hex}"), name)

    def append(self, encoded: EncodedBatch) -> None:
        """Write the rows behind those that are written."""
        if encoded.rows:
            _separate(self._output, self._writer)
            self._output.write(encoded.data, encoded.rows)

    def close(self) -> Receipt:
        """Finish the part."""
        written = self._output.close()
        with access_errors(f"write {self._output.name}"):
            written.path.replace(self._path)
        return Receipt(self._part, str(self._path), written.rows, written.bytes, f"{HASH}:{written.digest}")


def _separate(output: Output, writer: Writer) -> None:
    if output.rows and writer.separator:
        output.write(writer.separator)


def _formatted(batch: pa.RecordBatch, schema: Schema, formats: Mapping[str, str]) -> pa.RecordBatch:
    """Temporal columns as text in other formats than the canonical one."""
    values = typed(batch, schema, formats)
    columns = [
        pa.array([None if v is None else v.strftime(formats[name]) for v in column.to_pylist()], pa.string())
        if name in formats
        else batch.column(index)
        for index, (name, column) in enumerate(zip(schema.names, values.columns, strict=True))
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(schema.names))
