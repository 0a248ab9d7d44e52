"""DuckDB, from CSV to CSV in one statement. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

target = Path(sys.argv[2])
target.mkdir()
source, output = (str(path).replace("'", "''") for path in (sys.argv[1], target / "orders.csv"))
duckdb.sql(
    f"COPY (SELECT * FROM read_csv('{source}') UNPIVOT INCLUDE NULLS"
    f" (value FOR measure IN (quantity, price, discount))) TO '{output}' (HEADER)"
)
