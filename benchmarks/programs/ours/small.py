"""Ten rows, without an expression. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import delete_fields, dump_to_path, load


def shorten(row):
    row["name"] = row["name"][:3]


if __name__ == "__main__":
    Flow(
        load(sys.argv[1], name="orders"), shorten, delete_fields(["note"]), dump_to_path(sys.argv[2])
    ).process()
