"""Tables that must be seen whole, one at a time: sort and deduplicate."""

from __future__ import annotations

from case import OURS, Case, Program, Ratio, Table

ORDERS = Table(2_000_000, shuffled=True)
KEY = ("id",)
FEW = ("date", "quantity")

CASES = [
    Case(
        "sort",
        "sort by a key in random order",
        {OURS: Program("ours/sort.py", ORDERS), "duckdb": Program("peers/duckdb_sort.py", ORDERS)},
        (Ratio("duckdb", target=2),),
    ),
    Case(
        "sort-by-row",
        "the same against dataflows 0.5.12",
        {
            OURS: Program("ours/sort.py", ORDERS),
            "dataflows 0.5.12": Program("peers/dataflows_sort.py", ORDERS),
        },
        (Ratio("dataflows 0.5.12", "speed", 20),),
    ),
    Case(
        "sort-large",
        "sort 20 million rows in less than 1 GB",
        {OURS: Program("ours/sort_limited.py", Table(20_000_000, shuffled=True))},
        (),
        peak=1000,
    ),
    Case(
        "dedupe",
        "keep the first row of each key; no key comes twice",
        {
            OURS: Program("ours/dedupe.py", ORDERS, arguments=KEY),
            "duckdb": Program("peers/duckdb_dedupe.py", ORDERS, arguments=KEY),
        },
        (Ratio("duckdb", target=2),),
    ),
    Case(
        "dedupe-few",
        "the same; one row in forty stays",
        {
            OURS: Program("ours/dedupe.py", ORDERS, arguments=FEW),
            "duckdb": Program("peers/duckdb_dedupe.py", ORDERS, arguments=FEW),
        },
        (Ratio("duckdb", target=2),),
    ),
    Case(
        "dedupe-by-row",
        "the first of these against dataflows 0.5.12",
        {
            OURS: Program("ours/dedupe.py", ORDERS, arguments=KEY),
            "dataflows 0.5.12": Program("peers/dataflows_dedupe.py", ORDERS, arguments=KEY),
        },
        (Ratio("dataflows 0.5.12", "speed", 20),),
    ),
]
