"""What a run writes into: the sink protocol.

A sink takes one resource. The driver (the process that runs the flow) and, when the run is distributed,
its workers call it in this order:

    driver    begin()                            of every sink, in planning order, before any batch
    anywhere    encode(batch) -> encoded         pure: pool threads and worker processes, many at once
    driver        append(encoded)                in the order of the stream; or, in a worker process,
    worker        open_part(n) -> PartWriter     append(encoded) … close() -> Receipt
    driver    commit(receipts)                   of every sink, once all streams have ended well
    driver    abort()                            of every sink instead, or after a commit that failed

A sink pickles: what it opens, it opens in `begin` or in `open_part`, and leaves behind when it is sent to
a worker. `commit` makes one resource whole but shows nothing yet; a step that writes several resources and
a descriptor swaps them in together, in a function that it gives to `Package.on_finish`, and takes back
what it began in one that it gives to `Package.on_abort`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Encoded", "PartWriter", "Receipt", "Sink"]

Encoded: TypeAlias = Any
"""What a sink makes of one batch: its own affair, but small, and picklable."""


@dataclass(frozen=True)
class Receipt:
    """What a worker says of the part it wrote.

    Attributes:
        part: The part's number; parts are put together in this order.
        path: Where it is, for the sink's `commit`.
        rows: Number of rows in it.
        bytes: Its size.
        hash: ``algorithm:hex digest`` of its bytes.
        fingerprint: What it was made of; the same plan and input give the same one. Empty when unknown.
    """

    part: int
    path: str
    rows: int
    bytes: int
    hash: str
    fingerprint: str = ""


class PartWriter(Protocol):
    """One part of a resource, as a worker writes it."""

    def append(self, encoded: Encoded) -> None:
        """Take one encoded batch, in the order of the split."""
        ...

    def close(self) -> Receipt:
        """Finish the part: it gets its name now, so that a half-written one has none.

        Raises:
            AccessError: It cannot be written.
        """
        ...


class Sink(Protocol):
    """Takes the batches of one resource. See the module for who calls what, and when.

    A sink may have an attribute `target`, a text that tells people where it writes.
    """

    def begin(self) -> None:
        """Prepare; called once, before any other method, in the driver.

        Raises:
            AccessError: What is written to cannot be used.
        """
        ...

    def encode(self, batch: pa.RecordBatch) -> Encoded:
        """Make of a batch what `append` takes. Pure: it depends on the batch alone, and changes nothing.

        Args:
            batch: The columns of the resource's schema; may hold carried text.
        """
        ...

    def append(self, encoded: Encoded) -> None:
        """Take one encoded batch, in the order of the stream.

        Raises:
            AccessError: It cannot be written.
        """
        ...

    def open_part(self, part: int) -> PartWriter:
        """Begin a part. Safe to do twice: a part that is closed again replaces itself, whole.

        Args:
            part: The part's number, from 0 in each run.

        Raises:
            AccessError: It cannot be written.
        """
        ...

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Make the resource whole.

        Args:
            receipts: One per part, when workers wrote it; empty when it was appended to.

        Raises:
            AccessError: It cannot be written.
        """
        ...

    def abort(self) -> None:
        """Remove what was begun; never what an earlier run left. Does nothing when nothing was begun."""
        ...
