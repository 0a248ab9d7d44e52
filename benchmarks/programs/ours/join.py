"""Join two fields by key. Usage: PAYMENTS ORDERS TARGET [MEMORY_LIMIT]."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, join, load

if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="payments"),
        load(sys.argv[2], name="orders"),
        join(
            "payments",
            "id",
            "orders",
            "id",
            {"paid": {"name": "price"}, "payer": {"name": "name"}},
            memory_limit=sys.argv[4] if len(sys.argv) > 4 else None,
        ),
        dump_to_path(sys.argv[3]),
    ).process()
