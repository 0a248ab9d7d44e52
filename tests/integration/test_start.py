"""What a small flow leaves alone: imports that take longer than it does."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pandas")

SLOW = ("pandas", "tableschema", "datapackage", "duckdb", "fsspec", "charset_normalizer", "urllib.request")

COLUMNS: dict[str, tuple[str, str]] = {
    "id": ("1", "2"),
    "name": ("Ulm", ""),
    "price": ("1.50", "2.00"),
    "share": ("0.003143260708814195", "0.5"),
    "day": ("2020-01-01", ""),
    "at": ("2020-01-01T00:00:01", "2020-01-01T00:00:02.5"),
    "zoned": ("2020-01-01T00:00:01Z", "2020-01-01T00:00:02Z"),
    "flag": ("true", "false"),
    "big": ("100000000000000000000", "1"),
    "code": ("007", "010"),
    "note": ('a, "b"', "x"),
    "blank": ("", ""),
    "clock": ("12:00:01", "12:00:02.5"),
    "negative": ("-1.25", "-0.50"),
}

FLOW = """
import sys
from dataflows_core import Flow
from dataflows_core.processors import delete_fields, dump_to_path, load, set_type
Flow(load("table.csv"), {step}, dump_to_path("out")).process()
print(sorted(set({slow!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize("step", ["None", "delete_fields(['code'])", "set_type('big', type='string')"])
def test_a_flow_without_functions_imports_nothing_slow(tmp_path: Path, step: str) -> None:
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *zip(*COLUMNS.values(), strict=True)])
    code = FLOW.format(step=step, slow=SLOW)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
    assert len((tmp_path / "out/table.csv").read_text().splitlines()) == 3
