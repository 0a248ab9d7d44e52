"""DuckDB, from CSV to CSV in one statement. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

target = Path(sys.argv[2])
target.mkdir()
source, output = (str(path).replace("'", "''") for path in (sys.argv[1], target / "orders.csv"))
duckdb.sql(
    f"COPY (SELECT * EXCLUDE (note), quantity * price AS total FROM read_csv('{source}')"
    f" WHERE quantity >= 50 AND country <> 'Peru') TO '{output}' (HEADER)"
)
