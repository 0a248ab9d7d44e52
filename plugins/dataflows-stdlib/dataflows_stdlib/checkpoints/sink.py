"""How a checkpoint is written."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.commit import Commit, access_errors
from dataflows_core.errors import FlowError
from dataflows_core.schema import Schema
from dataflows_core.sink import Receipt
from dataflows_stdlib.checkpoints.store import MANIFEST, Kept

__all__ = ["KeepSink", "Writing"]


@dataclass(eq=False)
class Writing:
    """One run's writing of a checkpoint, in the driver.

    Attributes:
        folder: Where it is written.
        previous: The checkpoint that is there.
        content: What its manifest is to say.
        files: The files that are written, by number of the resource.
    """

    folder: Path
    previous: Kept | None
    content: dict[str, Any]
    files: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _commit: Commit | None = None

    def begin(self) -> Commit:
        """The commit; it locks the folder."""
        if self._commit is None:
            self._commit = Commit(self.folder)
        return self._commit

    def finish(self) -> None:
        """Swap the files in, the manifest last."""
        commit = self.begin()
        for number, item in enumerate(self.content["resources"]):
            item["files"] = self.files.get(number, [])
        try:
            text = json.dumps(self.content, ensure_ascii=False, indent=1)
        except (TypeError, ValueError) as error:
            raise FlowError(f"what the package says of itself cannot be written as JSON: {error}") from error
        with access_errors(f"write {self.folder / MANIFEST}"):
            commit.stage(MANIFEST).write_text(text, encoding="utf-8")
        paths = [file["path"] for files in self.files.values() for file in files]
        commit.finish([*paths, MANIFEST], remove=_paths(self.previous))
        self._commit = None

    def abort(self) -> None:
        """Leave the previous checkpoint as it is."""
        if self._commit is not None:
            self._commit.abort()
            self._commit = None


def _paths(kept: Kept | None) -> list[str]:
    resources = kept.content["resources"] if kept is not None else ()
    return [file["path"] for item in resources for file in item["files"]]


@dataclass(eq=False)
class KeepSink:
    """Keeps one resource of a checkpoint.

    Args:
        target: What messages call it.
        number: The number of the resource.
        schema: Its schema.
        writing: What it is part of; None in a worker.
    """

    target: str
    number: int
    schema: Schema
    writing: Writing | None
    scratch: Path | None = None
    _file: _Batches | None = None

    def begin(self) -> None:
        """Open the file."""
        assert self.writing is not None
        commit = self.writing.begin()
        self.scratch = commit.scratch
        self._file = _Batches(commit.stage(f"{self.number}-0.arrow"), self.schema)

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The typed batch."""
        return typed(batch, self.schema)

    def append(self, encoded: pa.RecordBatch) -> None:
        """Write a batch behind those that are written."""
        assert self._file is not None
        self._file.append(encoded)

    def open_part(self, part: int) -> _Part:
        """A file for one part."""
        assert self.scratch is not None
        return _Part(self.scratch / f"{self.number}-{part:06}.arrow", part, self.schema)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Put the files in order."""
        assert self.writing is not None
        assert self._file is not None
        files = [self._file.close()]
        parts = [receipt for receipt in sorted(receipts, key=lambda one: one.part) if receipt.rows]
        for number, receipt in enumerate(parts):
            name = f"{self.number}-{number}.arrow"
            with access_errors(f"write {self.target}"):
                Path(receipt.path).replace(self.writing.begin().stage(name))
            files[number:] = [{"path": name, "rows": receipt.rows, "bytes": receipt.bytes}]
        self.writing.files[self.number] = files

    def abort(self) -> None:
        """Close the file, and remove everything that was staged."""
        if self._file is not None:
            self._file.close()
        if self.writing is not None:
            self.writing.abort()

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens parts of its own; the commit stays with the driver.
        return {**self.__dict__, "writing": None, "_file": None}


class _Batches:
    """An Arrow file that is being written."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path, self._rows = path, 0
        with access_errors(f"write {path}"):
            self._file = pa.OSFile(str(path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(self._file, schema.arrow, options=options)

    def append(self, batch: pa.RecordBatch) -> None:
        with access_errors(f"write {self._path}"):
            self._writer.write_batch(batch)
        self._rows += batch.num_rows

    def close(self) -> dict[str, Any]:
        """End the file; what the manifest says of it."""
        with access_errors(f"write {self._path}"):
            self._writer.close()
            self._file.close()
            size = self._path.stat().st_size if self._path.exists() else 0
        return {"path": self._path.name, "rows": self._rows, "bytes": size}


class _Part:
    """One part of a resource; it gets its name when it is finished."""

    def __init__(self, path: Path, part: int, schema: Schema) -> None:
        # Two workers may write the same part at once, when one was taken for lost.
        self._draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        self._path, self._part, self._file = path, part, _Batches(self._draft, schema)

    def append(self, encoded: pa.RecordBatch) -> None:
        """Write a batch behind those that are written."""
        self._file.append(encoded)

    def close(self) -> Receipt:
        """Finish the part."""
        written = self._file.close()
        with access_errors(f"write {self._path}"):
            self._draft.replace(self._path)
        return Receipt(self._part, str(self._path), written["rows"], written["bytes"], "")
