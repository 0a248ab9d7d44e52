"""The locked DuckDB that expressions run in: one database a process, one cursor a thread.

It opens no file, loads no extension, sees no Python object that was not handed to it, and its settings
cannot be changed. What reaches it is SQL that `emit` wrote, over columns that have names we chose.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

__all__ = ["TABLE", "EngineError", "literal", "parse_to_json", "run", "type_of"]

TABLE = "batch"
"""What the columns that were handed over are called together."""

_SETTINGS: dict[str, Any] = {
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "error_on_division_by_zero": "false",
    "ieee_floating_point_ops": "true",
    "memory_limit": "1GB",
    "python_enable_replacements": "false",
    # A batch is one task; the streams bring their own threads.
    "threads": 1,
    # Nothing an expression does needs room on a disk.
    "temp_directory": "",
}

_lock = threading.Lock()
_databases: dict[int, Any] = {}
_local = threading.local()


class EngineError(Exception):
    """DuckDB refused or failed; the message is its reason, without its picture of our SQL."""


class _Handed:
    """What a thread's connection knows as `TABLE`: always the batch that was handed over last.

    Registering a batch anew takes longer than many a query.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch: pa.RecordBatch | None = batch

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        assert self.batch is not None
        reader = pa.RecordBatchReader.from_batches(self.batch.schema, [self.batch])
        return reader.__arrow_c_stream__(requested_schema)


def _database() -> Any:
    """This process's database; a forked process must not touch its parent's."""
    import duckdb

    with _lock:
        if os.getpid() not in _databases:
            database = duckdb.connect(":memory:", config=_SETTINGS)
            database.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
            database.execute("SET lock_configuration = true").fetchall()
            _databases[os.getpid()] = database
        return _databases[os.getpid()]


def _cursor() -> duckdb.DuckDBPyConnection:
    """This thread's connection; they are not shared, since one answers one question at a time."""
    if getattr(_local, "pid", None) != os.getpid():
        _local.cursor, _local.pid, _local.handed = _database().cursor(), os.getpid(), None
    cursor: duckdb.DuckDBPyConnection = _local.cursor
    return cursor


@atexit.register
def _close() -> None:
    """Let go of this process's connections: DuckDB complains of those that outlive the interpreter."""
    _databases.pop(os.getpid(), None)
    if getattr(_local, "pid", None) == os.getpid():
        vars(_local).clear()


def _reason(error: Exception) -> str:
    """DuckDB's reason in one line, without the class of the error and the SQL it quotes."""
    line = str(error).split("\n", 1)[0]
    return line.split("Error: ", 1)[-1]


def parse_to_json(sql: str) -> str:
    """The syntax of a SELECT as JSON; the text is data here, and nothing of it runs."""
    rows = _cursor().execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchall()
    return str(rows[0][0])


@lru_cache(maxsize=4096)
def type_of(sql: str) -> str:
    """DuckDB's name of the type of the one column that a query gives.

    Args:
        sql: SQL of ours, over no table.

    Raises:
        EngineError: No function takes arguments of those types.
    """
    import duckdb

    try:
        rows = _cursor().execute(f"DESCRIBE {sql}").fetchall()
    except duckdb.Error as error:
        raise EngineError(_reason(error)) from error
    return str(rows[0][1])


def run(sql: str, columns: Sequence[pa.Array] = ()) -> list[pa.ChunkedArray]:
    """Run a query over the table `TABLE`, whose columns are called ``c0``, ``c1`` and so on.

    Args:
        sql: SQL of ours.
        columns: Columns of one length; they are read in order.

    Returns:
        The columns of the result, in order.

    Raises:
        EngineError: A value could not be computed.
    """
    import duckdb

    cursor = _cursor()
    if columns:
        batch = pa.RecordBatch.from_arrays(list(columns), names=[f"c{i}" for i in range(len(columns))])
        if _local.handed is None:
            _local.handed = _Handed(batch)
            cursor.register(TABLE, _local.handed)
        _local.handed.batch = batch
    try:
        return list(cursor.sql(sql).to_arrow_table().columns)
    except duckdb.Error as error:
        raise EngineError(_reason(error)) from error
    finally:
        if columns:
            _local.handed.batch = None


def literal(text: str) -> str:
    """Text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
