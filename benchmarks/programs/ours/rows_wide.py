"""A function that touches 3 of the columns. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, load


def reprice(row):
    if row["quantity"] > 250:
        row["price"] = row["price"] * 2
        row["name"] = row["name"].upper()


if __name__ == "__main__":
    Flow(load(sys.argv[1], name="orders"), reprice, dump_to_path(sys.argv[2])).process()
