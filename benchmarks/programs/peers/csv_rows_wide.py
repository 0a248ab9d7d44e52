"""The standard library's csv on a wide table, of which three columns are touched. Usage: SOURCE TARGET."""

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
    writer = csv.DictWriter(output, reader.fieldnames)
    writer.writeheader()
    for row in reader:
        if int(row["quantity"]) > 250:
            row["price"] = Decimal(row["price"]) * 2
            row["name"] = row["name"].upper()
        writer.writerow(row)
