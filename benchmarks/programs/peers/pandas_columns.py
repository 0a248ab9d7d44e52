"""pandas, the whole table in memory. Usage: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

target = Path(sys.argv[2])
target.mkdir()
frame = pd.read_csv(sys.argv[1])
frame = frame[(frame["quantity"] >= 50) & (frame["country"] != "Peru")]
frame = frame.assign(total=frame["quantity"] * frame["price"]).drop(columns=["note"])
frame.to_csv(target / "orders.csv", index=False)
