"""dataflows 0.5.12, the first row of each key. Usage: SOURCE TARGET KEY …."""

from __future__ import annotations

import sys

from dataflows import Flow, deduplicate, dump_to_path, load, set_primary_key

Flow(
    load(sys.argv[1], name="orders", cast_strategy=load.CAST_WITH_SCHEMA),
    set_primary_key(sys.argv[3:]),
    deduplicate(),
    dump_to_path(sys.argv[2]),
).process()
