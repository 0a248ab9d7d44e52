"""A stream: a lazy table, made of splits and operations.

A `Stream` never changes; a step that adds work makes a longer one. No data move until a run pulls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, runtime_checkable

import pyarrow as pa

from dataflows_core.operations import Map, Operation, Selected, Write
from dataflows_core.schema import Schema
from dataflows_core.steps import StepRef, current_step

__all__ = ["Derivation", "Derived", "Split", "Splits", "Stream"]


@runtime_checkable
class Split(Protocol):
    """One piece of a source: a file, a row group, a range of bytes or keys.

    A split is picklable: plain values only, so that it can be read on another machine. It opens what it
    needs in `blocks`, anew at each call.

    Attributes:
        source: What messages call the file: its path as the user wrote it.
        size: Length in bytes, for the progress bar; None when it is not known. Where it is, `len` of a
            block is the part of it that the block is.

    A split may also have ``portable = False``, when it can be read in this process only; a method
    ``divide(parts: int)`` that returns up to so many splits which together are the same; and a method
    ``select(names)`` that returns the split with these columns only, where others need not be read then.
    """

    @property
    def source(self) -> str:
        """What messages call the file."""
        ...

    @property
    def size(self) -> int | None:
        """Length in bytes; None when it is not known."""
        ...

    def blocks(self) -> Iterator[Any]:
        """The split's blocks, in order: 1–2 MB each, cheap to make. Pulled by one thread."""
        ...

    def decode(self, block: Any) -> pa.RecordBatch:
        """The rows of a block. Called from several threads, on different blocks, at once.

        Raises:
            RowError: A record that cannot be read; its `index` counts the rows of the block.
        """
        ...

    def locate(self, block: Any, index: int) -> int:
        """The 1-based number, in the source, of the record that row `index` of a block came from."""
        ...


Derivation: TypeAlias = "Callable[..., Iterable[pa.RecordBatch]]"
"""Gets one iterator of typed batches per input, returns the batches of the derived stream."""


@dataclass(frozen=True)
class Splits:
    """The beginning of a stream that is read from outside."""

    splits: tuple[Split, ...]
    schema: Schema
    step: StepRef


@dataclass(frozen=True)
class Derived:
    """The beginning of a stream that is made of other streams: a join, a sort, a union.

    `reads` says, for each input, which of its fields the function looks at; without it, all come typed.
    """

    inputs: tuple[Stream, ...]
    function: Derivation
    schema: Schema
    step: StepRef
    reads: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class Stream:
    """A lazy table.

    Args:
        origin: Where its rows come from.
        operations: What is done to them, in order.
    """

    origin: Splits | Derived
    operations: tuple[Operation, ...] = ()

    @classmethod
    def of(cls, splits: Sequence[Split], schema: Schema) -> Stream:
        """The stream of what splits hold, one after the other.

        Args:
            splits: The pieces of the source, in order.
            schema: The schema of what they decode.
        """
        return cls(Splits(tuple(splits), schema, current_step()))

    @classmethod
    def derive(
        cls,
        inputs: Sequence[Stream],
        function: Derivation,
        schema: Schema,
        *,
        reads: Sequence[Iterable[str]] = (),
    ) -> Stream:
        """A stream made of others, or of all rows of one.

        Args:
            inputs: The streams it needs.
            function: Gets one iterator of typed batches per input, in order; returns the new batches.
                Which input it reads first, and how far, is its own affair.
            schema: The schema of the batches it returns.
            reads: For each input, the fields that the function looks at. Others may come as carried text,
                to be returned as they are or left out; by default all come typed.
        """
        named = tuple(map(frozenset, reads))
        return cls(Derived(tuple(inputs), function, schema, current_step(), named))

    @property
    def schema(self) -> Schema:
        """The schema of the batches that leave the stream."""
        return self.operations[-1].after if self.operations else self.origin.schema

    def upstream(self) -> Iterator[Stream]:
        """This stream, and all that it is made of."""
        yield self
        if isinstance(self.origin, Derived):
            for stream in self.origin.inputs:
                yield from stream.upstream()

    @property
    def writes(self) -> bool:
        """Whether something is written on the way, so that the stream has to be read to its end."""
        return any(isinstance(one, Write) for stream in self.upstream() for one in stream.operations)

    def then(self, operation: Operation) -> Stream:
        """The stream with one operation more; a query fuses with the query before it."""
        operations = self.operations
        if operations and isinstance(operation, Map) and (fused := _fused(operations[-1], operation)):
            return replace(self, operations=(*operations[:-1], fused))._reading_less()
        return replace(self, operations=(*operations, operation))._reading_less()

    def _reading_less(self) -> Stream:
        """The stream without the columns of its source that its last operation leaves out."""
        if not isinstance(self.origin, Splits) or len(self.operations) > 2:
            return self
        from dataflows_core.projection import reading_less

        less = reading_less(self.origin, self.operations)
        return self if less is None else replace(self, origin=less[0], operations=less[1])

    def beginning_at(self, resource: str) -> Stream:
        """The stream, with the name of the resource that it begins at, unless that is known already."""
        step = self.origin.step
        return self if step.resource else replace(self, origin=replace(self.origin, step=step.on(resource)))

    def share(self, readers: int = 2) -> tuple[Stream, ...]:
        """Several streams of the same rows, which are computed once and spooled to disk.

        Whichever reader asks first drives the source; the others read what it left, and go on driving
        when they have caught up.

        Args:
            readers: How many streams are wanted.
        """
        from dataflows_core.spool import share

        return share(self, readers)


def _fused(last: Operation, new: Map) -> Map | None:
    if "dataflows_core.expressions" not in sys.modules:
        return None  # nobody can have made a query
    from dataflows_core.expressions import Query, fuse

    if not (isinstance(last, Map) and isinstance(last.function, Query)):
        return None
    query = None
    if isinstance(new.function, Query):
        query = fuse(last.function, new.function)
    elif isinstance(new.function, Selected):
        query = last.function.selected(new.after)
    if query is None:
        return None
    parts = (*(last.parts or (last,)), *(new.parts or (new,)))
    return Map(new.step, last.before, new.after, query, frozenset(), parts)
