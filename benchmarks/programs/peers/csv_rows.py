"""A script of the standard library's csv, int and Decimal only where needed. Usage: SOURCE TARGET."""

from __future__ import annotations

import csv
import sys
from decimal import Decimal
from pathlib import Path

target = Path(sys.argv[2])
target.mkdir()
with (
    Path(sys.argv[1]).open(encoding="utf-8", newline="") as source,
    (target / "orders.csv").open("w", encoding="utf-8", newline="") as output,
):
    reader = csv.DictReader(source)
    names = [name for name in reader.fieldnames if name != "note"]
    writer = csv.DictWriter(output, [*names, "total"])
    writer.writeheader()
    for row in reader:
        quantity = int(row["quantity"])
        if quantity >= 50 and row["country"] != "Peru":
            row["total"] = quantity * Decimal(row["price"])
            del row["note"]
            writer.writerow(row)
