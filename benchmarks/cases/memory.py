"""Whether memory grows with the table."""

from __future__ import annotations

from case import OURS, Case, Program, Ratio, Table

CASES = [
    Case(
        "memory",
        "peak memory of ten times the table, `columns`",
        {
            OURS: Program("ours/columns.py", Table(20_000_000)),
            "a tenth of it": Program("ours/columns.py", Table(2_000_000)),
        },
        (Ratio("a tenth of it", "memory", 1.15),),
        peak=300,
        equal_rows=False,
    )
]
