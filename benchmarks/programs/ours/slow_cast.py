"""Load and dump with a column that no vectorised parser takes. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, load, set_type

if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"),
        set_type("quantity", type="integer"),
        dump_to_path(sys.argv[2]),
    ).process()
