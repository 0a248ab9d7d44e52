"""Rows that are brought together by a key: join, group."""

from __future__ import annotations

from case import OURS, Case, Program, Ratio, Table

ORDERS = Table(2_000_000)
PAYMENTS = Table(2_000_000, shuffled=True)
FEW_ORDERS = Table(200_000)
FEW_PAYMENTS = Table(200_000, shuffled=True)
MANY = Table(5_000_000, shuffled=True)
# Not the same number: the tables would be the same file.
MANY_OTHERS = Table(4_999_999, shuffled=True)

CASES = [
    Case(
        "join",
        "two fields of a table with its keys in random order joined to another, in its order",
        {
            OURS: Program("ours/join.py", PAYMENTS, ORDERS),
            "duckdb": Program("peers/duckdb_join.py", PAYMENTS, ORDERS),
        },
        (Ratio("duckdb", target=2),),
    ),
    Case(
        "join-by-row",
        "the same, a tenth of it, against a library that goes row by row",
        {
            OURS: Program("ours/join.py", FEW_PAYMENTS, FEW_ORDERS),
            "dataflows 0.5.12": Program("peers/dataflows_join.py", FEW_PAYMENTS, FEW_ORDERS),
        },
        (Ratio("dataflows 0.5.12", "speed", 20),),
    ),
    Case(
        "join-large",
        "5 million rows joined to 5 million, both with their keys in random order, within 500 MB",
        {OURS: Program("ours/join.py", MANY, MANY_OTHERS, arguments=("500MB",))},
        (),
        peak=1000,
    ),
    Case(
        "group",
        "sum, average, count and greatest by country and name",
        {OURS: Program("ours/group.py", ORDERS), "duckdb": Program("peers/duckdb_group.py", ORDERS)},
        (Ratio("duckdb", target=2),),
    ),
    Case(
        "group-by-row",
        "the same, a quarter of it, against a library that goes row by row",
        {
            OURS: Program("ours/group.py", Table(500_000)),
            "dataflows 0.5.12": Program("peers/dataflows_group.py", Table(500_000)),
        },
        (Ratio("dataflows 0.5.12", "speed", 20),),
    ),
]
