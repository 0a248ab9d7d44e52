"""DuckDB, one row of each key from CSV to CSV in one statement, any of them. Usage: SOURCE TARGET KEY …."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

target = Path(sys.argv[2])
target.mkdir()
source, output = (str(path).replace("'", "''") for path in (sys.argv[1], target / "orders.csv"))
keys = ", ".join(sys.argv[3:])
duckdb.sql(f"COPY (SELECT DISTINCT ON ({keys}) * FROM read_csv('{source}')) TO '{output}' (HEADER)")
