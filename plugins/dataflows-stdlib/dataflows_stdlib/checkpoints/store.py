"""The folder of a checkpoint.

    .checkpoints/name/
        checkpoint.json     what it was made of, and what is in it
        0-0.arrow …         resource 0, part 0: Arrow IPC files, types and all

`checkpoint.json` is written last, in one swap with the others (see `dataflows_core.commit`): whatever
happens, the folder holds the previous checkpoint or the new one. Files of others in it stay.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataflows_core.commit import recover
from dataflows_core.errors import AccessError
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.stream import Stream
from dataflows_stdlib.checkpoints.inputs import changed

__all__ = ["MANIFEST", "Kept", "KeptSplit", "Link", "read_kept"]

MANIFEST = "checkpoint.json"
_VERSION = 1


@dataclass(frozen=True)
class Link:
    """One link of a flow, as a checkpoint remembers it.

    Attributes:
        position: Its position in the flow.
        name: Its name in messages.
        digest: Its fingerprint.
    """

    position: str
    name: str
    digest: str


@dataclass(frozen=True)
class Kept:
    """A checkpoint that is in a folder.

    Attributes:
        folder: The folder.
        content: What its manifest says.
    """

    folder: Path
    content: Mapping[str, Any]

    def outdated(self, links: Sequence[Link]) -> str | None:
        """Why it must be written anew, in words; None when it is what the links would give again.

        Args:
            links: The links that are before it now.
        """
        known = [Link(**link) for link in self.content["links"]]
        for before, now in zip(known, links, strict=False):
            if before.digest != now.digest:
                return f"step {now.position}, {now.name}, has changed"
        if len(known) != len(links):
            return "other steps are before it"
        for item in self.content["resources"]:
            for file in item["files"]:
                path = self.folder / file["path"]
                if not path.is_file() or path.stat().st_size != file["bytes"]:
                    return f"its file {path} is damaged"
        return changed(self.content["inputs"])

    def schema(self, item: Mapping[str, Any]) -> Schema:
        """The schema of one of its resources."""
        descriptor = item["descriptor"]["schema"]
        with _opened(self.folder / item["files"][0]["path"]) as reader:
            arrow = reader.schema
        fields = [
            Field(field, arrow.field(position).type) for position, field in enumerate(descriptor["fields"])
        ]
        return Schema(tuple(fields), {key: value for key, value in descriptor.items() if key != "fields"})

    def schemas(self) -> dict[str, Schema]:
        """The schemas of its tables, by name."""
        tables = (item for item in self.content["resources"] if item["files"])
        return {item["descriptor"]["name"]: self.schema(item) for item in tables}

    def bring(self, package: Package) -> None:
        """Make a package what it was when the checkpoint was written."""
        package.properties.update(self.content["properties"])
        package.stats.update(self.content["stats"])
        for item in self.content["resources"]:
            properties = {
                key: value for key, value in item["descriptor"].items() if key not in ("name", "schema")
            }
            name, stream = item["descriptor"]["name"], None
            if item["files"]:
                schema = self.schema(item)
                splits = [
                    KeptSplit(
                        str(self.folder / file["path"]), f"checkpoint {self.folder.name}, {name}", first
                    )
                    for file, first in zip(item["files"], _starts(item["files"]), strict=True)
                ]
                stream = Stream.of(splits, schema)
                properties.pop("profile", None)
                if not item["path"]:
                    properties.pop("path", None)
            resource = package.add(Resource(name, stream, properties))
            resource.source, resource.unnamed = list(item["source"]), item["unnamed"]


def _starts(files: Sequence[Mapping[str, Any]]) -> list[int]:
    starts, total = [], 0
    for file in files:
        starts.append(total)
        total += file["rows"]
    return starts


def read_kept(folder: Path) -> Kept | None:
    """The checkpoint in a folder; None when there is none.

    Raises:
        AccessError: The folder cannot be read, or what is in it is no checkpoint.
    """
    if not folder.is_dir():
        return None
    recover(folder)
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AccessError(f"the checkpoint {folder} cannot be read: {error}; delete the folder") from error
    # Another version of this program has written it: it is as good as none.
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        return None
    return Kept(folder, content)


@dataclass(frozen=True)
class KeptSplit:
    """One file of a checkpoint.

    Attributes:
        path: Where it is.
        source: What messages call it.
        first: The number of the resource's rows before it.
        begin: The first of its batches that are meant.
        end: The batch behind the last; None for all.
    """

    path: str
    source: str
    first: int
    begin: int = 0
    end: int | None = None
    size: int | None = None

    def blocks(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, with the number of rows before them."""
        with _opened(Path(self.path)) as reader:
            rows = self.first
            for number in range(reader.num_record_batches if self.end is None else self.end):
                batch = reader.get_batch(number)
                if number >= self.begin:
                    yield rows, batch
                rows += batch.num_rows

    def decode(self, block: tuple[int, pa.RecordBatch]) -> pa.RecordBatch:
        """The batch as it was written."""
        return block[1]

    def locate(self, block: tuple[int, pa.RecordBatch], index: int) -> int:
        """The row's number in the resource."""
        return block[0] + index + 1

    def divide(self, parts: int) -> list[KeptSplit]:
        """The same rows in several splits."""
        with _opened(Path(self.path)) as reader:
            count = reader.num_record_batches
        parts = max(1, min(parts, count))
        bounds = [count * part // parts for part in range(parts + 1)]
        return [KeptSplit(self.path, self.source, self.first, begin, end) for begin, end in pairwise(bounds)]


class _opened:  # noqa: N801 - a context manager, used as a function
    """An Arrow file, open for reading."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> pa.ipc.RecordBatchFileReader:
        try:
            self._file = pa.memory_map(os.fspath(self._path))
            return pa.ipc.open_file(self._file)
        except (OSError, pa.ArrowInvalid) as error:
            raise AccessError(f"{self._path}, of a checkpoint, cannot be read: {error}") from error

    def __exit__(self, *_: object) -> None:
        self._file.close()
