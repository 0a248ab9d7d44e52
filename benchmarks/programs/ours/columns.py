"""Load, filter, compute, delete, dump; types inferred. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import compute, delete_fields, dump_to_path, filter_rows, load

if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"),
        filter_rows("quantity >= 50 AND country <> 'Peru'"),
        compute(total="quantity * price"),
        delete_fields(["note"]),
        dump_to_path(sys.argv[2]),
    ).process()
