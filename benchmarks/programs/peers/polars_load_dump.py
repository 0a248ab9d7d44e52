"""polars, scan and sink. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

target = Path(sys.argv[2])
target.mkdir()
pl.scan_csv(sys.argv[1]).sink_csv(target / "orders.csv")
