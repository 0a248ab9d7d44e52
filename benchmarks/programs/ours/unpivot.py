"""Load, unpivot three of eight columns, dump. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, load, unpivot

if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"),
        unpivot(
            [{"name": "(quantity|price|discount)", "keys": {"measure": r"\1"}}],
            [{"name": "measure", "type": "string"}],
            {"name": "value", "type": "number"},
        ),
        dump_to_path(sys.argv[2]),
    ).process()
