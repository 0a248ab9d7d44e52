"""dataflows 0.5.12, types inferred and cast. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows import Flow, dump_to_path, load, unpivot

Flow(
    load(sys.argv[1], name="orders", cast_strategy=load.CAST_WITH_SCHEMA),
    unpivot(
        [{"name": "(quantity|price|discount)", "keys": {"measure": r"\1"}}],
        [{"name": "measure", "type": "string"}],
        {"name": "value", "type": "number"},
    ),
    dump_to_path(sys.argv[2]),
).process()
