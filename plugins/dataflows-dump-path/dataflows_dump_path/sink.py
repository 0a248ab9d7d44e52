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
from dataflows_dump_path.body import Body, EncodedBatch, body_of
from dataflows_dump_path.output import HASH, Output, Written
from dataflows_dump_path.writer import WholeWriter, Writer

__all__ = ["ResourceSink"]


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
    writer: Writer | WholeWriter
    prepare: Callable[[], Path] | None
    take_back: Callable[[], None] | None
    formats: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    written: Written | None = None
    _output: Output | None = None
    _body: Body | None = None

    def begin(self) -> None:
        """Open the staged file."""
        assert self.prepare is not None
        self.folder = self.prepare()
        self._output = Output(self.folder / "whole", self.target)
        self._body = body_of(self.writer, self._output)

    def encode(self, batch: pa.RecordBatch) -> EncodedBatch:
        """The rows as the writer encodes them."""
        if self.formats:
            batch = _formatted(batch, self.schema, self.formats)
        return EncodedBatch(self.writer.encode(batch), batch.num_rows)

    def append(self, encoded: EncodedBatch) -> None:
        """Write the rows behind those that are written."""
        assert self._body is not None
        if encoded.rows:
            self._body.append(encoded)

    def open_part(self, part: int) -> Part:
        """A file for one part, without header and footer."""
        assert self.folder is not None
        return Part(self.folder / f"{part:06}", part, self.target, self.writer)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Put the parts together, and close the staged file."""
        assert self._output is not None
        assert self._body is not None
        for receipt in sorted(receipts, key=lambda receipt: receipt.part):
            if receipt.rows:
                with access_errors(f"write {self.target}"):
                    self._body.append_part(Path(receipt.path), receipt.rows)
                    Path(receipt.path).unlink()
        self._body.close()
        self.written = self._output.close()

    def abort(self) -> None:
        """Close the staged file, and remove everything that was staged."""
        if self._body is not None:
            self._body.discard()
        if self._output is not None:
            self._output.discard()
        if self.take_back is not None:
            self.take_back()

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens parts of its own; the file, the lock and the dump stay with the driver.
        return {**self.__dict__, "prepare": None, "take_back": None, "_output": None, "_body": None}


class Part:
    """One part of a resource; it gets its name when it is finished.

    Args:
        path: What it is to be called.
        part: Its number.
        name: What messages call the file.
        writer: The writer of the format.
    """

    def __init__(self, path: Path, part: int, name: str, writer: Writer | WholeWriter) -> None:
        self._path, self._part = path, part
        # Two workers may write the same part at once, when one was taken for lost.
        self._output = Output(path.with_name(f"{path.name}.{uuid.uuid4().hex}"), name)
        self._body = body_of(writer, self._output, part=True)

    def append(self, encoded: EncodedBatch) -> None:
        """Write the rows behind those that are written."""
        if encoded.rows:
            self._body.append(encoded)

    def close(self) -> Receipt:
        """Finish the part."""
        self._body.close()
        written = self._output.close()
        with access_errors(f"write {self._output.name}"):
            written.path.replace(self._path)
        return Receipt(self._part, str(self._path), written.rows, written.bytes, f"{HASH}:{written.digest}")


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
