"""Group orders by country and name. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, join_with_self, load, update_resource

if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"),
        join_with_self(
            "orders",
            ["country", "name"],
            {
                "country": None,
                "name": None,
                "total": {"name": "price", "aggregate": "sum"},
                "average": {"name": "price", "aggregate": "avg"},
                "orders": {"aggregate": "count"},
                "latest": {"name": "date", "aggregate": "max"},
            },
        ),
        update_resource("orders", path="orders.csv"),
        dump_to_path(sys.argv[2]),
    ).process()
