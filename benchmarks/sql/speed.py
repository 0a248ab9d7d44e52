"""Writes tables into databases and reads them, and prints the ratios to what the databases do by themselves.

Usage: `python benchmarks/sql/speed.py [URL] [--rows N] [--repeat N]`

PostgreSQL is a server that the program starts and stops, or the one of the URL; the tables `peer` and `ours`
of that database are replaced. Runs are interleaved; medians are printed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import runpy
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from dataflows_core import Flow
from dataflows_core.processors import dump_to_sql, load_sql

COLUMNS = (
    "id bigint, name text, country text, day date, price numeric(10,2), amount bigint, note text, ok boolean"
)
SERVER = Path(__file__).parents[2] / "plugins/dataflows-sql/tests/postgresql.py"
RATIOS = (
    ("rewrite", "copy", 2.0),
    ("update", "rewrite", 3.0),
    ("read", "copy out", None),
    ("read", "fetchall", None),
    ("sqlite write", "sqlite executemany", None),
    ("sqlite read", "sqlite fetchall", None),
    ("duckdb write", "duckdb insert", None),
    ("duckdb read", "duckdb to arrow", None),
)


def main() -> None:
    """Parses the command line and prints seconds and ratios."""
    parser = argparse.ArgumentParser(description="dump_to_sql and load_sql against the databases' own ways.")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = options.url
        if url is None:
            made = runpy.run_path(str(SERVER))
            url = stack.enter_context(made["database"](stack.enter_context(made["running"]())))
        programs = {**in_postgresql(url, folder, options.rows), **in_files(folder, options.rows)}
        runs: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(options.repeat):
            for name, program in programs.items():
                runs[name].append(seconds(program))
    medians = {name: statistics.median(times) for name, times in runs.items()}
    for name, times in runs.items():
        print(f"  {name:<18} {medians[name]:7.2f} s ({min(times):.2f} to {max(times):.2f})")
    for ours, peer, most in RATIOS:
        hoped = f" (hoped for: at most {most:g})" if most else ""
        print(f"  {ours} to {peer}: {medians[ours] / medians[peer]:.2f} ×{hoped}")


def in_postgresql(url: str, folder: Path, rows: int) -> dict[str, Callable[[], object]]:
    """The programs that need a server."""
    before = table(rows)
    after = before.set_column(5, "amount", pc.add(before["amount"], 1))
    path = folder / "table.csv"
    pa.csv.write_csv(before, path, pa.csv.WriteOptions(include_header=False))
    return {
        "copy": lambda: copy(url, path),
        "rewrite": lambda: dump(url, before, mode="rewrite"),
        "update": lambda: dump(url, after, mode="update", update_keys=["id"]),
        "copy out": lambda: copy_out(url),
        "fetchall": lambda: fetch(url),
        "read": lambda: Flow(load_sql(url, table="ours")).process(),
    }


def in_files(folder: Path, rows: int) -> dict[str, Callable[[], object]]:
    """The programs that need a file; those of SQLite get a tenth of the rows."""
    large, small = table(rows), table(rows // 10)
    lite, duck = f"sqlite:///{folder}/x.sqlite", f"duckdb:///{folder}/x.duckdb"
    tuples = [tuple(row.values()) for row in small.to_pylist()]
    values = [(*row[:3], str(row[3]), float(row[4]), *row[5:]) for row in tuples]
    return {
        "sqlite write": lambda: dump(lite, small),
        "sqlite read": lambda: Flow(load_sql(lite, table="ours")).process(),
        "sqlite executemany": lambda: executemany(folder / "x.sqlite", values),
        "sqlite fetchall": lambda: fetch_sqlite(folder / "x.sqlite"),
        "duckdb write": lambda: dump(duck, large),
        "duckdb read": lambda: Flow(load_sql(duck, table="ours")).process(),
        "duckdb insert": lambda: insert(folder / "x.duckdb", large),
        "duckdb to arrow": lambda: to_arrow(folder / "x.duckdb"),
    }


def table(rows: int) -> pa.Table:
    """Eight columns, the texts of one sometimes empty and sometimes quoted."""
    days = [dt.date(2000, 1, 1) + dt.timedelta(days=n) for n in range(5000)]
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "name": [f"name {n * 7 % 1000}" for n in range(rows)],
            "country": [f"country {n % 50}" for n in range(rows)],
            "day": [days[n % 5000] for n in range(rows)],
            "price": pa.array([f"{n % 100_000}.{n % 100:02}" for n in range(rows)]).cast(
                pa.decimal128(10, 2)
            ),
            "amount": pa.array(range(rows), pa.int64()),
            "note": ["" if n % 3 else 'a longer note, "quoted"' for n in range(rows)],
            "ok": [n % 2 == 0 for n in range(rows)],
        }
    )


def copy(url: str, path: Path) -> None:
    """COPY from a file that is ready."""
    with psycopg.connect(url) as connection:
        connection.execute(f"DROP TABLE IF EXISTS peer; CREATE TABLE peer ({COLUMNS})")
        with connection.cursor().copy("COPY peer FROM STDIN (FORMAT csv)") as target, path.open("rb") as file:
            while block := file.read(1 << 20):
                target.write(block)


def copy_out(url: str) -> None:
    """COPY to nowhere: nothing is made of what comes."""
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy("COPY ours TO STDOUT (FORMAT csv)") as source,
    ):
        for _ in source:
            pass


def fetch(url: str) -> None:
    """All rows as tuples, at once."""
    with psycopg.connect(url) as connection, connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT * FROM ours").fetchall()


def executemany(path: Path, rows: list[tuple[object, ...]]) -> None:
    """Ready tuples into a new table."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS peer")
        connection.execute(f"CREATE TABLE peer ({COLUMNS})")
        connection.executemany(f"INSERT INTO peer VALUES ({', '.join('?' * 8)})", rows)


def fetch_sqlite(path: Path) -> None:
    """All rows as tuples of what SQLite stores, at once."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT * FROM ours").fetchall()


def insert(path: Path, data: pa.Table) -> None:
    """The Arrow table into a new one."""
    with duckdb.connect(path) as connection:
        connection.register("data", data)
        connection.execute("CREATE OR REPLACE TABLE peer AS SELECT * FROM data")


def to_arrow(path: Path) -> None:
    """All rows as an Arrow table, at once."""
    with duckdb.connect(path) as connection:
        connection.sql("SELECT * FROM ours").to_arrow_table()


def dump(url: str, data: pa.Table, **options: object) -> None:
    """A table by dump_to_sql."""
    Flow(data, dump_to_sql({"ours": {"resource-name": "res_1", **options}}, url)).process()


def seconds(program: Callable[[], object]) -> float:
    """How long a program takes."""
    start = time.perf_counter()
    program()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
