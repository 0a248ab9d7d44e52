"""A Python function of the row, against the script one would write without us."""

from __future__ import annotations

from case import OURS, Case, Program, Ratio, Table

ORDERS = Table(2_000_000)
WIDE = Table(200_000, columns=60)

CASES = [
    Case(
        "rows",
        "the work of `columns`, computed by a row function",
        {OURS: Program("ours/rows.py", ORDERS), "csv script": Program("peers/csv_rows.py", ORDERS)},
        (Ratio("csv script", "speed", 1.6),),
    ),
    Case(
        "rows-wide",
        "a row function that touches 3 of 60 columns",
        {
            OURS: Program("ours/rows_wide.py", WIDE),
            "csv script": Program("peers/csv_rows_wide.py", WIDE),
        },
        (Ratio("csv script", "speed", 2.8),),
    ),
]
