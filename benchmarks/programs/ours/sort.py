"""Load, sort by a key, dump. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, load, sort_rows

if __name__ == "__main__":
    Flow(load(sys.argv[1], name="orders"), sort_rows("{id}"), dump_to_path(sys.argv[2])).process()
