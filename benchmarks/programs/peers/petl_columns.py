"""petl, row by row. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import petl

target = Path(sys.argv[2])
target.mkdir()
table = petl.fromcsv(sys.argv[1], encoding="utf-8")
table = petl.convert(table, {"quantity": int, "price": Decimal})
table = petl.select(table, lambda row: row["quantity"] >= 50 and row["country"] != "Peru")
table = petl.addfield(table, "total", lambda row: row["quantity"] * row["price"])
table = petl.cutout(table, "note")
petl.tocsv(table, str(target / "orders.csv"), encoding="utf-8")
