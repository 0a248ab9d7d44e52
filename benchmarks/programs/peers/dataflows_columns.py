"""dataflows 0.5.12, types inferred and cast. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows import Flow, add_field, delete_fields, dump_to_path, filter_rows, load


def total(row):
    row["total"] = row["quantity"] * row["price"]


Flow(
    load(sys.argv[1], name="orders", cast_strategy=load.CAST_WITH_SCHEMA),
    filter_rows(lambda row: row["quantity"] >= 50 and row["country"] != "Peru"),
    add_field("total", "number"),
    total,
    delete_fields(["note"]),
    dump_to_path(sys.argv[2]),
).process()
