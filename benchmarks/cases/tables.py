"""Whole tables through expressions: load, filter, compute, delete, dump."""

from __future__ import annotations

from case import OURS, Case, Program, Ratio, Table

ORDERS = Table(2_000_000)
WIDE = Table(100_000, columns=200)
SLOW = Table(200_000, slow=True)

CASES = [
    Case(
        "columns",
        "load, filter_rows, compute, delete_fields, dump_to_path on 8 columns with exact decimals",
        {
            OURS: Program("ours/columns.py", ORDERS),
            "polars": Program("peers/polars_columns.py", ORDERS),
            "duckdb": Program("peers/duckdb_columns.py", ORDERS),
            "pandas": Program("peers/pandas_columns.py", ORDERS),
        },
        (Ratio("polars", target=1.8), Ratio("duckdb"), Ratio("pandas")),
    ),
    Case(
        "columns-by-row",
        "the same against libraries that go row by row",
        {
            OURS: Program("ours/columns.py", ORDERS),
            "petl": Program("peers/petl_columns.py", ORDERS),
            "dataflows 0.5.12": Program("peers/dataflows_columns.py", ORDERS),
        },
        (Ratio("dataflows 0.5.12", "speed", 40), Ratio("petl", "speed")),
    ),
    Case(
        "unpivot",
        "load, unpivot three numbers of each row, dump_to_path: three times as many rows",
        {
            OURS: Program("ours/unpivot.py", ORDERS),
            "duckdb": Program("peers/duckdb_unpivot.py", ORDERS),
        },
        (Ratio("duckdb", target=2),),
    ),
    Case(
        "unpivot-by-row",
        "the same against dataflows",
        {
            OURS: Program("ours/unpivot.py", ORDERS),
            "dataflows 0.5.12": Program("peers/dataflows_unpivot.py", ORDERS),
        },
        (Ratio("dataflows 0.5.12", "speed", 20),),
    ),
    Case(
        "wide",
        "load and dump a table of 200 columns",
        {OURS: Program("ours/load_dump.py", WIDE), "polars": Program("peers/polars_load_dump.py", WIDE)},
        (Ratio("polars"),),
    ),
    Case(
        "slow-cast",
        "a column of 8 that is cast by the slow path in every row, against the same table without it",
        {
            OURS: Program("ours/slow_cast.py", SLOW),
            "without": Program("ours/slow_cast.py", Table(200_000)),
        },
        (Ratio("without"),),
    ),
]
