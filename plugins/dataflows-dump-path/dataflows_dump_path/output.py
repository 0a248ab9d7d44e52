"""One file as it is written, counted and hashed on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dataflows_core.commit import access_errors
from dataflows_dump_path.writer import Data

__all__ = ["HASH", "Output", "Written"]

HASH = "sha256"
"""The algorithm of every hash. Data Package asks that any other than md5 be named: ``sha256:…``."""


@dataclass(frozen=True)
class Written:
    """A finished file.

    Attributes:
        path: Where it is.
        rows: Number of rows in it.
        bytes: Its size.
        digest: The SHA-256 of its bytes, in hexadecimal.
    """

    path: Path
    rows: int
    bytes: int
    digest: str

    @property
    def hash(self) -> str:
        """The digest with its algorithm, as descriptors have it."""
        return f"{HASH}:{self.digest}"


class Output:
    """A new file. Libraries may take it for a binary file that is written from the beginning to the end.

    Args:
        path: Where it is; what was there is replaced.
        name: What messages call it.

    Raises:
        AccessError: It cannot be written.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.rows = self.bytes = 0
        self.closed = False
        self._digest = hashlib.new(HASH)
        with access_errors(f"write {name}"):
            self._file = path.open("wb")

    def write(self, data: Data, rows: int = 0) -> int:
        """Append bytes, which hold so many rows; returns the number of bytes."""
        with access_errors(f"write {self.name}"):
            self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)
        self.rows += rows
        return len(data)

    def tell(self) -> int:
        """The number of bytes that are written."""
        return self.bytes

    def flush(self) -> None:
        """Nothing: the file is complete when it is closed."""

    def close(self) -> Written:
        """Close the file."""
        with access_errors(f"write {self.name}"):
            self._file.close()
        return Written(self.path, self.rows, self.bytes, self._digest.hexdigest())

    def discard(self) -> None:
        """Close the file, whatever is in it; somebody else removes it."""
        # Closing flushes, which fails again on a full disk.
        try:
            self._file.close()
        except OSError:
            self._file.raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
