"""Work that may be larger than memory: sort, join, group; done by DuckDB, which spills to disk.

A `Database` lives for one piece of work, in a temporary folder of its own. Streams are handed to it under a
name, batch by batch and always on the flow's own thread; what a query returns comes back as a stream.

    with Database(memory_limit) as database:
        database.read("input", batches, schema)
        yield from database.query("SELECT c0, c1 FROM input ORDER BY c1, ordinal", schema)

The columns are called ``c0``, ``c1`` … in the order of the schema, whatever the fields are called. `ordinal`
numbers the rows from 0: order by it last, and the result does not depend on threads. Values travel as
`storage` says, so that each comes back exactly as it went in, and orders as its type does.
"""

from __future__ import annotations

from dataflows_stdlib.outofcore.database import ORDINAL, Database
from dataflows_stdlib.outofcore.memory import MEMORY_LIMIT, check_memory_limit
from dataflows_stdlib.outofcore.storage import decoded, from_storage, ordinals, storage_type, to_storage

__all__ = [
    "MEMORY_LIMIT",
    "ORDINAL",
    "Database",
    "check_memory_limit",
    "decoded",
    "from_storage",
    "ordinals",
    "storage_type",
    "to_storage",
]
