"""DuckDB, from CSV to CSV in one statement; rows in any order. Usage: PAYMENTS ORDERS TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

target = Path(sys.argv[3])
target.mkdir()
payments, orders, output = (
    str(path).replace("'", "''") for path in (sys.argv[1], sys.argv[2], target / "orders.csv")
)
duckdb.sql(
    "COPY (SELECT orders.*, payments.price AS paid, payments.name AS payer"
    f" FROM read_csv('{orders}') AS orders LEFT JOIN read_csv('{payments}') AS payments USING (id))"
    f" TO '{output}' (HEADER)"
)
