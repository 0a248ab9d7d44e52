"""The same, computed by a function of the row. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import add_field, delete_fields, dump_to_path, filter_rows, load


def total(row):
    row["total"] = row["quantity"] * row["price"]


if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"),
        filter_rows("quantity >= 50 AND country <> 'Peru'"),
        add_field("total", "number"),
        total,
        delete_fields(["note"]),
        dump_to_path(sys.argv[2]),
    ).process()
