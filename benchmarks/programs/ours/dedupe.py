"""Load, keep the first row of each key, dump. Usage: SOURCE TARGET KEY …."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import deduplicate, dump_to_path, load

if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"),
        deduplicate(keys=sys.argv[3:]),
        dump_to_path(sys.argv[2]),
    ).process()
