"""polars, lazy and streaming, with its defaults. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

target = Path(sys.argv[2])
target.mkdir()
(
    pl.scan_csv(sys.argv[1])
    .filter((pl.col("quantity") >= 50) & (pl.col("country") != "Peru"))
    .with_columns(total=pl.col("quantity") * pl.col("price"))
    .drop("note")
    .sink_csv(target / "orders.csv")
)
