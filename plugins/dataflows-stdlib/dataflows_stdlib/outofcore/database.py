"""A DuckDB that works for one derived stream, and is gone when that ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

import pyarrow as pa

from dataflows_core.errors import AccessError, DataError
from dataflows_core.schema import Field, Schema
from dataflows_stdlib.outofcore.folder import temporary_folder
from dataflows_stdlib.outofcore.memory import check_memory_limit, default_limit
from dataflows_stdlib.outofcore.natural import as_natural, natural_type
from dataflows_stdlib.outofcore.storage import decoded, is_text_of, ordinals, storage_type, travelling

__all__ = ["ORDINAL", "Database"]

T = TypeVar("T")

ORDINAL = "ordinal"
"""The column that numbers the rows of a stream, from 0."""
BATCH_ROWS = 65_536
"""Rows of a batch that a query returns, at most."""
_MEMORY_OF_A_THREAD = 64_000_000

_SETTINGS: dict[str, Any] = {
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "error_on_division_by_zero": "false",
    "ieee_floating_point_ops": "true",
    "python_enable_replacements": "false",
}


class Database:
    """A database in a temporary folder of its own, which is removed when its `with` block ends.

    It reads no file and no network, its settings cannot be changed, and it has no table but those that are
    handed to it. Streams are pulled on the thread that runs the query, whichever thread of DuckDB asks:
    they may hold a user's functions.

    Args:
        memory_limit: What it may take before it spills to disk, in bytes or as text such as ``"1GB"``; by
            default that of the environment variable ``DATAFLOWS_MEMORY_LIMIT``, or else a quarter of the
            machine's memory.
        ordered: Whether a query gives the same rows in the same order each time even if it does not ask for
            it, and what can keep the order of its stream does. That takes one thread.

    Attributes:
        folder: Where it keeps what does not fit into memory.

    Raises:
        FlowError: The limit is no size.

    Examples:
        >>> from dataflows_core.schema import Field
        >>> schema = Schema((Field({"name": "n", "type": "integer"}),))
        >>> batch = pa.record_batch([pa.array([2, 3, 1])], names=["n"])
        >>> with Database() as database:
        ...     database.read("input", iter([batch]), schema)
        ...     for batch in database.query("SELECT c0 FROM input ORDER BY c0, ordinal", schema):
        ...         print(batch.to_pylist())
        [{'n': 1}, {'n': 2}, {'n': 3}]
    """

    def __init__(self, memory_limit: str | int | None = None, *, ordered: bool = False) -> None:
        self._ordered = ordered
        self._limit = check_memory_limit(memory_limit)
        self._inputs: list[_Input] = []
        self._asked: SimpleQueue[_Input | None] = SimpleQueue()

    def __enter__(self) -> Self:
        import duckdb

        with ExitStack() as stack:
            self.folder = stack.enter_context(temporary_folder())
            settings = {**_SETTINGS, "temp_directory": self.folder}
            self._connection = stack.enter_context(duckdb.connect(":memory:", config=settings))
            self._thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="dataflows-duckdb"))
            self._configure()
            self._opened = stack.pop_all()
        return self

    def _configure(self) -> None:
        if self._limit is None:
            self._limit = default_limit(str(self._value("SELECT current_setting('memory_limit')")))
        threads = 1 if self._ordered else min(os.cpu_count() or 1, self._limit // _MEMORY_OF_A_THREAD)
        for statement in (
            f"SET memory_limit = '{self._limit}B'",
            f"SET threads = {max(1, threads)}",
            f"SET preserve_insertion_order = {str(self._ordered).lower()}",
            "SET GLOBAL TimeZone = 'UTC'",
            "SET lock_configuration = true",
        ):
            self._connection.execute(statement).fetchall()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stop()
        self._connection.interrupt()
        self._opened.close()

    def _stop(self) -> None:
        """Let go of the threads of DuckDB that wait for batches; they read ahead of what is wanted."""
        for one in self._inputs:
            one.stop()

    def _value(self, sql: str) -> object:
        rows: list[tuple[object, ...]] = self._connection.execute(sql).fetchall()
        return rows[0][0]

    def read(
        self, name: str, batches: Iterator[pa.RecordBatch], schema: Schema, *, natural: bool = False
    ) -> None:
        """Let queries read a stream; one query, and once in it.

        The columns are called ``c0``, ``c1`` … in the order of the schema, and `ordinal` is behind them. One
        that comes as carried text travels as text: a query must do no more than return it.

        Args:
            name: What queries call the stream.
            batches: Its batches.
            schema: Its schema.
            natural: Whether the values travel as DuckDB's own dates, times and so on (see `natural`).
        """
        if natural:
            kinds = [natural_type(field.arrow) for field in schema]
            self._register(_Input(name, batches, schema, kinds, as_natural, self._asked))
            return
        first = next(batches, None)
        kinds = [storage_type(field.arrow) for field in schema]
        if first is not None:
            kinds = [
                column.type if is_text_of(field, column.type) else kind
                for field, column, kind in zip(schema, first.columns, kinds, strict=True)
            ]
            batches = chain([first], batches)
        self._register(_Input(name, batches, schema, kinds, travelling, self._asked))

    def _register(self, one: _Input) -> None:
        self._inputs.append(one)
        self._connection.register(one.name, one)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement; the few rows that it returns, if any.

        Raises:
            DataError: A value cannot be computed.
            AccessError: Memory or disk does not suffice.
        """
        return self._served(lambda: self._connection.execute(sql).fetchall())

    def query(self, sql: str, schema: Schema) -> Iterator[pa.RecordBatch]:
        """The typed batches that a query returns.

        Args:
            sql: A SELECT; its first columns are those of the schema, in order, as they travel.
            schema: The schema of what it returns.

        Raises:
            DataError: A value cannot be computed.
            AccessError: Memory or disk does not suffice.
        """
        for batch in self.raw(sql):
            try:
                result = decoded(batch, schema)
            except pa.ArrowInvalid as error:
                raise DataError(f"a result does not fit its field: {error}") from error
            yield result

    def raw(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The batches that a query returns, as DuckDB returns them; otherwise like `query`."""
        reader = self._served(lambda: self._connection.sql(sql).to_arrow_reader(BATCH_ROWS))
        try:
            while (batch := self._served(lambda: _next(reader))) is not None:
                if batch.num_rows:
                    yield batch
        finally:
            self._stop()
            reader.close()

    def columns(self, sql: str) -> pa.Schema:
        """The names and types of what a query returns; otherwise like `query`."""
        return self._served(lambda: self._connection.sql(sql).to_arrow_reader(BATCH_ROWS).schema)

    def _served(self, work: Callable[[], T]) -> T:
        """The result of what DuckDB does in its threads, while this one gives it the batches it asks for."""
        import duckdb

        future: Future[T] = self._thread.submit(work)
        future.add_done_callback(lambda _: self._asked.put(None))
        while (one := self._asked.get()) is not None:
            one.advance()
        failed = future.exception()
        # An exception that passes through DuckDB loses its class and its cause.
        for one in self._inputs:
            if one.failure is not None:
                raise one.failure
        if isinstance(failed, duckdb.Error | pa.ArrowException | OSError):
            raise self._explained(failed) from failed
        return future.result()

    def _explained(self, error: Exception) -> Exception:
        """DuckDB's error in words; those of Arrow are DuckDB's that passed through a stream."""
        reason = str(error).split("\n", 1)[0]
        if "No space left" in reason or "max_temp_directory_size" in str(error):
            return AccessError(
                f"the disk is full: what does not fit into memory is kept in {self.folder} for a while"
                "\n  free some space, let TMPDIR name a folder with more, or give a larger memory_limit"
            )
        if "Out of Memory" in reason or "could not allocate" in reason.lower():
            return AccessError(
                f"the memory limit of {self._limit:,} bytes does not suffice: {reason}\n  give a larger one: "
                "memory_limit='4GB', or DATAFLOWS_MEMORY_LIMIT in the environment"
            )
        words = reason.split("Error: ", 1)[-1]
        if "IO Error" in reason:
            return AccessError(
                f"cannot keep in {self.folder} what does not fit into memory: {words}"
                "\n  let TMPDIR name another folder, or give a larger memory_limit"
            )
        return DataError(words)


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


class _Input:
    """A stream that DuckDB reads: it asks from any thread, and one thread answers."""

    def __init__(
        self,
        name: str,
        batches: Iterator[pa.RecordBatch],
        schema: Schema,
        kinds: list[pa.DataType],
        convert: Callable[[pa.Array, Field, pa.DataType], pa.Array],
        asked: SimpleQueue[_Input | None],
    ) -> None:
        self.name = name
        self.schema = pa.schema([*((f"c{i}", kind) for i, kind in enumerate(kinds)), (ORDINAL, pa.int64())])
        self.failure: BaseException | None = None
        self._batches, self._asked = batches, asked
        self._fields, self._kinds, self._convert = schema.fields, kinds, convert
        self._answers: SimpleQueue[pa.RecordBatch | None] = SimpleQueue()
        self._count = 0
        self._opened = threading.Lock()
        self._stopped = False

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        if not self._opened.acquire(blocking=False):
            # A second reader would see no rows, and the result would be wrong.
            self.failure = RuntimeError(f"the stream {self.name!r} can be read only once")
            raise self.failure
        reader = pa.RecordBatchReader.from_batches(self.schema, self._received())
        return reader.__arrow_c_stream__()

    def _received(self) -> Iterator[pa.RecordBatch]:
        while True:
            self._asked.put(self)
            batch = self._answers.get()
            if batch is None:
                if self.failure is not None:
                    raise RuntimeError("the stream has failed")  # never seen: the failure itself is raised
                return
            yield batch

    def advance(self) -> None:
        """Answer with the next batch."""
        if self._stopped:
            return
        answer = None
        try:
            if self.failure is None and (batch := next(self._batches, None)) is not None:
                rows = ordinals(self._count, batch.num_rows)
                self._count += batch.num_rows
                columns = map(self._convert, batch.columns, self._fields, self._kinds)
                answer = pa.RecordBatch.from_arrays([*columns, rows], schema=self.schema)
        except Exception as error:  # noqa: BLE001 - the seam: a stream may raise anything
            self.failure = error
        finally:
            self._answers.put(answer)

    def stop(self) -> None:
        """Answer that there is no more to the thread that asks, if it has asked already."""
        if self._opened.locked() and not self._stopped:
            self._stopped = True
            self._answers.put(None)
