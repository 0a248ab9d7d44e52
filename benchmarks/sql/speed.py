"""Writes a table into a PostgreSQL server, and prints the ratios to COPY and to rewrite.

Usage: `python benchmarks/sql/speed.py postgresql://user:password@host/database [--rows N] [--repeat N]`
The tables `peer` and `ours` of that database are replaced.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from dataflows_core import Flow
from dataflows_core.processors import dump_to_sql

COLUMNS = (
    "id bigint, name text, country text, day date, price numeric(10,2), amount bigint, note text, ok boolean"
)


def main() -> None:
    """Parses the command line and prints seconds and ratios; medians, interleaved."""
    parser = argparse.ArgumentParser(description="dump_to_sql against COPY from a ready CSV file.")
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    before = table(options.rows)
    after = before.set_column(5, "amount", pc.add(before["amount"], 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        pa.csv.write_csv(before, path, pa.csv.WriteOptions(include_header=False))
        programs = {
            "copy": lambda: copy(options.url, path),
            "rewrite": lambda: dump(options.url, before, mode="rewrite"),
            "update": lambda: dump(options.url, after, mode="update", update_keys=["id"]),
        }
        runs: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(options.repeat):
            for name, program in programs.items():
                runs[name].append(seconds(program))
    medians = {name: statistics.median(times) for name, times in runs.items()}
    for name, times in runs.items():
        print(f"  {name:<8} {medians[name]:7.2f} s ({min(times):.2f} to {max(times):.2f})")
    print(f"  rewrite to copy:   {medians['rewrite'] / medians['copy']:.2f} × (hoped for: at most 2)")
    print(f"  update to rewrite: {medians['update'] / medians['rewrite']:.2f} × (hoped for: at most 3)")


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


def dump(url: str, data: pa.Table, **options: object) -> None:
    """The same table by dump_to_sql."""
    Flow(data, dump_to_sql({"ours": {"resource-name": "res_1", **options}}, url)).process()


def seconds(program: Callable[[], None]) -> float:
    """How long a program takes."""
    start = time.perf_counter()
    program()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
