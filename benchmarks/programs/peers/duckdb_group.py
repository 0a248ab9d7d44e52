"""DuckDB, from CSV to CSV in one statement; rows in any order. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

target = Path(sys.argv[2])
target.mkdir()
source, output = (str(path).replace("'", "''") for path in (sys.argv[1], target / "orders.csv"))
duckdb.sql(
    "COPY (SELECT country, name, sum(price) AS total, avg(price) AS average, count(*) AS orders,"
    f" max(date) AS latest FROM read_csv('{source}') GROUP BY country, name) TO '{output}' (HEADER)"
)
