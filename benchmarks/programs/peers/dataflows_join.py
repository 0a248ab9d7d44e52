"""dataflows 0.5.12, types inferred and cast. Usage: PAYMENTS ORDERS TARGET."""

from __future__ import annotations

import sys

from dataflows import Flow, dump_to_path, join, load

Flow(
    load(sys.argv[1], name="payments", cast_strategy=load.CAST_WITH_SCHEMA),
    load(sys.argv[2], name="orders", cast_strategy=load.CAST_WITH_SCHEMA),
    join("payments", ["id"], "orders", ["id"], {"paid": {"name": "price"}, "payer": {"name": "name"}}),
    dump_to_path(sys.argv[3]),
).process()
