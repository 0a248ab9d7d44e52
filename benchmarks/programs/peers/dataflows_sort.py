"""dataflows 0.5.12, sorted by a key. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows import Flow, dump_to_path, load, sort_rows

Flow(
    load(sys.argv[1], name="orders", cast_strategy=load.CAST_WITH_SCHEMA),
    sort_rows("{id}"),
    dump_to_path(sys.argv[2]),
).process()
