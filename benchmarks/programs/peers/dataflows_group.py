"""dataflows 0.5.12, types inferred and cast. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows import Flow, dump_to_path, join_with_self, load, update_resource

Flow(
    load(sys.argv[1], name="orders", cast_strategy=load.CAST_WITH_SCHEMA),
    join_with_self(
        "orders",
        ["country", "name"],
        {
            "country": None,
            "name": None,
            "total": {"name": "price", "aggregate": "sum"},
            "average": {"name": "price", "aggregate": "avg"},
            "orders": {"name": "id", "aggregate": "count"},
            "latest": {"name": "date", "aggregate": "max"},
        },
    ),
    update_resource("orders", path="orders.csv"),
    dump_to_path(sys.argv[2]),
).process()
